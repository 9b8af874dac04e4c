import type { ScramDigest, ScramHash } from "../../protocol/scram.ts";

/** SCRAM's cryptography by WebCrypto, which every runtime has; deriving a key keeps no event loop. */
export const webDigest: ScramDigest = {
  async hash(hash, data) {
    return new Uint8Array(await crypto.subtle.digest(hash, own(data)));
  },
  async hmac(hash, key, data) {
    const imported = await crypto.subtle.importKey("raw", own(key), { name: "HMAC", hash }, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", imported, own(data)));
  },
  async pbkdf2(hash, password, salt, iterations) {
    const imported = await crypto.subtle.importKey("raw", own(password), "PBKDF2", false, ["deriveBits"]);
    const algorithm = { name: "PBKDF2", hash, salt: own(salt), iterations };
    return new Uint8Array(await crypto.subtle.deriveBits(algorithm, imported, bits(hash)));
  },
};

function bits(hash: ScramHash): number {
  return hash === "SHA-256" ? 256 : 512;
}

/** WebCrypto takes no view of shared memory, and types say so. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

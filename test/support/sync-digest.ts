import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { ScramDigest, ScramHash } from "../../protocol/scram.ts";

const NAMES = { "SHA-256": "sha256", "SHA-512": "sha512" } as const;

/** SCRAM's cryptography without a promise: for tests whose clock does not wait for WebCrypto. */
export const syncDigest: ScramDigest = {
  hash: (hash: ScramHash, data) => new Uint8Array(createHash(NAMES[hash]).update(data).digest()),
  hmac: (hash, key, data) => new Uint8Array(createHmac(NAMES[hash], key).update(data).digest()),
  pbkdf2: (hash, password, salt, iterations) =>
    new Uint8Array(pbkdf2Sync(password, salt, iterations, hash === "SHA-256" ? 32 : 64, NAMES[hash])),
};

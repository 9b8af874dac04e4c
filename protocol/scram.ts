/** The hash function of a SCRAM mechanism. */
export type ScramHash = "SHA-256" | "SHA-512";

/** The cryptography that SCRAM stands on. Passed in: some of it settles outside a simulation's clock. */
export interface ScramDigest {
  hash(hash: ScramHash, data: Uint8Array): Uint8Array | Promise<Uint8Array>;
  hmac(hash: ScramHash, key: Uint8Array, data: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Derives a key as long as the hash: RFC 5802's Hi. */
  pbkdf2(hash: ScramHash, password: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array | Promise<Uint8Array>;
}

/** Fewer would make a stolen proof too easy to guess the password from (RFC 7677; Kafka refuses them too). */
export const MIN_ITERATIONS = 4096;
/** A server that asks for more would only keep this side busy. */
export const MAX_ITERATIONS = 1_000_000;

/** The other side's message is wrong, or does not prove what it should. */
export class ScramError extends Error {
  override readonly name = "ScramError";
}

export interface ScramClientOptions {
  readonly hash: ScramHash;
  readonly digest: ScramDigest;
  readonly username: string;
  /** Unpredictable, in printable ASCII without commas. */
  readonly nonce: string;
  /** The password salted by the server's salt and iterations: `digest.pbkdf2`, or what is remembered of it. */
  salted(salt: Uint8Array, iterations: number): Uint8Array | Promise<Uint8Array>;
}

const GS2_HEADER = "n,,";

/**
 * The client's side of one SCRAM authentication (RFC 5802, RFC 7677): yields the client's messages, is given the
 * server's, and throws a {@link ScramError} where the server does not prove that it knows the password too.
 *
 * Names and passwords are taken as they are: Kafka does not normalise them (SASLprep) either, so whatever was stored by
 * its tools is what it compares.
 */
export async function* scramClient(options: ScramClientOptions): AsyncGenerator<Uint8Array, void, Uint8Array> {
  const { hash, digest, nonce } = options;
  const firstBare = `n=${escapeName(options.username)},r=${nonce}`;
  const first = utf8(yield encode(GS2_HEADER + firstBare));
  const server = readServerFirst(first, nonce);
  const withoutProof = `c=${base64(encode(GS2_HEADER))},r=${server.nonce}`;
  const message = encode(`${firstBare},${first},${withoutProof}`);
  const salted = await options.salted(server.salt, server.iterations);
  const keys = await scramKeys(hash, digest, salted);
  const proof = xor(keys.clientKey, await digest.hmac(hash, keys.storedKey, message));
  const last = attributes(utf8(yield encode(`${withoutProof},p=${base64(proof)}`)));
  const refusal = last.get("e");
  if (refusal !== undefined) throw new ScramError(`the server refused: ${refusal}`);
  const signature = await digest.hmac(hash, keys.serverKey, message);
  if (!isSame(decodeBase64(last.get("v") ?? "", "signature"), signature)) {
    throw new ScramError("the server's signature is wrong: it does not know the password, so it is not the server");
  }
}

/** What a server keeps of a password. */
export interface ScramCredential {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export interface ScramServerOptions {
  readonly hash: ScramHash;
  readonly digest: ScramDigest;
  /** The server's part of the nonce. */
  readonly nonce: string;
  credential(username: string): ScramCredential | undefined | Promise<ScramCredential | undefined>;
}

/**
 * The server's side of one SCRAM authentication, after the client's first message: yields the challenge, is given the
 * client's proof, and returns the user with the last message. Throws a {@link ScramError} where it is not that user.
 */
export async function* scramServer(
  options: ScramServerOptions,
  clientFirst: Uint8Array,
): AsyncGenerator<Uint8Array, { readonly username: string; readonly message: Uint8Array }, Uint8Array> {
  const { hash, digest } = options;
  const first = readClientFirst(utf8(clientFirst));
  const credential = await options.credential(first.username);
  if (credential === undefined) throw new ScramError("there is no such user");
  const { salt, iterations } = credential;
  const nonce = first.nonce + options.nonce;
  const serverFirst = `r=${nonce},s=${base64(salt)},i=${iterations}`;
  const final = utf8(yield encode(serverFirst));
  const at = final.lastIndexOf(",p=");
  if (at < 0) throw new ScramError("the client's last message has no proof");
  const given = attributes(final);
  if (given.get("r") !== nonce) throw new ScramError("the client's last message has another nonce");
  if (given.get("c") !== base64(encode(first.gs2Header))) throw new ScramError("the channel binding is another");
  const message = encode(`${first.bare},${serverFirst},${final.slice(0, at)}`);
  const signature = await digest.hmac(hash, credential.storedKey, message);
  const proof = decodeBase64(given.get("p")!, "proof");
  const isKnown =
    proof.length === signature.length && isSame(await digest.hash(hash, xor(proof, signature)), credential.storedKey);
  if (!isKnown) throw new ScramError("the proof is wrong");
  const verifier = base64(await digest.hmac(hash, credential.serverKey, message));
  return { username: first.username, message: encode(`v=${verifier}`) };
}

/** What a server keeps of a password, made of the password. */
export async function scramCredential(
  hash: ScramHash,
  digest: ScramDigest,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramCredential> {
  const salted = await digest.pbkdf2(hash, encode(password), salt, iterations);
  const { storedKey, serverKey } = await scramKeys(hash, digest, salted);
  return { salt, iterations, storedKey, serverKey };
}

async function scramKeys(
  hash: ScramHash,
  digest: ScramDigest,
  salted: Uint8Array,
): Promise<{ readonly clientKey: Uint8Array; readonly storedKey: Uint8Array; readonly serverKey: Uint8Array }> {
  const clientKey = await digest.hmac(hash, salted, encode("Client Key"));
  const storedKey = await digest.hash(hash, clientKey);
  return { clientKey, storedKey, serverKey: await digest.hmac(hash, salted, encode("Server Key")) };
}

function readServerFirst(
  text: string,
  clientNonce: string,
): { readonly nonce: string; readonly salt: Uint8Array; readonly iterations: number } {
  const given = attributes(text);
  const refusal = given.get("e");
  if (refusal !== undefined) throw new ScramError(`the server refused: ${refusal}`);
  if (given.has("m")) throw new ScramError("the server wants an extension that this client does not have");
  const nonce = given.get("r") ?? "";
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length) {
    throw new ScramError("the server's nonce does not continue the client's: this may be an answer to someone else");
  }
  const salt = decodeBase64(given.get("s") ?? "", "salt");
  if (salt.length === 0) throw new ScramError("the server gave no salt");
  const count = given.get("i") ?? "";
  const iterations = /^[1-9]\d{0,9}$/.test(count) ? Number(count) : 0;
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new ScramError(
      `the server asks for ${count || "no"} iterations: ${MIN_ITERATIONS} to ${MAX_ITERATIONS} are accepted`,
    );
  }
  return { nonce, salt, iterations };
}

function readClientFirst(text: string): {
  readonly gs2Header: string;
  readonly bare: string;
  readonly username: string;
  readonly nonce: string;
} {
  const [, gs2Header, authorizationId, bare] = /^(n,(?:a=([^,]*))?,)(.*)$/s.exec(text) ?? [];
  if (gs2Header === undefined || bare === undefined) throw new ScramError("the client's first message is not SCRAM's");
  const given = attributes(bare);
  const username = unescapeName(given.get("n") ?? "");
  if (authorizationId !== undefined && unescapeName(authorizationId) !== username) {
    throw new ScramError("the client asks to act for another user");
  }
  const nonce = given.get("r") ?? "";
  if (nonce === "") throw new ScramError("the client gave no nonce");
  return { gs2Header, bare, username, nonce };
}

/** `a=1,b=2`: a value may hold `=`, as base64 does. Of a name that comes twice the first counts. */
function attributes(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    if (at !== 1 || !/[A-Za-z]/.test(part[0]!)) throw new ScramError("a message is not a list of attributes");
    if (!found.has(part[0]!)) found.set(part[0]!, part.slice(2));
  }
  return found;
}

function escapeName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

function unescapeName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw new ScramError("a user name has an escape that is none");
  return text.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ScramError("a message is not UTF-8");
  }
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function decodeBase64(text: string, what: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    throw new ScramError(`the ${what} is not base64`);
  }
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!);
}

/** In a time that does not tell where they differ. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (const [i, byte] of a.entries()) difference |= byte ^ (b[i] ?? 0);
  return difference === 0;
}

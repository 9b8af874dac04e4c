import { InvalidOptionError, JobError, type Serializer, UnreadableHereError } from "ottla";

export interface EncryptionOptions {
  /**
   * Keys of AES-256 by id: 32 random bytes each, which are copied. An id is 1 to 32 of `A-Z a-z 0-9 . _ -`; anyone can
   * read it in the values. Never give an old id to a new key. A key is good for 2^32 payloads.
   */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  /** Which of them encrypts. The others only decrypt. */
  readonly current: string;
  /** Makes bytes of payloads. Default: JSON. What it says of a payload that it cannot write is passed on to the caller. */
  readonly inner?: Serializer | undefined;
  /**
   * For going over from plain payloads. `"write"`: they are still written, while not every process can decrypt yet; true:
   * they are only read, while there are old jobs. As long as it is set, whoever can write to the topic can enqueue what
   * nobody encrypted. It needs an `inner` whose values never begin with the byte 0xc1, as text does not. Default false.
   */
  readonly allowPlain?: boolean | "write" | undefined;
}

/** The value names a key that this process does not have. Workers wait for it to be deployed. */
export class UnknownKeyIdError extends UnreadableHereError {
  override readonly name = "UnknownKeyIdError";
  readonly keyId: string;

  constructor(keyId: string, known: Iterable<string>) {
    super(
      `the value is encrypted with key "${keyId}", this process has ${[...known].join(", ")}: deploy that key here`,
    );
    this.keyId = keyId;
  }
}

/** The value was changed or cut short since it was encrypted, or its key id now stands for another key. */
export class DamagedValueError extends JobError {
  override readonly name = "DamagedValueError";

  constructor(problem: string) {
    super("DAMAGED_VALUE", problem);
  }
}

/** The value is not one that this serializer writes. */
export class NotEncryptedError extends JobError {
  override readonly name = "NotEncryptedError";

  constructor() {
    super("NOT_ENCRYPTED", "the value is not encrypted: where jobs from before encryption are left, set allowPlain");
  }
}

/** The inner serializer cannot read what was decrypted. Why is not told: it may quote the payload. */
export class InnerSerializerError extends JobError {
  override readonly name = "InnerSerializerError";

  constructor() {
    super("INNER_SERIALIZER", "the inner serializer cannot read the payload: every process must use the same one");
  }
}

/**
 * Encrypts payloads by AES-256-GCM. A value is the byte 0xc1, the length of the key id and the key id, all of which is
 * authenticated, then 12 random bytes (the IV), then ciphertext and tag (16 bytes). Throws an `InvalidOptionError` for
 * keys that cannot be used. What cannot be decrypted is an {@link UnknownKeyIdError}, {@link DamagedValueError},
 * {@link NotEncryptedError} or {@link InnerSerializerError}; none holds a key or a part of a payload.
 */
export function encryptingSerializer(options: EncryptionOptions): Serializer {
  const { current, inner = json, allowPlain = false } = options;
  const keys = importKeys(options.keys);
  const key = keys.get(current);
  // What was given is not shown: it may be a key, in the wrong place.
  if (key === undefined) throw new InvalidOptionError("current", `it is not the id of a key (${ids(keys)})`);
  if (![true, false, "write"].includes(allowPlain))
    throw new InvalidOptionError("allowPlain", 'true, false or "write" is expected');
  const header = headerOf(current);

  async function encrypt(payload: unknown): Promise<Uint8Array> {
    // Called before anything is awaited, so that later changes of the payload do no harm.
    const plain = toBytes(await inner.encode(payload));
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: header }, await key!, plain);
    return concat(header, iv, new Uint8Array(sealed));
  }

  async function decrypt(value: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    const { id, additionalData, iv, sealed } = split(value);
    const own = keys.get(id);
    if (own === undefined) throw new UnknownKeyIdError(id, keys.keys());
    try {
      return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData }, await own, sealed));
    } catch {
      const why = `it was changed since it was encrypted, or key "${id}" is another one here`;
      throw new DamagedValueError(`the value does not decrypt: ${why}`);
    }
  }

  async function decode(value: Uint8Array<ArrayBuffer>): Promise<unknown> {
    const isPlain = value[0] !== VERSION;
    if (isPlain && allowPlain === false) throw new NotEncryptedError();
    const plain = isPlain ? value : await decrypt(value);
    try {
      return await inner.decode(plain);
    } catch (error) {
      throw error instanceof UnreadableHereError ? error : new InnerSerializerError();
    }
  }

  return { encode: allowPlain === "write" ? (payload) => inner.encode(payload) : encrypt, decode };
}

/** Of this format. No text in UTF-8 has this byte, and no MessagePack. */
const VERSION = 0xc1;
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID = /^[A-Za-z0-9._-]{1,32}$/;

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true });
const latin1 = new TextDecoder("latin1");

const json: Serializer = {
  encode: (payload) => JSON.stringify(payload),
  decode: (value) => JSON.parse(text.decode(value)),
};

type ImportedKey = ReturnType<typeof crypto.subtle.importKey>;

/** WebCrypto keeps the keys from here on, and does not give them back: nobody can print them. */
function importKeys(keys: EncryptionOptions["keys"]): ReadonlyMap<string, ImportedKey> {
  const entries = Object.entries(keys ?? {});
  if (entries.length === 0) throw new InvalidOptionError("keys", "there is none: at least one is expected, by its id");
  const checked = entries.map(([id, key], i) => {
    if (!KEY_ID.test(id)) throw new InvalidOptionError("keys", `id ${i + 1} is not 1 to 32 of A-Z a-z 0-9 . _ -`);
    if (!(key instanceof Uint8Array)) throw new InvalidOptionError(`keys.${id}`, "a Uint8Array is expected");
    if (key.length === KEY_BYTES) return [id, new Uint8Array(key)] as const;
    throw new InvalidOptionError(`keys.${id}`, `${key.length} bytes given, ${KEY_BYTES} are expected`);
  });
  return new Map(
    checked.map(([id, key]) => [id, crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"])]),
  );
}

function ids(keys: ReadonlyMap<string, unknown>): string {
  return [...keys.keys()].join(", ");
}

function headerOf(id: string): Uint8Array<ArrayBuffer> {
  return concat(Uint8Array.of(VERSION, id.length), utf8.encode(id));
}

function split(value: Uint8Array<ArrayBuffer>) {
  const idEnd = 2 + (value[1] ?? 0);
  const ivEnd = idEnd + IV_BYTES;
  if (value.length < ivEnd + TAG_BYTES) throw new DamagedValueError("the value was cut short, or changed");
  const id = latin1.decode(value.subarray(2, idEnd));
  if (!KEY_ID.test(id)) throw new DamagedValueError("the value was changed: it names no key");
  return {
    id,
    additionalData: value.subarray(0, idEnd),
    iv: value.subarray(idEnd, ivEnd),
    sealed: value.subarray(ivEnd),
  };
}

/** A copy: what the inner serializer keeps may change while a promise is waited for. */
function toBytes(written: unknown): Uint8Array<ArrayBuffer> {
  if (typeof written === "string") return utf8.encode(written);
  if (written instanceof Uint8Array) return new Uint8Array(written);
  throw new TypeError("the inner serializer gives neither text nor bytes for it");
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

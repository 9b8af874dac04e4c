import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { InvalidOptionError, type Serializer, UnreadableHereError } from "ottla";
import {
  DamagedValueError,
  type EncryptionOptions,
  encryptingSerializer,
  InnerSerializerError,
  NotEncryptedError,
  UnknownKeyIdError,
} from "../../examples/encryption/encrypting-serializer.ts";
import { hex } from "../../examples/msk-iam/presign.ts";
import { runExample } from "./example-process.ts";

const key = (first: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: 32 }, (_, i) => first + i);
const K1 = { k1: key(0) };
const K2 = { k2: key(100) };
const KEYS = { ...K1, ...K2 };
const utf8 = new TextEncoder();

const byFirst = (options: Partial<EncryptionOptions> = {}): Serializer =>
  encryptingSerializer({ keys: KEYS, current: "k1", ...options });

async function encoded(serializer: Serializer, payload: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const value = await serializer.encode(payload);
  return typeof value === "string" ? utf8.encode(value) : new Uint8Array(value);
}

async function failure(serializer: Serializer, value: Uint8Array): Promise<Error> {
  try {
    await serializer.decode(new Uint8Array(value));
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  assert.fail("it was read");
}

test("a value that was encrypted at another time, by another library, is read", async () => {
  const bytes = "c107323032362d3031a0a1a2a3a4a5a6a7a8a9aaab9d3a095e20b94bdb405fb0aed4ef155a20463b8566f28e80dc5808e1";
  const value = Uint8Array.from(bytes.match(/../g)!, (byte) => Number.parseInt(byte, 16));
  const serializer = encryptingSerializer({ keys: { "2026-01": key(0) }, current: "2026-01" });
  assert.deepEqual(await serializer.decode(value), { userId: 7 });
  const again = await encoded(serializer, { userId: 7 });
  assert.equal(again.length, value.length);
  assert.equal(hex(again.subarray(0, 9)), bytes.slice(0, 18), "the header is as it was");
});

test("any payload comes back as JSON has it, and no two values are alike", async () => {
  const serializer = byFirst();
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (payload) => {
      const [one, two] = [await encoded(serializer, payload), await encoded(serializer, payload)];
      assert.notEqual(hex(one), hex(two));
      for (const value of [one, two])
        assert.deepEqual(await serializer.decode(value), JSON.parse(JSON.stringify(payload)));
    }),
  );
});

/** A value with one thing changed. */
type Change = (value: Uint8Array, at: number) => Uint8Array;

const flip = fc.integer({ min: 1, max: 255 }).map(
  (bits): Change =>
    (value, at) =>
      value.with(at, value[at]! ^ bits),
);
const shorten = fc.constant<Change>((value, at) => value.subarray(0, at));
const remove = fc.constant<Change>((value, at) => Uint8Array.of(...value.subarray(0, at), ...value.subarray(at + 1)));
const insert = fc.nat(255).map(
  (byte): Change =>
    (value, at) =>
      Uint8Array.of(...value.subarray(0, at), byte, ...value.subarray(at)),
);

for (const allowPlain of [false, true]) {
  test(`any change of a value is a named error (allowPlain: ${allowPlain})`, async () => {
    const serializer = byFirst({ allowPlain });
    const errors = [DamagedValueError, UnknownKeyIdError, allowPlain ? InnerSerializerError : NotEncryptedError];
    const change = fc.oneof({ weight: 3, arbitrary: flip }, shorten, remove, insert);
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), change, fc.nat(), async (payload, change, place) => {
        const value = await encoded(serializer, payload);
        const changed = change(value, place % value.length);
        fc.pre(hex(changed) !== hex(value));
        const error = await failure(serializer, changed);
        assert.ok(
          errors.some((each) => error instanceof each),
          String(error),
        );
      }),
      { numRuns: 500 },
    );
  });
}

test("the header of one value does not pass with the rest of another", async () => {
  const same = { k1: key(0), k2: key(0) };
  const [one, two] = ["k1", "k2"].map((current) => encryptingSerializer({ keys: same, current }));
  const [value, other] = [await encoded(one!, 1), await encoded(two!, 1)];
  assert.ok(
    (await failure(one!, Uint8Array.of(...other.subarray(0, 4), ...value.subarray(4)))) instanceof DamagedValueError,
  );
});

test("keys are rotated: the current one writes, the others are read, and one that is gone is waited for", async () => {
  const old = encryptingSerializer({ keys: K1, current: "k1" });
  const both = encryptingSerializer({ keys: KEYS, current: "k2" });
  const [before, after] = [await encoded(old, "before"), await encoded(both, "after")];
  assert.equal(await both.decode(before), "before");
  assert.equal(await both.decode(after), "after");
  const error = await failure(old, after);
  assert.ok(error instanceof UnknownKeyIdError && error instanceof UnreadableHereError);
  assert.equal(error.keyId, "k2");
  assert.equal(error.message, 'the value is encrypted with key "k2", this process has k1: deploy that key here');
  const reused = encryptingSerializer({ keys: { k2: key(7) }, current: "k2" });
  assert.match(
    (await failure(reused, after)).message,
    /does not decrypt: it was changed .* or key "k2" is another one/,
  );
});

test("an app goes over from plain payloads in three steps", async () => {
  const plain = utf8.encode('{"a":1}');
  const writing = byFirst({ allowPlain: "write" });
  const reading = byFirst({ allowPlain: true });
  const strict = byFirst();
  assert.deepEqual(await encoded(writing, { a: 1 }), plain);
  const value = await encoded(reading, { a: 2 });
  for (const serializer of [writing, reading]) {
    assert.deepEqual(await serializer.decode(plain), { a: 1 });
    assert.deepEqual(await serializer.decode(value), { a: 2 });
  }
  assert.deepEqual(await strict.decode(value), { a: 2 });
  for (const bytes of [plain, new Uint8Array()]) assert.ok((await failure(strict, bytes)) instanceof NotEncryptedError);
});

test("payload and keys are as they were at the call, and inner may be any serializer", async () => {
  const own = key(0);
  const inner: Serializer = {
    encode: (payload) => Uint8Array.of(...(payload as Set<number>)),
    decode: async (value) => new Set(value),
  };
  const serializer = encryptingSerializer({ keys: { k1: own }, current: "k1", inner });
  own.fill(0);
  const payload = new Set([1, 2]);
  const writing = encoded(serializer, payload);
  payload.add(3);
  assert.deepEqual(await byFirst({ inner }).decode(await writing), new Set([1, 2]));
  const waiting = new UnreadableHereError("no schema yet");
  const decode = (): never => {
    throw waiting;
  };
  assert.equal(await failure(byFirst({ inner: { ...inner, decode } }), await writing), waiting);
});

const REFUSED: readonly [string, string, unknown][] = [
  ["an empty key set", "keys", { keys: {} }],
  ["no key set", "keys", { keys: undefined }],
  ["a key that is too short", "keys.k1", { keys: { k1: key(0).subarray(1) } }],
  ["a key as text", "keys.k1", { keys: { k1: "secret-secret-secret-secret-secr" } }],
  ["a key for an id", "keys", { keys: { c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I: key(0) } }],
  ["a current key that is not there", "current", { current: "secret-secret" }],
  ["a current key that every object has", "current", { current: "constructor" }],
  ["an option that is none", "allowPlain", { allowPlain: "secret" }],
];

for (const [what, option, options] of REFUSED) {
  test(`${what} is refused by name, and is not shown`, () => {
    assert.throws(
      () => byFirst(options as EncryptionOptions),
      (error: Error) => {
        assert.ok(error instanceof InvalidOptionError);
        assert.equal(error.option, option);
        return !/secret|c2Vjcm/.test(inspect(error));
      },
    );
  });
}

test("no error and no serializer shows a payload or a key", async () => {
  const marker = "not-to-be-seen";
  const serializer = byFirst({ allowPlain: true });
  const foreign = byFirst({ inner: { encode: () => marker, decode: () => 0 } });
  const value = await encoded(serializer, marker);
  const shown = [
    serializer,
    await failure(serializer, value.with(-1, value.at(-1)! ^ 1)),
    await failure(encryptingSerializer({ keys: K2, current: "k2" }), value),
    // Decrypted, and no JSON: what JSON.parse says of it quotes it.
    await failure(serializer, await encoded(foreign, 0)),
    await failure(serializer, utf8.encode(marker)),
    await failure(byFirst(), utf8.encode(marker)),
  ].map((each) => inspect(each, { depth: Number.POSITIVE_INFINITY, showHidden: true }));
  for (const text of shown)
    for (const secret of [marker, "2, 3, 4, 5", hex(key(0)).slice(0, 12)]) assert.ok(!text.includes(secret), text);
  assert.equal((await failure(serializer, await encoded(foreign, 0))).name, "InnerSerializerError");
});

test("the example shows ciphertext on the topic, and runs old and new jobs", { timeout: 60_000 }, async () => {
  const { code, output, errors } = await runExample("encryption/main.ts", {});
  assert.equal(code, 0, errors);
  const lines = output.trimEnd().split("\n");
  const count = (line: RegExp): number => lines.filter((each) => line.test(each)).length;
  assert.equal(count(/^ {2}(ada|grace): ··2026-01/), 5);
  assert.equal(count(/^ {2}ada: ··2026-07/), 1);
  assert.deepEqual(
    lines.filter((line) => line.includes("ran:")),
    [
      "  ran: ada pays by 4111-1111",
      "  ran: grace pays by 5500-0000",
      "  ran: ada pays by 4111-1111",
      "  ran: ada pays by 6011-0004",
    ],
  );
  assert.equal(count(/: ··.*(4111|customer)/), 0);
});

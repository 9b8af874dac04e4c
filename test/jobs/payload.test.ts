import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { PayloadError, UnreadableRecordError } from "../../src/jobs/errors.ts";
import { decodePayload, encodePayload, jsonSerializer } from "../../src/jobs/serializer.ts";

const utf8 = new TextEncoder();

function throughJson(payload: unknown): unknown {
  const { value, isVoid } = encodePayload(jsonSerializer, payload, true);
  return decodePayload(jsonSerializer, utf8.encode(value as string), isVoid);
}

function refusal(payload: unknown): PayloadError {
  try {
    encodePayload(jsonSerializer, payload, true);
  } catch (error) {
    assert.ok(error instanceof PayloadError, String(error));
    return error;
  }
  assert.fail("the payload was not refused");
}

class Point {
  x = 1;
}

test("S2.6 what JSON would change or lose is refused with its path", () => {
  const cycle: Record<string, unknown> = { a: [] };
  (cycle.a as unknown[]).push({ back: cycle });
  const cases: [unknown, string, RegExp][] = [
    [1n, "payload", /bigint/],
    [() => 1, "payload", /a function/],
    [Symbol("s"), "payload", /a symbol/],
    [{ a: { b: [0, Number.NaN] } }, "payload.a.b[1]", /NaN/],
    [[Infinity], "payload[0]", /Infinity/],
    [[-Infinity], "payload[0]", /-Infinity/],
    [{ "not an identifier": new Map() }, 'payload["not an identifier"]', /instance of Map/],
    [{ s: new Set([1]) }, "payload.s", /instance of Set/],
    [[[new Date(0)]], "payload[0][0]", /instance of Date/],
    [{ bytes: new Uint8Array(2) }, "payload.bytes", /instance of Uint8Array/],
    [{ bytes: new ArrayBuffer(2) }, "payload.bytes", /instance of ArrayBuffer/],
    [{ p: new Point() }, "payload.p", /instance of Point/],
    [{ n: Object(1) }, "payload.n", /instance of Number/],
    [{ e: new Error("x") }, "payload.e", /instance of Error/],
    [Promise.resolve(1), "payload", /instance of Promise/],
    [Object.create({ inherited: 1 }), "payload", /instance of/],
    [{ toJSON: () => 1 }, "payload.toJSON", /a function/],
    [cycle, "payload.a[0].back", /contains itself/],
    [[1, undefined], "payload[1]", /undefined/],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    [[1, , 2], "payload[1]", /undefined/],
    [{ [Symbol("tag")]: 1 }, "payload", /Symbol\(tag\)/],
  ];
  for (const [payload, path, problem] of cases) {
    const error = refusal(payload);
    assert.equal(error.path, path);
    assert.match(error.message, problem);
    assert.equal(error.code, "PAYLOAD_NOT_JSON");
  }
});

test("S2.6 nesting that JSON could not write is refused, and a deep one that it can is not", () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 1;
    for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { value };
    return value;
  };
  assert.match(refusal(nested(501)).message, /deeper than 500/);
  assert.deepEqual(throughJson(nested(500)), nested(500));
});

test("S2.6 a payload that is shared, of another realm or without a prototype is no less plain", () => {
  const shared = { a: 1 };
  assert.deepEqual(throughJson([shared, shared]), [{ a: 1 }, { a: 1 }]);
  assert.deepEqual(throughJson(runInNewContext("({ a: [1, { b: 2 }] })")), { a: [1, { b: 2 }] });
  assert.deepEqual(throughJson(Object.assign(Object.create(null), { a: 1 })), { a: 1 });
});

test("S2.6 what somebody added to Object.prototype is nothing of the payload's", () => {
  Object.defineProperty(Object.prototype, "added", { value: () => {}, enumerable: true, configurable: true });
  try {
    assert.deepEqual(Object.entries(throughJson({ a: [{ b: 1 }] }) as object), [["a", [{ b: 1 }]]]);
    assert.equal(refusal({ a: [{ b: 1n }] }).path, "payload.a[0].b");
  } finally {
    Reflect.deleteProperty(Object.prototype, "added");
  }
});

test("S2.6 a property that is undefined is left out, and -0 arrives as 0", () => {
  assert.deepEqual(throughJson({ a: undefined, b: 1 }), { b: 1 });
  assert.equal(throughJson(-0), 0);
});

test("S2.6 what passes the check arrives as it was", () => {
  const json = fc.jsonValue({ maxDepth: 5, noUnicodeString: false }).map(withoutNegativeZero);
  fc.assert(fc.property(json, (payload) => assert.deepEqual(throughJson(payload), payload)));
});

test("S2.6 anything either arrives as it was or is refused", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
    withBoxedValues: true,
  });
  fc.assert(
    fc.property(anything, (payload) => {
      let arrived: unknown;
      try {
        arrived = throughJson(payload);
      } catch (error) {
        assert.ok(error instanceof PayloadError, String(error));
        return;
      }
      // Loose equality is what the docstring promises: 0 for -0, nothing for undefined, plain objects.
      assert.deepEqual(plain(arrived), plain(payload));
    }),
    { numRuns: 2_000 },
  );
});

test("S1.1 a payload that is undefined arrives as undefined, and null as null", () => {
  assert.deepEqual(encodePayload(jsonSerializer, undefined, true), { value: "null", isVoid: true });
  assert.equal(throughJson(undefined), undefined);
  assert.equal(throughJson(null), null);
});

test("S1.1 bytes that are not JSON in UTF-8 are an error that says so", () => {
  const wrong = [utf8.encode("{"), utf8.encode(""), new Uint8Array([0x22, 0xff, 0x22]), null];
  for (const value of wrong) assert.throws(() => decodePayload(jsonSerializer, value, false), UnreadableRecordError);
  assert.throws(
    () => decodePayload(jsonSerializer, utf8.encode("hello"), false),
    (error: Error) => /^the value \(5 bytes\) is not JSON in UTF-8$/.test(error.message) && error.cause === undefined,
    "what runtimes quote of a payload gets into logs",
  );
});

test("S2.6 what cannot be written at all is refused with a schema too", () => {
  for (const payload of [1n, () => 1, Symbol("s")]) {
    assert.throws(() => encodePayload(jsonSerializer, payload, false), PayloadError);
  }
  assert.equal(encodePayload(jsonSerializer, { at: new Date(0) }, false).value, '{"at":"1970-01-01T00:00:00.000Z"}');
});

function withoutNegativeZero(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** As JSON shows it: the same for what the payload check lets pass. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "number") return value + 0;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, plain(item)]])),
  );
}

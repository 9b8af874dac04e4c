import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidArgumentError } from "../../src/client/errors.ts";
import { checkRecord, copyOf, headersOf, type ProducerRecord } from "../../src/client/producer-record.ts";

test("headers are pairs, whichever way they are given", () => {
  const pairs = [
    ["a", "1"],
    ["a", null],
  ] as const;
  const record = { topic: "t", value: null };
  assert.deepEqual(headersOf({ ...record, headers: pairs }), pairs);
  assert.deepEqual(headersOf({ ...record, headers: { a: "1", b: null } }), [
    ["a", "1"],
    ["b", null],
  ]);
  assert.equal(headersOf(record), undefined);
});

test("a copy has bytes of its own, of a Buffer too", () => {
  const bytes = Buffer.from("ab");
  const copy = copyOf(bytes);
  bytes[0] = 0;
  assert.deepEqual(copy, new TextEncoder().encode("ab"));
  assert.deepEqual([copyOf("text"), copyOf(undefined), copyOf(null)], ["text", null, null]);
});

test("what cannot be sent is refused by its name", () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /a record is undefined/],
    [null, /a record is null/],
    [{ value: "x" }, /needs a topic/],
    [{ topic: "", value: "x" }, /needs a topic/],
    [{ topic: "t", value: 5 }, /record value is number/],
    [{ topic: "t", value: "x", key: {} }, /record key is object/],
    [{ topic: "t", value: "x", headers: { h: 5 } }, /record header h is number/],
    [{ topic: "t", value: "x", headers: [[5, "x"]] }, /header's key must be a string/],
    [{ topic: "t", value: "x", timestamp: -1 }, /timestamp -1/],
    [{ topic: "t", value: "x", timestamp: new Date(0) }, /timestamp/],
  ];
  for (const [record, pattern] of wrong) {
    assert.throws(
      () => {
        checkRecord(record as ProducerRecord);
        headersOf(record as ProducerRecord);
      },
      (error: unknown) => error instanceof InvalidArgumentError && pattern.test(error.message),
    );
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvalidKeyError, PartitionOutOfRangeError } from "../../src/jobs/errors.ts";
import { keyText, numberedPartition } from "../../src/jobs/key.ts";

const text = (result: unknown): string => keyText("a-job", "key", result);

test("S2.2 a partitioner's result becomes a string key", () => {
  assert.equal(text("user-7"), "user-7");
  assert.equal(text(7), "7");
  assert.equal(text(1.5), "1.5");
  assert.equal(text(-0), "0");
  assert.equal(text(12345678901234567890n), "12345678901234567890");
  assert.equal(text(false), "false");
  assert.equal(text("Zürich 東京 🚲"), "Zürich 東京 🚲");
});

test("S2.2 null, undefined, an empty text and what has no one text are named errors", () => {
  const wrong: [unknown, RegExp][] = [
    [null, /gave null/],
    [undefined, /gave undefined/],
    ["", /gave ""/],
    [Number.NaN, /gave NaN/],
    [Infinity, /gave Infinity/],
    [{ id: 7 }, /an object/],
    [[7], /an array/],
    [() => 7, /a function/],
    [Symbol("s"), /Symbol/],
    [Promise.resolve("7"), /a promise: it runs synchronously/],
    ["\ud800", /half a surrogate pair/],
  ];
  for (const [result, problem] of wrong) {
    for (const type of ["key", "partitionKey"] as const) {
      assert.throws(
        () => keyText("a-job", type, result),
        (error: Error) =>
          error instanceof InvalidKeyError && problem.test(error.message) && /"a-job"/.test(error.message),
      );
    }
  }
});

test("S2.2 different results of one kind have different keys", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1 }), fc.string({ unit: "binary", minLength: 1 }), (a, b) => {
      assert.equal(text(a) === text(b), a === b);
    }),
  );
});

test("S2.2 the number of a partition is checked against the topic", () => {
  assert.equal(keyText("a-job", "partition", 3), "3");
  assert.equal(numberedPartition("a-job", "t", "3", 4), 3);
  for (const wrong of [-1, 1.5, "1", null, undefined, Number.NaN]) {
    assert.throws(() => keyText("a-job", "partition", wrong), InvalidKeyError);
  }
  assert.throws(
    () => numberedPartition("a-job", "t", "4", 4),
    (error: Error) =>
      error instanceof PartitionOutOfRangeError && /gave 4, but topic t has partitions 0 to 3/.test(error.message),
  );
  assert.throws(() => numberedPartition("a-job", "t", "1", 1), /only partition 0/);
});

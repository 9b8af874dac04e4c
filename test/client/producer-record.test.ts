import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidArgumentError } from "../../src/client/errors.ts";
import { encodeRecord, type ProducerRecord } from "../../src/client/producer-record.ts";

const text = (bytes: Uint8Array | null): string | null => bytes && new TextDecoder().decode(bytes);

test("text is sent as UTF-8, bytes as they are, and nothing as null", () => {
  const bytes = new Uint8Array([0, 255]);
  const one = encodeRecord({ topic: "t", key: "Zürich", value: bytes, headers: { a: "1", b: null } });
  assert.deepEqual(
    [text(one.key), one.value, one.headers!.map(([name, value]) => [name, text(value)])],
    [
      "Zürich",
      bytes,
      [
        ["a", "1"],
        ["b", null],
      ],
    ],
  );
  const two = encodeRecord({
    topic: "t",
    value: null,
    headers: [
      ["a", "1"],
      ["a", "2"],
    ],
  });
  assert.deepEqual([two.key, two.value, two.headers!.map(([, value]) => text(value))], [null, null, ["1", "2"]]);
  assert.equal(encodeRecord({ topic: "t", key: "", value: "" }).key!.length, 0, "an empty key is a key");
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
      () => encodeRecord(record as ProducerRecord),
      (error: unknown) => error instanceof InvalidArgumentError && pattern.test(error.message),
    );
  }
});

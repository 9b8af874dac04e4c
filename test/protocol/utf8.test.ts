import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeUtf8, encodeUtf8, writeAscii } from "../../protocol/utf8.ts";

const text = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: "binary", maxLength: 60 }));

test("text of every length comes back as it was, with a leading U+FEFF", () => {
  fc.assert(
    fc.property(text, (given) => {
      const bytes = encodeUtf8(given);
      assert.deepEqual(bytes, new TextEncoder().encode(given));
      assert.equal(decodeUtf8(bytes, 0, bytes.length), given);
    }),
  );
  const marked = encodeUtf8("\ufeffkey");
  assert.equal(decodeUtf8(marked, 0, marked.length), "\ufeffkey");
});

test("text is written in place where it is ASCII, and nothing beyond it", () => {
  fc.assert(
    fc.property(text, fc.nat(5), (given, at) => {
      const target = new Uint8Array(at + given.length + 3).fill(7);
      const isAscii = /^[\0-\x7f]*$/.test(given);
      assert.equal(writeAscii(target, at, given), isAscii);
      if (isAscii) assert.deepEqual(target.subarray(at, at + given.length), new TextEncoder().encode(given));
      assert.deepEqual([...target.subarray(0, at), ...target.subarray(at + given.length)], new Array(at + 3).fill(7));
    }),
  );
});

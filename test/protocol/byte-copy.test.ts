import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { concatBytes, copyBytes, copyMatch } from "../../protocol/byte-copy.ts";
import { assertSameBytes, sampleBytes } from "../support/byte-samples.ts";

const lengths = fc.oneof(fc.nat(70), fc.nat(3000));

describe("copyMatch", () => {
  test("copyMatch repeats bytes as a loop over single bytes does", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.nat(50),
        lengths,
        fc.nat(40),
        (distance, before, length, after) => {
          const at = before + distance;
          const bytes = sampleBytes(at + length + after, 1, 256);
          const expected = bytes.slice();
          for (let i = at; i < at + length; i++) expected[i] = expected[i - distance]!;
          copyMatch(bytes, at, distance, length);
          assertSameBytes(bytes, expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("copyBytes", () => {
  test("copyBytes copies the given range and touches nothing else", () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), lengths, (from, at, length) => {
        const source = sampleBytes(from + length + 9, 1, 256, 7);
        const target = sampleBytes(at + length + 9, 1, 256, 9);
        const expected = target.slice();
        expected.set(source.subarray(from, from + length), at);
        copyBytes(target, at, source, from, length);
        assertSameBytes(target, expected);
      }),
    );
  });
});

test("parts are put together in their order, empty ones and none at all too", () => {
  const parts = [[1, 2], [], [3]].map((bytes) => Uint8Array.from(bytes));
  assert.deepEqual(concatBytes(parts), Uint8Array.of(1, 2, 3));
  assert.deepEqual(concatBytes([]), new Uint8Array(0));
});

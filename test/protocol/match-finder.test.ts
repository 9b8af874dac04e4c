import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import { findMatches, MATCH_FIELDS, MATCH_WINDOW, matches } from "../../protocol/match-finder.ts";
import { sampleBytes, samples } from "../support/byte-samples.ts";

function find(bytes: Uint8Array, start: number, end: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [...matches.subarray(0, findMatches(bytes, view, start, end))];
}

describe("findMatches", () => {
  test("findMatches finds true repeats that end before the last five bytes and begin within the range", () => {
    fc.assert(
      fc.property(samples(MATCH_WINDOW), fc.nat(100), (bytes, skipped) => {
        const start = Math.min(skipped, bytes.length);
        const found = find(bytes, start, bytes.length);
        let at = start;
        for (let i = 0; i < found.length; i += MATCH_FIELDS) {
          const [literals, length, distance] = found.slice(i, i + MATCH_FIELDS) as [number, number, number];
          at += literals;
          assert.ok(literals >= 0 && length >= 4 && distance > 0 && at - distance >= start);
          for (let k = 0; k < length; k++) assert.equal(bytes[at + k], bytes[at + k - distance]);
          at += length;
          assert.ok(at <= bytes.length - 5);
        }
      }),
    );
  });

  test("findMatches finds nothing in a few bytes", () => {
    for (let length = 0; length <= 12; length++) assert.deepEqual(find(new Uint8Array(length), 0, length), []);
    assert.deepEqual(find(new Uint8Array(13), 0, 13), [1, 7, 1]);
  });

  test("findMatches gives the same again once its places are used up", { timeout: 60_000 }, () => {
    const bytes = sampleBytes(MATCH_WINDOW, 4000, 0);
    const first = find(bytes, 0, bytes.length);
    assert.ok(first.length > 0);
    // 2^31 places in all: these are enough to begin anew, whatever was used before. The range is far beyond the window
    // because random bytes, where steps grow and nothing matches, use up the most places for the least work.
    const random = sampleBytes(2 ** 24, 1, 256);
    const view = new DataView(random.buffer, random.byteOffset, random.byteLength);
    for (let used = 0; used <= 2 ** 31; used += random.length) findMatches(random, view, 0, random.length);
    assert.deepEqual(find(bytes, 0, bytes.length), first);
  });
});

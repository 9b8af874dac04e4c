import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { spanOfBatches } from "../../protocol/record-batch.ts";
import { readFetched } from "../../protocol/records.ts";
import { fuzzRuns } from "../support/fuzz-runs.ts";
import { joined, madeBatch } from "../support/made-batch.ts";

/** A log of batches, some with gaps before, within and behind their records, some without any. */
const log = fc
  .array(fc.record({ gap: fc.nat(3), count: fc.nat(4), tail: fc.nat(3), epoch: fc.nat(5) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((batches) => {
    let offset = 0;
    return batches.map(({ gap, count, tail, epoch }) => {
      const baseOffset = offset + gap;
      const lastOffsetDelta = Math.max(0, count - 1 + tail);
      offset = baseOffset + lastOffsetDelta + 1;
      const records = Array.from({ length: count }, (_, i) => ({ value: `${baseOffset + i}` }));
      return madeBatch({ baseOffset, lastOffsetDelta, leaderEpoch: epoch, records });
    });
  });

describe("spanOfBatches", () => {
  test("spanOfBatches goes as far as reading does, wherever a response begins and ends", () => {
    fc.assert(
      fc.property(log, fc.nat(20), fc.nat(1_000), (batches, from, cut) => {
        const whole = joined(...batches);
        const bytes = whole.slice(0, whole.length - Math.min(cut, whole.length - batches[0]!.length));
        const span = spanOfBatches(bytes, from);
        if (span.nextOffset === from) return assert.throws(() => readFetched(bytes, from, null, 1 << 20));
        const { nextOffset, leaderEpoch } = readFetched(bytes, from, null, 1 << 20);
        assert.deepEqual(span, { nextOffset, leaderEpoch });
      }),
    );
  });

  test("spanOfBatches of any bytes ends, and goes nowhere back", () => {
    fc.assert(
      fc.property(log, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 20 }), (batches, damage) => {
        const bytes = joined(...batches);
        for (const [place, byte] of damage) bytes[place % bytes.length] = byte;
        assert.ok(spanOfBatches(bytes, 3).nextOffset >= 3);
      }),
      { numRuns: fuzzRuns(100) },
    );
    for (const length of [0, 1, 60, 61, 100]) {
      assert.equal(spanOfBatches(new Uint8Array(length), 7).nextOffset, 7);
      assert.equal(spanOfBatches(new Uint8Array(length).fill(255), 7).nextOffset, 7);
    }
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readBatchHeaders } from "../../protocol/record-batch.ts";
import { CHUNK_BYTES, PartitionLog } from "../../src/broker/partition-log.ts";
import { batchOf } from "./raw-client.ts";

function append(log: PartitionLog, values: readonly string[], timestamp = 1, epoch = 0): number {
  const bytes = batchOf(
    values.map((value) => [null, value]),
    timestamp,
  );
  return log.append({ bytes, offsetCount: values.length, maxTimestamp: timestamp }, epoch);
}

function read(
  log: PartitionLog,
  offset: number,
  maxBytes = Number.POSITIVE_INFINITY,
  atLeastOne = true,
  upTo?: number,
): number[] {
  const source = log.read(offset, maxBytes, atLeastOne, upTo).records;
  const bytes = new Uint8Array(source.byteLength);
  if (source instanceof Uint8Array) bytes.set(source);
  else source.writeTo(bytes, 0);
  return readBatchHeaders(bytes).map((header) => header.baseOffset);
}

describe("a partition log", () => {
  test("reads from the batch that contains the offset, for any batches", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(sizes, fc.nat(), (counts, pick) => {
        const log = new PartitionLog();
        const bases = counts.map((count) => append(log, new Array<string>(count).fill("value")));
        const total = counts.reduce((sum, count) => sum + count, 0);
        assert.equal(log.endOffset, total);
        const offset = pick % total;
        const expected = bases.filter((base, i) => base + counts[i]! > offset);
        assert.deepEqual(read(log, offset), expected);
        assert.deepEqual(read(log, total), []);
      }),
    );
  });

  test("goes on over segments, and a read may span them", () => {
    const log = new PartitionLog();
    const value = "x".repeat(300_000);
    for (let i = 0; i < 10; i++) append(log, [value]);
    assert.ok(log.size > 2 * CHUNK_BYTES);
    assert.deepEqual(read(log, 0), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(read(log, 4, 1_000_000), [4, 5, 6]);
  });

  test("leaves no gap where a later, smaller batch would still fit", () => {
    const log = new PartitionLog();
    for (const size of [10_000, 900_000, 200_000]) append(log, ["x".repeat(size)]);
    assert.deepEqual(read(log, 0, 250_000), [0]);
  });

  test("holds a batch larger than a segment", () => {
    const log = new PartitionLog();
    append(log, ["a"]);
    append(
      log,
      Array.from({ length: 3 }, () => "y".repeat(340_000)),
    );
    append(log, ["b"]);
    assert.deepEqual(read(log, 2), [1, 4]);
  });

  test("gives the first batch whatever its size, and no other beyond the limit", () => {
    const log = new PartitionLog();
    for (let i = 0; i < 3; i++) append(log, ["value"]);
    assert.deepEqual(read(log, 1, 1, true), [1]);
    assert.deepEqual(read(log, 1, 1, false), []);
  });

  test("a view that was read stays as it was while the log grows", () => {
    const log = new PartitionLog();
    append(log, ["first"]);
    const view = log.read(0, 1000, true).records as Uint8Array;
    const before = view.slice();
    for (let i = 0; i < 2000; i++) append(log, ["more"]);
    assert.deepEqual(view, before);
  });

  test("forgets what is deleted, and gives its segments up", () => {
    const log = new PartitionLog();
    const value = "x".repeat(300_000);
    for (let i = 0; i < 9; i++) append(log, [value]);
    const before = log.size;
    log.deleteBefore(7);
    assert.equal(log.startOffset, 7);
    assert.ok(log.size < before / 2);
    assert.deepEqual(read(log, 7), [7, 8]);
    log.deleteBefore(9);
    assert.equal(log.size, 0);
    assert.equal(append(log, ["next"]), 9);
    assert.deepEqual(read(log, 9), [9]);
  });

  test("finds records by time, in the order of offsets", () => {
    const log = new PartitionLog();
    for (const timestamp of [100, 300, 200, 300]) append(log, ["a", "b"], timestamp);
    assert.equal(log.firstSince(0)?.offset, 0);
    assert.equal(log.firstSince(101)?.offset, 2);
    assert.equal(log.firstSince(301), undefined);
    assert.equal(log.greatestTimestamp()?.offset, 2);
    log.deleteBefore(3);
    assert.equal(log.firstSince(0)?.offset, 3);
    assert.equal(new PartitionLog().greatestTimestamp(), undefined);
  });

  test("knows where leader epochs end", () => {
    const log = new PartitionLog();
    append(log, ["a", "b"], 1, 0);
    append(log, ["c"], 1, 3);
    append(log, ["d"], 1, 5);
    assert.deepEqual(log.endOfEpoch(0), { epoch: 0, endOffset: 2 });
    assert.deepEqual(log.endOfEpoch(4), { epoch: 3, endOffset: 3 });
    assert.deepEqual(log.endOfEpoch(5), { epoch: 5, endOffset: 4 });
    assert.equal(log.endOfEpoch(9), undefined, "it has not begun");
    log.beginEpoch(9);
    assert.deepEqual(log.endOfEpoch(9), { epoch: 9, endOffset: 4 });
    assert.deepEqual(log.endOfEpoch(6), { epoch: 5, endOffset: 4 });
    assert.deepEqual(
      [0, 1, 2, 3].map((offset) => log.epochOf(offset)),
      [0, 0, 3, 5],
    );
    assert.equal(new PartitionLog().endOfEpoch(0), undefined);
  });

  test("an epoch that wrote nothing leaves no trace", () => {
    const log = new PartitionLog();
    log.beginEpoch(0);
    append(log, ["a"], 1, 0);
    log.beginEpoch(1);
    log.beginEpoch(2);
    append(log, ["b"], 1, 2);
    assert.deepEqual(log.endOfEpoch(1), { epoch: 0, endOffset: 1 });
    const later = new PartitionLog();
    later.beginEpoch(4);
    assert.deepEqual(later.endOfEpoch(2), { epoch: 2, endOffset: 0 }, "before the first known one");
  });

  test("a read ends before the batch that it may not reach, and says where", () => {
    const log = new PartitionLog();
    for (let i = 0; i < 5; i++) append(log, ["x".repeat(300_000), "y"]);
    const bases = (upTo: number): number[] => read(log, 1, Number.POSITIVE_INFINITY, true, upTo);
    assert.deepEqual(bases(10), [0, 2, 4, 6, 8]);
    assert.deepEqual(bases(6), [0, 2, 4]);
    assert.deepEqual(bases(7), [0, 2, 4], "not even a part of it");
    assert.deepEqual(bases(0), []);
    assert.equal(log.read(1, Number.POSITIVE_INFINITY, true, 6).endOffset, 6);
    assert.equal(log.read(1, 700_000, true).endOffset, 4);
    assert.equal(log.read(3, 1, false).endOffset, 3);
    assert.equal(log.read(10, 1, true).endOffset, 10);
  });

  test("is truncated between batches, and goes on from there, for any batches", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), (counts, pick, start) => {
        const log = new PartitionLog();
        const bases = counts.map((count, i) => append(log, new Array<string>(count).fill("v".repeat(50_000)), i, i));
        const total = log.endOffset;
        log.deleteBefore(start % total);
        const offset = pick % (total + 1);
        const views = [...log.batches()].map(({ bytes }) => bytes);
        const before = views.map((bytes) => bytes.slice());
        log.truncate(offset);
        const end =
          offset === total
            ? total
            : offset <= start % total
              ? offset
              : Math.max(...bases.filter((base) => base <= offset));
        assert.equal(log.endOffset, end);
        assert.ok(log.startOffset <= end);
        assert.equal(log.endOfEpoch(0)?.endOffset ?? end, Math.min(counts[0]!, end));
        const next = append(log, ["w".repeat(50_000), "w"], 1, 100);
        assert.equal(next, end);
        const kept = [...log.batches()].map(({ header }) => header.baseOffset);
        const first = kept[0]!;
        assert.deepEqual(kept, [...bases.filter((base) => base < end && base >= first), end]);
        assert.deepEqual(views, before, "what was read before stays as it was");
      }),
      { numRuns: 50 },
    );
  });
});

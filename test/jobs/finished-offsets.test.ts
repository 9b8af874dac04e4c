import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FinishedOffsets } from "../../src/jobs/finished-offsets.ts";

const TOPIC_ID = "00000000-0000-4000-8000-000000000001";
const PLACE = { topic: "d", partition: 0 };

test("S3.9 what is committed of finished offsets says the same when it is read, whatever was finished in which steps", () => {
  const steps = fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }), { maxLength: 8 });
  fc.assert(
    fc.property(fc.nat(1_000), steps, (start, script) => {
      let finished = FinishedOffsets.read(undefined, TOPIC_ID, start);
      const done = new Set<number>();
      let next = start;
      let firstLeft: number | undefined;
      for (const step of script) {
        const now: number[] = [];
        for (const isDone of step) {
          if (isDone) now.push(next);
          else firstLeft ??= next;
          next++;
        }
        finished = finished.and(now, next, firstLeft);
        for (const offset of now) done.add(offset);
        const { offset, metadata } = finished.toCommit(PLACE, TOPIC_ID);
        const read = FinishedOffsets.read({ offset, metadata, leaderEpoch: -1 }, TOPIC_ID, start);
        assert.equal(read.base, firstLeft ?? next);
        for (let at = start; at < next + 3; at++) assert.equal(read.has(at), done.has(at), `${at}`);
      }
    }),
  );
});

test("S3.9 once the first letter that was left is finished, so is all that follows it without a gap", () => {
  const some = FinishedOffsets.read(undefined, TOPIC_ID, 0).and([1, 2, 4], 5, 0);
  assert.equal(some.base, 0);
  const more = some.and([0], 1, undefined);
  assert.equal(more.base, 3);
  assert.deepEqual(
    [3, 4, 5].map((offset) => more.has(offset)),
    [false, true, false],
  );
});

test("S4.9 what was committed for a topic that was made again, or below the beginning of its log, is void", () => {
  const { offset, metadata } = FinishedOffsets.read(undefined, TOPIC_ID, 0).and([5], 6, 4).toCommit(PLACE, TOPIC_ID);
  const committed = { offset, metadata, leaderEpoch: -1 };
  assert.equal(FinishedOffsets.read(committed, TOPIC_ID, 0).base, 4);
  assert.equal(FinishedOffsets.read(committed, TOPIC_ID, 5).base, 6);
  const other = FinishedOffsets.read(committed, TOPIC_ID.replace(/1$/, "2"), 0);
  assert.deepEqual([other.base, other.has(5)], [0, false]);
  const unreadable = { ...committed, metadata: "9 of a later version" };
  assert.throws(() => FinishedOffsets.read(unreadable, TOPIC_ID, 0), { name: "CommitMetadataError" });
});

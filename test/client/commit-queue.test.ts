import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { OffsetCommitRequest } from "../../protocol/messages/08-offset-commit.ts";
import { CommitQueue } from "../../src/client/commit-queue.ts";
import type { OffsetToCommit } from "../../src/client/group-offsets.ts";
import { manualAssignment } from "../../src/client/manual-assignment.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";

const PARTITIONS = [0, 1, 2].map((partition) => ({ topic: "t", partition }));
const of = (partition: number, offset: number): OffsetToCommit => ({
  ...{ topic: "t", partition, offset, leaderEpoch: -1, metadata: "" },
});

/** A queue of commits, and what each request that came said. */
async function startQueue(t: { after(fn: () => Promise<void>): void }): Promise<{
  readonly bench: ClientBench;
  readonly queue: CommitQueue;
  readonly requests: string[];
}> {
  const bench = await startClientBench(t);
  const queue = new CommitQueue(
    bench.clock,
    manualAssignment(bench.kafka.cluster, "g", PARTITIONS, () => {}),
  );
  const requests: string[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api !== "OffsetCommit") return;
    const partitions = (body as OffsetCommitRequest).topics.flatMap((topic) => topic.partitions);
    requests.push(partitions.map((one) => `${one.partitionIndex}@${one.committedOffset}`).join(" "));
  });
  return { bench, queue, requests };
}

test("commits that are asked for at once go in one request", async (t) => {
  const { bench, queue, requests } = await startQueue(t);
  await bench.run(Promise.all([queue.commit([of(0, 1)]), queue.commit([of(1, 2), of(2, 3)])]));
  assert.deepEqual(requests, ["0@1 1@2 2@3"]);
});

test("one commit of a partition is under way at a time, and of those that wait the last counts (S3.7)", async (t) => {
  const { bench, queue, requests } = await startQueue(t);
  bench.broker.faults.delay({ api: "OffsetCommit", ms: 500 });
  const commits = [queue.commit([of(0, 1)])];
  await bench.time.advance(100);
  for (const offset of [2, 3, 4]) commits.push(queue.commit([of(0, offset)]));
  await bench.time.advance(100);
  assert.deepEqual(requests.length, 1);
  await bench.run(Promise.all(commits));
  assert.deepEqual(requests, ["0@1", "0@4"]);
  assert.equal(bench.broker.groups()[0]!.offsets[0]!.offset, 4);
});

test("what passes is repeated; what does not rejects for its partition alone", async (t) => {
  const { bench, queue, requests } = await startQueue(t);
  bench.broker.faults.fail({ api: "OffsetCommit", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, times: 3 });
  await bench.run(queue.commit([of(0, 1)]));
  assert.equal(requests.length, 4);
  const large = { ...of(0, 2), metadata: "x".repeat(10_000) };
  const results = await bench.run(Promise.allSettled([queue.commit([large]), queue.commit([of(1, 5)])]));
  assert.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "fulfilled"],
  );
  assert.equal((results[0] as PromiseRejectedResult).reason.code, "OFFSET_METADATA_TOO_LARGE");
});

test("what was asked for before a partition went is not sent again once it is back", async (t) => {
  const { bench, queue, requests } = await startQueue(t);
  bench.broker.faults.fail({ api: "OffsetCommit", errorCode: ErrorCode.ILLEGAL_GENERATION });
  bench.broker.faults.delay({ api: "OffsetCommit", ms: 500 });
  const first = bench.failure(queue.commit([of(0, 1)]));
  await bench.time.advance(100);
  const second = bench.failure(queue.commit([of(0, 2)]));
  queue.disown([PARTITIONS[0]!]);
  assert.deepEqual([(await first).code, (await second).code], ["NOT_OWNED", "NOT_OWNED"]);
  await bench.run(queue.commit([of(0, 7)]));
  assert.deepEqual(requests, ["0@1", "0@7"]);
});

test("a commit that was on its way when its partition went, and was taken, resolves", async (t) => {
  const { bench, queue, requests } = await startQueue(t);
  bench.broker.faults.delay({ api: "OffsetCommit", ms: 500 });
  const commit = queue.commit([of(0, 1)]);
  await bench.time.advance(100);
  queue.disown([PARTITIONS[0]!]);
  await bench.run(commit);
  assert.deepEqual(requests, ["0@1"]);
});

test("a partition that is not owned is refused without a word to the broker, and others are committed", async (t) => {
  const { bench, queue, requests } = await startQueue(t);
  const error = await bench.failure(queue.commit([of(3, 1), of(0, 1)]));
  assert.deepEqual([error.code, error.partition], ["NOT_OWNED", 3]);
  assert.deepEqual(requests, ["0@1"]);
  await bench.run(queue.settled());
});

test("a queue that was closed repeats nothing any more", async (t) => {
  const { bench, queue } = await startQueue(t);
  bench.broker.faults.fail({ api: "OffsetCommit", errorCode: ErrorCode.NOT_COORDINATOR, times: 1_000 });
  const commit = bench.failure(queue.commit([of(0, 1)]));
  queue.close();
  assert.equal((await commit).code, "NOT_COORDINATOR");
});

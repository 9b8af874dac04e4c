import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { decodeCommitMetadata, encodeCommitMetadata } from "../../src/jobs/commit-metadata.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench, topic = "q"): boolean => bench.lag(topic).every((lag) => lag === 0);

for (const commitInterval of [0, 200]) {
  test(`S3.7 with an interval of ${commitInterval} ms one commit of a partition is under way at a time`, async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(50));
    await process.work({ commitInterval });
    await bench.produce("q", 0, range(3));
    await bench.until(() => drained(bench));
    const held = bench.broker.faults.delay({ api: "OffsetCommit", ms: 2_000 });
    await bench.produce("q", 0, range(30));
    await bench.until(() => held.used === 1);
    const seen = bench.commits.length;
    await bench.time.advance(1_900);
    assert.ok(bench.starts.length >= 30, "jobs go on meanwhile");
    await bench.until(() => drained(bench));
    // The connection was held up: had it been sent meanwhile, it would have carried less.
    assert.deepEqual(
      bench.commits.slice(seen).map(({ offset }) => offset),
      [33],
      "the next carries all that has finished since",
    );
  });
}

test("S3.7 a commit that gets no answer is sent again with what has finished since", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(50));
  await process.work();
  bench.broker.faults.cut({ api: "OffsetCommit" });
  bench.broker.faults.drop({ api: "OffsetCommit" });
  await bench.produce("q", 0, range(40));
  await bench.until(() => drained(bench));
  const offsets = bench.commits.map(({ offset }) => offset);
  assert.deepEqual(
    offsets,
    [...offsets].sort((a, b) => a - b),
  );
  assert.deepEqual(bench.ran("q", 0), range(40));
});

test("S3.7 one request an interval carries the commits of all partitions", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 8 } });
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(30));
  await process.work({ commitInterval: "1s" });
  for (const partition of range(8)) await bench.produce("q", partition, range(100));
  await bench.until(() => drained(bench));
  // Without those that say that jobs are started.
  const commits = bench.commits.filter(({ offset }) => offset > 0);
  const times = new Map(commits.map(({ request, at }) => [request, at]));
  const sent = [...times.values()];
  for (let i = 1; i < sent.length; i++) assert.ok(sent[i]! - sent[i - 1]! >= 1_000, `${sent}`);
  const [first] = times.keys();
  assert.equal(commits.filter(({ request }) => request === first).length, 8);
});

test("S3.7 nothing is sent for a partition that is no longer owned", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(50));
  await process.work();
  for (const partition of range(2)) await bench.produce("q", partition, range(60));
  await bench.until(() => bench.starts.length >= 10);
  bench.broker.faults.expireSession("workers");
  await bench.until(() => process.seen("lost").length === 1);
  const [lost] = process.events.filter(({ name }) => name === "lost");
  await bench.until(() => process.seen("assigned").length === 2);
  const assigned = process.events.findLast(({ name }) => name === "assigned");
  const between = bench.commits.filter(({ at }) => at > lost!.at && at < assigned!.at);
  assert.deepEqual(between, []);
  await bench.until(() => drained(bench));
});

test("S3.7 a commit waits for a connection and is then built from what is owned and finished", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(50));
  await process.work();
  for (const partition of range(2)) await bench.produce("q", partition, range(100));
  await bench.until(() => bench.commits.length > 0);
  const count = bench.commits.length;
  await bench.broker.faults.stop(1);
  await bench.time.advance(3_000);
  assert.equal(bench.commits.length, count);
  await bench.broker.faults.start(1);
  await bench.until(() => bench.commits.length > count);
  const { offset, partition, at } = bench.commits[count]!;
  const started = bench.starts.filter((start) => start.partition === partition && start.at <= at - 100).length;
  assert.ok(offset >= started - 1, `${offset} committed, ${started} started`);
  await bench.until(() => drained(bench));
});

test("S3.7 commits that fail again and again are told with their place, and go on once they can", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  await process.work();
  const errorCode = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  const fault = bench.broker.faults.fail({ api: "OffsetCommit", errorCode, times: 12 });
  await bench.produce("q", 0, range(5));
  await bench.until(() => drained(bench));
  assert.equal(fault.used, 12);
  const errors = process.seen("error");
  assert.equal(errors.length, 2);
  for (const { error, during, topic, partition } of errors) {
    assert.equal((error as { code?: string }).code, "COORDINATOR_LOAD_IN_PROGRESS");
    assert.deepEqual([during, topic, partition], ["committing what is finished", "q", 0]);
  }
});

const failing = (_payload: unknown, { attempt }: { attempt: number }): void => {
  throw new Error(`attempt ${attempt}`);
};

test("S3.8 the attempt and the time of the next one survive a kill", async (t) => {
  const bench = await startWorkerBench(t);
  const backoff = { initial: "8s", max: "64s", jitter: 0 } as const;
  const first = bench.process("first", { queues: { q: { backoff } } }).job("q", failing);
  await first.work();
  await bench.produce("q", 0, range(2));
  await bench.until(() => first.seen("failed").length === 3);
  const failedAt = bench.starts.at(-1)!.at;
  await bench.until(() => bench.commits.at(-1)!.metadata!.failing[0]!.attempt === 3);
  const { metadata, offset } = bench.commits.at(-1)!;
  assert.equal(offset, 0);
  const nextRetryAt = bench.time.time - bench.time.elapsed + failedAt + 32_000;
  assert.deepEqual(metadata, {
    topicId: bench.broker.topics()[0]!.id,
    open: true,
    finished: [],
    failing: [{ offset: 0, attempt: 3, counters: [], nextRetryAt, suspect: false }],
  });
  first.crash();
  await bench.process("second").job("q").work();
  await bench.until(() => drained(bench));
  const [start] = bench.starts.filter(({ by }) => by === "second");
  assert.equal(start!.attempt, 4);
  assert.equal(start!.at, failedAt + 32_000, "not before its time, and not later");
  assert.deepEqual(bench.ran("q", 0, "second"), [0, 1]);
  assert.deepEqual(bench.starts.at(-1)!.attempt, 1, "the next job has its own count");
  await bench.until(() => bench.commits.at(-1)!.metadata!.failing.length === 0);
});

test("S3.8 the attempt survives a rebalance, and the released partition is marked clean", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const backoff = { initial: "8s", max: "8s", jitter: 0 } as const;
  const options = { queues: { q: { backoff } } };
  const first = bench.process("first", options).job("q", failing);
  await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, ["x"]);
  await bench.until(() => first.seen("failed").length === 4);
  const second = bench.process("second", options).job("q");
  await second.work();
  await bench.until(() => second.seen("assigned").length === 1);
  const [{ partitions }] = second.seen("assigned") as [ReturnType<typeof second.seen<"assigned">>[number]];
  const moved = partitions[0]!.partition;
  const release = bench.commits.findLast(({ by, partition }) => by === "first" && partition === moved)!;
  assert.equal(release.metadata!.open, false);
  assert.equal(release.metadata!.failing[0]!.attempt, 2);
  await bench.until(() => bench.lag("q")[moved] === 0);
  assert.deepEqual(
    bench.starts.filter(({ by }) => by === "second").map(({ partition, attempt }) => [partition, attempt]),
    [[moved, 3]],
  );
});

test("S3.8 a wall clock that is set back makes no failed job wait longer", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: { backoff: { initial: "5s", jitter: 0 } } } });
  process.job("q", (_payload, { attempt }) => {
    if (attempt === 1) throw new Error("as planned");
  });
  await process.work();
  await bench.produce("q", 0, [1]);
  await bench.until(() => process.seen("failed").length === 1);
  process.clock.skew(-3_600_000);
  await bench.until(() => drained(bench), 20_000);
  assert.equal(bench.starts[1]!.at - bench.starts[0]!.at, 5_000);
});

test("S3.8 unreadable metadata stops its partition with a named error, and the others go on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 3 } });
  bench.commit("q", 1, 2, "9 is a later version");
  bench.commit("q", 2, 2, "");
  for (const partition of range(3)) await bench.produce("q", partition, range(5));
  const process = bench.process("w").job("q");
  const worker = await process.work();
  await bench.until(() => bench.lag("q")[0] === 0 && bench.lag("q")[2] === 0);
  const [{ error, topic, partition }] = process.seen("error") as [ReturnType<typeof process.seen<"error">>[number]];
  assert.equal((error as Error).name, "CommitMetadataError");
  assert.match((error as Error).message, /version/);
  assert.deepEqual([topic, partition], ["q", 1]);
  assert.deepEqual(bench.ran("q", 1), []);
  assert.deepEqual(bench.ran("q", 2), [2, 3, 4], "a commit made by something else has an offset to go by");
  assert.equal(worker.status().partitions.find((one) => one.partition === 1)?.state, "stopped");
  await bench.run(worker.close());
  assert.deepEqual(bench.committed("q", 1)?.metadata, "9 is a later version", "it is left as it was");
});

test("S3.8 OFFSET_METADATA_TOO_LARGE stops the partition with a named error, and the others go on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { a: 1, b: 1 } });
  const process: WorkerProcess = bench.process("w").job("a", (_payload, _job, { sleep }) => sleep(10));
  process.app.job({ name: "other", queue: "b", perform: () => {} });
  const errorCode = ErrorCode.OFFSET_METADATA_TOO_LARGE;
  const worker = await process.work();
  await bench.produce("a", 0, range(500));
  await bench.until(() => bench.starts.length > 0);
  const fault = bench.broker.faults.fail({ api: "OffsetCommit", errorCode });
  await bench.until(() => process.seen("error").length === 1);
  const [{ error, topic, partition }] = process.seen("error") as [ReturnType<typeof process.seen<"error">>[number]];
  assert.equal((error as { code?: string }).code, "OFFSET_METADATA_TOO_LARGE");
  assert.deepEqual([topic, partition, fault.used], ["a", 0, 1]);
  await bench.time.advance(100);
  const started = bench.starts.length;
  await bench.produceRecords([{ topic: "b", partition: 0, value: "1", headers: { "ottla-job": "other" } }]);
  await bench.until(() => bench.lag("b")[0] === 0);
  assert.equal(bench.starts.length, started, "nothing starts in a stopped partition");
  assert.deepEqual(
    worker.status().partitions.map((one) => [one.topic, one.state, one.waiting]),
    [
      ["a", "stopped", 0],
      ["b", "running", 0],
    ],
  );
  await bench.run(worker.close());
  assert.equal(bench.committed("a", 0)!.offset, started, "what finished there is committed, and nothing beyond it");
  assert.ok(decodeCommitMetadata(started, bench.committed("a", 0)!.metadata)?.open === false);
});

test("S3.8 a refused commit holds up no release", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  const worker = await process.work();
  await bench.produce("q", 0, range(5));
  await bench.until(() => drained(bench));
  const errorCode = ErrorCode.OFFSET_METADATA_TOO_LARGE;
  bench.broker.faults.fail({ api: "OffsetCommit", errorCode, times: Number.POSITIVE_INFINITY });
  const closedAt = bench.time.elapsed;
  await bench.run(worker.close());
  assert.ok(bench.time.elapsed - closedAt < 1_000, `closing took ${bench.time.elapsed - closedAt} ms`);
  assert.deepEqual(
    process.seen("error").map(({ error, partition }) => [(error as { code?: string }).code, partition]),
    [["OFFSET_METADATA_TOO_LARGE", 0]],
  );
});

test("S3.8 metadata of another topic id voids the offset", async (t) => {
  const bench = await startWorkerBench(t);
  const topicId = "01234567-89ab-cdef-8123-456789abcdef";
  bench.commit("q", 0, 3, encodeCommitMetadata(3, { topicId, open: false, finished: [], failing: [] }));
  await bench.produce("q", 0, range(5));
  const process = bench.process("w").job("q");
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), range(5));
  assert.deepEqual(process.seen("startedAtEarliest"), [{ topic: "q", partition: 0 }]);
});

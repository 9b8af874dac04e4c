import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { encodeCommitMetadata } from "../../src/jobs/commit-metadata.ts";
import { startWorkerBench, underBoth, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);

function commitAt(bench: WorkerBench, partition: number, offset: number): void {
  const topicId = bench.broker.topics()[0]!.id;
  bench.commit(
    "q",
    partition,
    offset,
    encodeCommitMetadata(offset, { topicId, open: false, finished: [], failing: [] }),
  );
}

underBoth("S4.9 jobs deleted before they ran stop their partition and no other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  for (const partition of range(2)) await bench.produce("q", partition, range(10));
  await bench.produce("q", 0, range(10));
  commitAt(bench, 0, 3);
  await bench.broker.deleteRecords("q", 0, 10);
  const process = bench.process("w").job("q");
  const worker = await process.work();
  await bench.until(() => bench.lag("q")[1] === 0 && process.seen("error").length > 0);
  const [{ error, topic, partition }] = process.seen("error") as [ReturnType<typeof process.seen<"error">>[number]];
  const { name, code, message, from, to } = error as Error & { code: string; from: number; to: number };
  assert.deepEqual([name, code, from, to, topic, partition], ["JobsExpiredError", "JOBS_EXPIRED", 3, 10, "q", 0]);
  assert.match(message, /q\/0.*3 to 9.*reset/);
  assert.deepEqual(bench.ran("q", 0), []);
  assert.equal(worker.status().partitions.find((one) => one.partition === 0)?.state, "stopped");
  await bench.run(worker.close());
  assert.equal(bench.committed("q", 0)!.offset, 3, "the offset is left for whoever decides");
  assert.equal(process.seen("error").length, 1);
});

underBoth(
  "S4.9 jobs deleted while others of the partition wait are counted from the first that has not run",
  async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w").job("q", (_payload, _job, { sleep }: WorkerProcess) => sleep(1_000));
    await bench.produce("q", 0, range(8));
    await process.work({ maxBatchJobs: 8 });
    await bench.until(() => bench.starts.length === 3);
    await bench.produce("q", 0, range(8));
    await bench.broker.deleteRecords("q", 0, 16);
    await bench.until(() => process.seen("error").length > 0);
    const { from, to } = process.seen("error")[0]!.error as { from?: number; to?: number };
    assert.deepEqual([from, to], [bench.starts.at(-1)!.offset, 16]);
    await bench.time.advance(5_000);
    assert.equal(bench.starts.at(-1)!.offset, from, "nothing starts after that");
    await bench.until(() => bench.committed("q", 0)?.offset === from! + 1);
  },
);

underBoth("S4.9 an offset beyond the log stops its partition and no other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  for (const partition of range(2)) await bench.produce("q", partition, range(10));
  commitAt(bench, 0, 99);
  const process = bench.process("w").job("q");
  await process.work();
  await bench.until(() => bench.lag("q")[1] === 0 && process.seen("error").length > 0);
  const [{ error, topic, partition }] = process.seen("error") as [ReturnType<typeof process.seen<"error">>[number]];
  const { name, code, message } = error as Error & { code: string };
  assert.deepEqual([name, code, topic, partition], ["OffsetBeyondLogError", "OFFSET_BEYOND_LOG", "q", 0]);
  assert.match(message, /99.*10/);
  assert.deepEqual(bench.ran("q", 0), []);
});

underBoth(
  "S4.9 a queue that goes on in spite of lost jobs reads on at what is there, and says what is gone",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    for (const partition of range(2)) await bench.produce("q", partition, range(10));
    commitAt(bench, 0, 3);
    commitAt(bench, 1, 99);
    await bench.broker.deleteRecords("q", 0, 7);
    const process = bench.process("w", { queues: { q: { onDataLoss: "continue" } } }).job("q");
    await process.work();
    await bench.until(() => bench.committed("q", 0)?.offset === 10 && bench.committed("q", 1)?.offset === 10);
    assert.deepEqual(bench.ran("q", 0), [7, 8, 9]);
    assert.deepEqual(
      process
        .seen("error")
        .map(({ error, partition }) => [partition, (error as Error).name])
        .sort(),
      [
        [0, "JobsExpiredError"],
        [1, "OffsetBeyondLogError"],
      ],
    );
    await bench.produce("q", 1, [10]);
    await bench.until(() => bench.committed("q", 1)?.offset === 11);
    assert.deepEqual(bench.ran("q", 1), [10]);
  },
);

underBoth(
  "S4.9 jobs that are deleted while others wait are passed over once those have run, where the queue goes on",
  async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench
      .process("w", { queues: { q: { onDataLoss: "continue" } } })
      .job("q", (_payload, _job, { sleep }: WorkerProcess) => sleep(1_000));
    await bench.produce("q", 0, range(8));
    await process.work({ maxBatchJobs: 8 });
    await bench.until(() => bench.starts.length === 3);
    await bench.produce("q", 0, range(8));
    await bench.broker.deleteRecords("q", 0, 12);
    await bench.until(() => bench.committed("q", 0)?.offset === 16);
    assert.deepEqual(bench.ran("q", 0).slice(-4), [12, 13, 14, 15]);
    const ran = bench.ran("q", 0).filter((offset) => offset < 12);
    assert.deepEqual(ran, range(ran.length), "those that were fetched run in order");
  },
);

underBoth("S4.9 S8.5 what was known of jobs beyond the log says nothing of those that come there", async (t) => {
  const bench = await startWorkerBench(t);
  await bench.produce("q", 0, range(3));
  const topicId = bench.broker.topics()[0]!.id;
  const failing = [{ offset: 6, attempt: 4, counters: [], nextRetryAt: 0, suspect: false }];
  bench.commit("q", 0, 5, encodeCommitMetadata(5, { topicId, open: false, finished: [7], failing }));
  const process = bench.process("w", { queues: { q: { onDataLoss: "continue" } } }).job("q");
  await process.work();
  await bench.until(() => bench.committed("q", 0)?.offset === 3);
  await bench.produce("q", 0, range(6));
  await bench.until(() => bench.committed("q", 0)?.offset === 9);
  assert.deepEqual(bench.ran("q", 0), [3, 4, 5, 6, 7, 8]);
  assert.ok(bench.starts.every(({ attempt }) => attempt === 1));
});

underBoth("S4.9 a broker that does not know where the log ends stops nothing: it is asked again", async (t) => {
  const bench = await startWorkerBench(t);
  await bench.produce("q", 0, range(10));
  commitAt(bench, 0, 4);
  const process = bench.process("w").job("q");
  const errorCode = ErrorCode.OFFSET_OUT_OF_RANGE;
  const fault = bench.broker.faults.fail({ api: "Fetch", errorCode, times: 3 });
  await process.work();
  await bench.until(() => drained(bench));
  assert.ok(fault.used >= 1);
  assert.deepEqual(bench.ran("q", 0), [4, 5, 6, 7, 8, 9]);
});

underBoth(
  "S4.9 an out-of-range offset whose log cannot be asked stops nothing: it is told and asked again",
  async (t) => {
    const bench = await startWorkerBench(t);
    await bench.produce("q", 0, range(10));
    commitAt(bench, 0, 4);
    const process = bench.process("w").job("q");
    const { faults } = bench.broker;
    const errorCode = ErrorCode.OFFSET_OUT_OF_RANGE;
    faults.fail({ api: "Fetch", errorCode });
    const silent = faults.drop({ api: "ListOffsets", times: Number.POSITIVE_INFINITY });
    await process.work();
    await bench.until(() => process.seen("error").some(({ during }) => during.includes("offset 4")));
    silent.cancel();
    await bench.until(() => drained(bench));
    assert.deepEqual(bench.ran("q", 0), [4, 5, 6, 7, 8, 9]);
  },
);

underBoth("S4.9 a partition without a valid offset begins at the earliest and says so", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  for (const partition of range(2)) await bench.produce("q", partition, range(10));
  await bench.broker.deleteRecords("q", 0, 4);
  commitAt(bench, 1, 7);
  const process = bench.process("w").job("q");
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), [4, 5, 6, 7, 8, 9]);
  assert.deepEqual(bench.ran("q", 1), [7, 8, 9]);
  assert.deepEqual(process.seen("startedAtEarliest"), [{ topic: "q", partition: 0 }]);
  assert.deepEqual(process.seen("error"), []);
});

underBoth("S4.9 a topic made again under a running worker begins anew", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  await process.work();
  await bench.produce("q", 0, range(5));
  await bench.until(() => drained(bench));
  await bench.broker.deleteTopic("q");
  await bench.broker.createTopic("q", { partitions: 1 });
  // More than before: by its old offset the worker would pass over the first five.
  await bench.produce("q", 0, range(20));
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), [...range(5), ...range(20)]);
  assert.equal(process.seen("startedAtEarliest").length, 2);
  const id = bench.broker.topics()[0]!.id;
  assert.equal(bench.commits.at(-1)!.metadata!.topicId, id);
});

underBoth("S4.9 the handler of a topic's former self is waited for when it is made again", async (t) => {
  const bench = await startWorkerBench(t);
  let settle: (() => void) | undefined;
  const process = bench.process("w").job("q", () => {
    if (settle !== undefined) return;
    return new Promise<void>((resolve) => {
      settle = resolve;
    });
  });
  await process.work();
  await bench.produce("q", 0, range(3));
  await bench.until(() => settle !== undefined);
  await bench.broker.deleteTopic("q");
  await bench.broker.createTopic("q", { partitions: 1 });
  await bench.produce("q", 0, range(2));
  await bench.until(() => process.seen("lost").length === 1);
  assert.equal(bench.starts[0]!.signal.aborted, true);
  await bench.time.advance(3_000);
  assert.equal(bench.starts.length, 1);
  settle!();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), [0, 0, 1]);
});

underBoth("S3.1 a partition whose offset is unstable holds up no other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, r: 1 } });
  const process = bench.process("w").job("q");
  process.app.job({ name: "r", queue: "r", perform: () => {} });
  await bench.produce("q", 0, range(3));
  // An open transaction on r/0: every question that has it in it waits.
  const asksForR = ({ body }: { body: unknown }): boolean => JSON.stringify(body).includes('"r"');
  const errorCode = ErrorCode.UNSTABLE_OFFSET_COMMIT;
  const times = Number.POSITIVE_INFINITY;
  const open = bench.broker.faults.fail({ api: "OffsetFetch", errorCode, where: asksForR, times });
  const worker = await process.work();
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.equal(worker.status().partitions.find(({ topic }) => topic === "r")?.state, "loading");
  await bench.until(() => process.seen("error").some(({ topic, partition }) => topic === "r" && partition === 0));
  open.cancel();
  await bench.until(() => worker.status().partitions.every(({ state }) => state === "running"));
});

underBoth("S3.1 a partition without a leader holds up no other at the first start", async (t) => {
  const bench = await startWorkerBench(t, { nodes: 2, topics: { q: 4 } });
  await bench.produceRecords(
    range(4).map((partition) => ({ topic: "q", partition, value: "1", headers: { "ottla-job": "work" } })),
  );
  const leaders = bench.broker.topics()[0]!.partitions.map(({ leaderId }) => leaderId);
  const process = bench.process("w").job("q");
  bench.broker.faults.moveCoordinator("workers", 1);
  await bench.broker.faults.stop(2);
  await process.work();
  const reachable = (partition: number): boolean => leaders[partition] === 1;
  await bench.until(() => range(4).every((partition) => !reachable(partition) || bench.lag("q")[partition] === 0));
  assert.ok(range(4).some(reachable) && !range(4).every(reachable));
  await bench.broker.faults.start(2);
  await bench.until(() => drained(bench));
});

underBoth(
  "S8.1 S4.9 where the log is cut below what was fetched, no commit passes the jobs that come there",
  async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench
      .process("w", { queues: { q: { onDataLoss: "continue" } } })
      .job("q", (payload, _job, { sleep }: WorkerProcess) => (payload === "old" ? sleep(1_000) : undefined));
    for (let i = 0; i < 3; i++) await bench.produce("q", 0, new Array(10).fill("old"));
    await process.work({ maxBatchJobs: 30 });
    await bench.until(() => bench.starts.length === 14);
    bench.broker.faults.truncate("q", 0, 10);
    await bench.until(() => process.seen("error").length > 0);
    assert.match(String(process.seen("error")[0]!.error), /LogTruncationError.*from offset 10 on/);
    await bench.produce("q", 0, ["new", "new"]);
    const cutAt = bench.time.elapsed;
    const news = (): number => bench.starts.filter(({ at, offset }) => at >= cutAt && offset >= 10).length;
    await bench.until(() => {
      assert.ok(news() > 0 || bench.commits.every(({ at, offset }) => at < cutAt || offset <= 10));
      return bench.committed("q", 0)?.offset === 12;
    });
    assert.deepEqual(bench.ran("q", 0).slice(-2), [10, 11]);
    assert.equal(news(), 2);
  },
);

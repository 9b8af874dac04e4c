import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorkerBench, underBoth, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const slow = (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> => sleep(100);

test("S3.10 a paused queue ends what runs, starts nothing and keeps its partitions; others go on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, r: 1 } });
  const process = bench.process("w").job("q", slow);
  let others = 0;
  process.app.job({ name: "other", queue: "r", perform: () => void others++ });
  const worker = await process.work();
  for (const partition of range(2)) await bench.produce("q", partition, range(50));
  await bench.until(() => bench.starts.length === 10);
  worker.pause("q");
  assert.deepEqual(worker.status().pausedQueues, ["q"]);
  const started = bench.starts.length;
  await bench.produceRecords(
    range(3).map(() => ({ topic: "r", partition: 0, value: "1", headers: { "ottla-job": "other" } })),
  );
  await bench.time.advance(60_000);
  assert.equal(bench.starts.length, started, "nothing started, though the watchdog looked again and again");
  assert.equal(others, 3);
  const committed = range(2).map((partition) => bench.committed("q", partition)!.offset);
  assert.equal(committed[0]! + committed[1]!, started, "what ran has ended and is committed");
  assert.deepEqual(process.seen("revoked"), []);
  assert.equal(worker.status().partitions.length, 3);
  assert.deepEqual(process.seen("error"), []);
  worker.resume("q");
  await bench.until(() => bench.lag("q").every((lag) => lag === 0));
  assert.deepEqual(worker.status().pausedQueues, []);
  for (const partition of range(2)) assert.deepEqual(bench.ran("q", partition), range(50));
});

underBoth("S3.10 a pause lasts through rebalances, for partitions that come too, in this worker alone", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 4 } });
  const first = bench.process("first").job("q", slow);
  const worker = await first.work();
  worker.pause("q");
  const second = bench.process("second").job("q", slow);
  const other = await second.work();
  await bench.until(() => second.seen("assigned").flatMap(({ partitions }) => partitions).length === 2);
  for (const partition of range(4)) await bench.produce("q", partition, range(3));
  await bench.until(() => bench.starts.length === 6);
  await bench.run(other.close());
  await bench.until(() => worker.status().partitions.length === 4);
  await bench.produce("q", 0, range(1));
  for (const partition of range(4)) await bench.produce("q", partition, range(1));
  await bench.time.advance(20_000);
  assert.deepEqual(
    bench.starts.filter(({ by }) => by === "first"),
    [],
  );
  worker.resume("q");
  await bench.until(() => bench.lag("q").every((lag) => lag === 0));
});

test("S3.10 a job whose backoff ends during a pause is tried once the queue goes on", async (t) => {
  const bench = await startWorkerBench(t);
  let failures = 1;
  const process = bench.process("w").job("q", () => {
    if (failures-- > 0) throw new Error("as planned");
  });
  const worker = await process.work();
  await bench.produce("q", 0, [0]);
  await bench.until(() => process.seen("failed").length === 1);
  worker.pause("q");
  worker.pause("q");
  await bench.time.advance(10_000);
  assert.equal(bench.starts.length, 1);
  worker.resume("q");
  const resumedAt = bench.time.elapsed;
  await bench.until(() => bench.starts.length === 2);
  assert.ok(bench.time.elapsed - resumedAt < 100, "no watchdog has to find it");
  await bench.until(() => bench.lag("q")[0] === 0);
  worker.resume("q");
});

test("S3.10 a queue that is paused while much waits keeps its memory within bounds, and goes on well", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  const worker = await process.work({ maxBatchJobs: 20 });
  await bench.until(() => process.seen("assigned").length > 0);
  worker.pause("q");
  for (const _ of range(10)) await bench.produce("q", 0, range(30));
  await bench.time.advance(30_000);
  const { waiting } = worker.status().partitions[0]!;
  assert.ok(waiting >= 20 && waiting < 300, `${waiting} wait`);
  worker.resume("q");
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.deepEqual(bench.ran("q", 0), range(300));
  assert.deepEqual(process.seen("error"), []);
});

test("a queue that the worker does not work on is named by an error; one that a pattern matches can be paused before it is there", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queuePatterns: [{ match: /^tenant-/ }] }).job("q");
  const worker = await process.work({ patternInterval: "1s" });
  for (const call of ["pause", "resume"] as const) {
    for (const queue of ["nope", "__tenant-", undefined]) {
      assert.throws(
        () => worker[call](queue as string),
        (error: Error & { code?: string }) => {
          assert.deepEqual([error.name, error.code], ["UnknownQueueError", "UNKNOWN_QUEUE"]);
          assert.match(error.message, /it does on q/);
          return true;
        },
      );
    }
  }
  worker.pause("tenant-1");
  await bench.broker.createTopic("tenant-1", { partitions: 1 });
  await bench.produce("tenant-1", 0, [0]);
  await bench.until(() =>
    worker.status().partitions.some(({ topic, waiting }) => topic === "tenant-1" && waiting === 1),
  );
  await bench.time.advance(10_000);
  assert.equal(bench.starts.length, 0);
  worker.resume("tenant-1");
  await bench.until(() => bench.starts.length === 1);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { FetchRequest } from "../../protocol/messages/01-fetch.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import { nextTurn } from "../../src/net/clock.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const KIB = 1024;
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);

/** Jobs of about 1 KiB, two a batch, so that a fetch can be small. */
async function produceMany(bench: WorkerBench, partition: number, count: number, first?: string): Promise<void> {
  const value = JSON.stringify("x".repeat(KIB - 50));
  for (let i = 0; i < count; i += 2) {
    const at = { topic: "q", partition, headers: { "ottla-job": "work" } };
    const head = i === 0 && first !== undefined ? JSON.stringify(first) : value;
    await bench.produceRecords([
      { ...at, value: head },
      { ...at, value },
    ]);
  }
}

/** What the worker has in memory and has asked for together, whenever it asks. */
function watchBytes(bench: WorkerBench, worker: () => Worker | undefined): { most: number } {
  const seen = { most: 0 };
  bench.broker.observe(({ api, body }) => {
    if (api !== "Fetch") return;
    const asked = (body as FetchRequest).topics.flatMap(({ partitions }) => partitions);
    const onItsWay = asked.reduce((sum, { partitionMaxBytes }) => sum + partitionMaxBytes, 0);
    seen.most = Math.max(seen.most, onItsWay + (worker()?.status().bufferedBytes ?? 0));
  });
  return seen;
}

test("S3.10 S8.10 what waits and what is asked for together stay below maxBufferedBytes, and every job runs", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 4 } });
  for (const partition of range(4)) await produceMany(bench, partition, 100);
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(10));
  let worker: Worker | undefined;
  const bytes = watchBytes(bench, () => worker);
  worker = await process.work({ maxBufferedBytes: 64 * KIB });
  await bench.until(() => drained(bench));
  for (const partition of range(4)) assert.deepEqual(bench.ran("q", partition), range(100));
  assert.ok(bytes.most <= 64 * KIB, `${bytes.most} bytes`);
  assert.ok(bytes.most > 16 * KIB, `it reads ahead: ${bytes.most} bytes`);
  assert.equal(worker.status().bufferedBytes, 0);
});

test("S3.10 maxBatchJobs bounds the jobs that wait in a partition, up to what one fetch brings", async (t) => {
  const bench = await startWorkerBench(t);
  await produceMany(bench, 0, 200);
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(10));
  const worker = await process.work({ maxBatchJobs: 6, maxBufferedBytes: 64 * KIB });
  let most = 0;
  while (!drained(bench)) {
    await bench.time.advance(5);
    most = Math.max(most, worker.status().partitions[0]?.waiting ?? 0);
  }
  assert.deepEqual(bench.ran("q", 0), range(200));
  // A fetch brings a quarter of the bytes: sixteen jobs. Of bytes alone it would keep thirty-two, and what a fetch brings.
  assert.ok(most >= 6 && most <= 6 + 16, `${most} jobs waited`);
});

test("S3.10 partitions that stand still with a great backlog take nothing from the others", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 6 } });
  for (const partition of range(3)) await produceMany(bench, partition, 60, "bad");
  const process = bench.process("w").job("q", (payload) => {
    if (payload === "bad") throw new Error("never works");
  });
  const worker = await process.work({ maxBufferedBytes: 64 * KIB });
  await bench.until(() => process.seen("failed").length >= 6);
  for (const partition of [3, 4, 5]) await produceMany(bench, partition, 60);
  await bench.until(() => [3, 4, 5].every((partition) => bench.lag("q")[partition] === 0));
  for (const partition of [3, 4, 5]) assert.deepEqual(bench.ran("q", partition), range(60));
  assert.ok(worker.status().bufferedBytes > 3 * 4 * KIB, "they have their backlog still");
  assert.ok(worker.status().bufferedBytes <= 64 * KIB);
});

test("S3.10 a batch larger than the share of its partition comes whole and runs", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  for (const partition of range(2)) {
    for (let i = 0; i < 3; i++)
      await bench.produce(
        "q",
        partition,
        [..."abcdefgh"].map((x) => x.repeat(KIB)),
      );
  }
  await bench
    .process("w")
    .job("q")
    .work({ maxBufferedBytes: 4 * KIB });
  await bench.until(() => drained(bench));
  for (const partition of range(2)) assert.deepEqual(bench.ran("q", partition), range(24));
});

test("S3.10 what a lost or released partition had waiting is let go, and the others are read on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  for (const partition of range(2)) await produceMany(bench, partition, 100);
  let blocked = true;
  const process = bench.process("w").job("q", async (_payload, _job, { sleep }: WorkerProcess) => {
    while (blocked) await sleep(100);
  });
  const worker = await process.work({ maxBufferedBytes: 32 * KIB });
  await bench.until(() => worker.status().bufferedBytes > 12 * KIB);
  bench.broker.faults.expireSession("workers");
  await bench.until(() => process.seen("lost").length === 1);
  assert.equal(worker.status().bufferedBytes, 0);
  blocked = false;
  await bench.until(() => drained(bench));
  assert.deepEqual(process.seen("error"), []);
});

test("S3.5 quick jobs by the thousand leave the event loop its turns, so heartbeats are not late", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  let busy = 0;
  let row = 0;
  let most = 0;
  const process = bench.process("w", {}, (clock) => ({
    now: () => clock.now() + busy,
    monotonic: () => clock.monotonic() + busy,
    timer: (ms, fire) => clock.timer(ms, fire),
    soon: (run) => clock.soon(run),
    random: () => clock.random(),
    uuid: () => clock.uuid(),
  }));
  process.job("q", () => {
    // A job of one millisecond that never gives the event loop back.
    busy++;
    if (row++ === 0) void nextTurn().then(() => (row = 0));
    most = Math.max(most, row);
  });
  for (const partition of range(2)) await bench.produce("q", partition, range(2_000));
  await process.work({ maxBatchJobs: 10_000 });
  await bench.until(() => bench.starts.length === 4_000);
  assert.ok(most <= 11, `${most} ms of jobs in a row`);
  assert.ok(most >= 5, `turns are not given for nothing: ${most} ms in a row`);
  for (const partition of range(2)) assert.deepEqual(bench.ran("q", partition), range(2_000));
  await bench.until(() => drained(bench));
});

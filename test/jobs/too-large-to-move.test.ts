import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const backoff = { initial: "1s", max: "4s", jitter: 0 } as const;
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const place = (partition: number, offset: number) => ({ topic: "q", partition, offset });
const LARGE = "x".repeat(2_000);

/** From here on the topic takes batches of so many bytes at most. */
const limit = (bench: WorkerBench, topic: string, bytes: number): Promise<void> =>
  bench.configure(topic, { "max.message.bytes": String(bytes) });

async function start(
  bench: WorkerBench,
  queue: QueueOptions,
  perform: (payload: unknown) => unknown = (payload) => {
    if (payload === LARGE) throw new Error("never works");
  },
): Promise<WorkerProcess> {
  const process = bench.process("w", { queues: { q: { backoff, ...queue } } }).job("q", perform);
  await process.work();
  return process;
}

for (const [how, lanes] of Object.entries({ "": {}, ", in lanes": { virtualPartitions: { max: 2 } } })) {
  const queue = { deadLetterQueue: { topic: "d", maxRetries: 0 }, ...lanes };

  test(`S4.4 S4.5 a job that is too large to be a dead letter waits, and is told of, until somebody helps${how}`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    await limit(bench, "d", 1_000);
    const process = await start(bench, queue);
    await bench.produce("q", 0, [LARGE, "good"]);
    await bench.until(() => process.seen("failed").length === 4);
    const [{ job, error }] = process.seen("blocked") as [ReturnType<typeof process.seen<"blocked">>[number]];
    assert.equal(job.offset, 0);
    assert.match((error as Error).message, /too large for topic d .*raise max\.message\.bytes/s);
    const starts = bench.starts.filter(({ offset }) => offset === 0);
    const waits = starts.slice(1).map(({ at }, i) => Math.round((at - starts[i]!.at) / 1_000));
    assert.deepEqual(waits, [1, 2, 4]);
    const [found] = await bench.run(process.app.blocked());
    assert.deepEqual([found!.offset, found!.attempt], [0, 4]);
    await bench.run(process.app.skip(place(0, 0)));
    await bench.until(() => drained(bench));
    assert.deepEqual([bench.records("d", 0).length, process.seen("discarded").length], [0, 1]);
    assert.ok(bench.ran("q", 0).includes(1));
  });

  test(`S4.5 it is a dead letter once its topic takes it${how}`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    await limit(bench, "d", 1_000);
    const process = await start(bench, queue);
    await bench.produce("q", 0, [LARGE]);
    await bench.until(() => process.seen("blocked").length > 0);
    await limit(bench, "d", 10_000);
    await bench.until(() => drained(bench));
    assert.deepEqual([bench.records("d", 0).length, process.seen("dead").length], [1, 1]);
  });

  test(`S4.4 a job that is too large for the topic it shall be skipped into stays, and whoever asked hears so${how}`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    await limit(bench, "d", 1_000);
    const process = await start(bench, lanes);
    await bench.produce("q", 0, [LARGE, "good"]);
    await bench.until(() => process.seen("failed").length === 1);
    const skipped = process.app.skip(place(0, 0), { deadLetter: "d" });
    await assert.rejects(bench.run(skipped), { name: "PayloadTooLargeError", message: /for topic d/ });
    await bench.until(() => process.seen("failed").length === 3);
    await bench.run(process.app.skip(place(0, 0)));
    await bench.until(() => drained(bench));
  });
}

test("S4.4 a topic without the job's partition, or none at all, is no place to skip it into", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 3, d: 1 } });
  let isFixed = false;
  const process = await start(bench, {}, () => {
    if (!isFixed) throw new Error("not yet");
  });
  await bench.produce("q", 2, ["bad"]);
  await bench.until(() => process.seen("failed").length === 1);
  const skip = (deadLetter: string): Promise<void> => bench.run(process.app.skip(place(2, 0), { deadLetter }));
  await assert.rejects(skip("d"), { name: "InvalidOptionError", message: /"d" has 1 partitions.*its partition, 2/ });
  await assert.rejects(skip("nowhere"), { name: "TopicMissingError" });
  isFixed = true;
  await bench.until(() => drained(bench));
});

test("S4.2 a job that a rule re-enqueues waits in its place where its topic does not take it again", async (t) => {
  const bench = await startWorkerBench(t);
  let runs = 0;
  const process = bench.process("w", { queues: { q: { backoff } } }).job(
    "q",
    () => {
      if (++runs < 3) throw new RangeError("not yet");
    },
    { retryOn: [{ errors: [RangeError], wait: 0, jitter: 0 }] },
  );
  await process.work();
  const headers = { "ottla-job": "work" };
  await bench.produceRecords([{ topic: "q", partition: 0, value: JSON.stringify(LARGE), headers }]);
  await limit(bench, "q", 1_000);
  await bench.until(() => drained(bench));
  assert.deepEqual(
    bench.starts.map(({ offset, attempt }) => [offset, attempt]),
    [
      [0, 1],
      [0, 2],
      [0, 3],
    ],
  );
  assert.match(String(process.seen("error")[0]!.error), /too large for topic q/);
});

test("S4.6 a job that is too large to be parked blocks its partition; once its key is free, so is one behind it", async (t) => {
  const bench = await startWorkerBench(t);
  let isFixed = false;
  const process = await start(bench, { whenExhausted: "park", maxRetries: 0 }, (payload) => {
    if (!isFixed && payload !== "good") throw new Error("not yet");
  });
  await limit(bench, "workers-state", 1_000);
  await bench.produce("q", 0, [LARGE]);
  await bench.until(() => process.seen("blocked").length > 0);
  assert.match(String(process.seen("blocked")[0]!.error), /too large for topic workers-state/);
  isFixed = true;
  await bench.until(() => drained(bench));
  isFixed = false;
  await bench.produce("q", 0, ["small", LARGE]);
  await bench.until(() => process.seen("parked").length === 1);
  await bench.until(() => process.seen("error").filter(({ during }) => during === "parking a job").length > 1);
  isFixed = true;
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0).slice(-2), [1, 2]);
});

test("S4.6 a parked job that is too large to be written anew runs all the same when it is released, and parks again", async (t) => {
  const bench = await startWorkerBench(t);
  let isFixed = false;
  const process = await start(bench, { whenExhausted: "park", maxRetries: 0 }, (payload) => {
    if (!isFixed && payload === LARGE) throw new Error("not yet");
  });
  await bench.produce("q", 0, [LARGE]);
  await bench.until(() => process.seen("parked").length === 1);
  await limit(bench, "workers-state", 1_000);
  const release = (): Promise<number> => bench.run(process.app.parked.release({ queue: "q" }));
  await release();
  await bench.until(() => process.seen("parked").length === 2);
  assert.match(String(process.seen("error")[0]!.error), /too large for topic workers-state/);
  await bench.produce("q", 0, ["behind"]);
  isFixed = true;
  await release();
  await bench.until(() => process.seen("completed").length === 2);
  assert.deepEqual(bench.ran("q", 0), [0, 0, 0, 1]);
});

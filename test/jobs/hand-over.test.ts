import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { EnqueuedJob } from "../../src/jobs/dispatched-job.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import { underTransactionFaults, untilFinished } from "../support/transaction-faults.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const QUEUES = { q: { backoff: { initial: "100ms", max: "1s", jitter: 0 } } } as const;
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);

type Work = (n: number, job: RunningJob, next: (n: number) => ReturnType<RunningJob["transaction"]>) => unknown;

/** A worker of queue q, whose jobs hand over to queue `next`. */
function worker(bench: WorkerBench, name: string, work: Work): WorkerProcess {
  const process = bench.process(name, { queues: QUEUES });
  const next = process.app.job<number>({ name: "next", queue: "next", partitioner: () => "k", perform: () => {} });
  return process.job("q", (payload, job) =>
    work(payload as number, job, (n) => job.transaction((tx) => tx.performLater(next.of(n)))),
  );
}

const handed = async (bench: WorkerBench): Promise<number[]> =>
  (await bench.run(bench.committedValues("next", 1))).flat();

test("S3.9 what a job hands over and that it is finished are one transaction, with the places of what it enqueued", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
  const places: EnqueuedJob[] = [];
  const process = worker(bench, "w", async (n, _job, next) => void places.push((await next(n)) as EnqueuedJob));
  await process.work({ queues: ["q"], commitInterval: "1h" });
  await bench.produce("q", 0, range(3));
  await bench.until(() => drained(bench));
  assert.deepEqual(await handed(bench), [0, 1, 2]);
  assert.ok(places.every(({ topic, partition, offset }, i) => topic === "next" && partition === 0 && offset >= i));
  assert.equal(bench.commits.filter(({ offset }) => offset > 0).length, 0, "no plain commit was needed");
  assert.equal(process.seen("completed").length, 3);
});

test("S3.9 a job that fails after it has handed over is not run again, and one that fails before is", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
  let failures = 2;
  const process = worker(bench, "w", async (n, _job, next) => {
    if (n === 0 && failures-- > 0) throw new Error("before");
    await next(n);
    if (n === 1) throw new Error("after");
  });
  await process.work({ queues: ["q"] });
  await bench.produce("q", 0, range(3));
  await bench.until(() => drained(bench));
  assert.deepEqual(await handed(bench), [0, 1, 2]);
  assert.deepEqual(bench.ran("q", 0), [0, 0, 0, 1, 2]);
  assert.deepEqual(
    process.seen("error").map(({ error, during }) => [(error as Error).message, during]),
    [["after", "a job, after its transaction"]],
  );
});

test("S3.9 a hand-over that is not awaited decides all the same, and the job is over only with it", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
  bench.broker.faults.delay({ api: "EndTxn", ms: 500, times: Number.POSITIVE_INFINITY });
  const process = worker(bench, "w", (n, _job, next) => {
    next(n).catch(() => {});
    if (n === 1) throw new Error("at once");
  });
  await process.work({ queues: ["q"] });
  await bench.produce("q", 0, range(3));
  await bench.until(() => drained(bench));
  assert.deepEqual(await handed(bench), [0, 1, 2]);
  assert.deepEqual(bench.ran("q", 0), [0, 1, 2]);
  const times = bench.starts.map(({ at }) => at);
  assert.ok(times[1]! - times[0]! >= 500 && times[2]! - times[1]! >= 500);
});

test("S3.9 a run hands over once, what its function throws sends nothing, and what cannot be sent is thrown", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
  const errors: string[] = [];
  const note = (error: Error & { code?: string }): void => void errors.push(error.code ?? error.message);
  const process = worker(bench, "w", async (n, job, next) => {
    await job.transaction(() => Promise.reject(new Error("no"))).catch(note);
    bench.broker.faults.fail({ api: "Produce", errorCode: ErrorCode.MESSAGE_TOO_LARGE });
    await next(n).catch(note);
    await next(n);
    await next(n).catch(note);
  });
  await process.work({ queues: ["q"] });
  await bench.produce("q", 0, [7]);
  await bench.until(() => drained(bench));
  assert.deepEqual(errors, ["no", "PAYLOAD_TOO_LARGE", "ALREADY_HANDED_OVER"]);
  assert.deepEqual(await handed(bench), [7]);
});

test("S3.9 under performNow it is all or nothing, too", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
  const { app } = bench.process("p");
  const next = app.job<number>({ name: "next", queue: "next", perform: () => {} });
  const job = app.job<number>({
    ...{ name: "now", queue: "q" },
    perform: (n, running) =>
      running.transaction(async (tx) => {
        await tx.performLater(next.of(n));
        if (n === 1) throw new Error("no");
        await tx.performLater(next.of(n));
      }),
  });
  await bench.run(job.performNow(5));
  await assert.rejects(bench.run(job.performNow(1)), /no/);
  assert.deepEqual(await handed(bench), [5, 5]);
});

test("S3.9 S8.5 every job hands over exactly once, whatever fails and whoever dies at any step", async () => {
  await underTransactionFaults({ q: 1, next: 1 }, async (bench, current) => {
    await bench.produce("q", 0, range(8));
    await untilFinished(bench, async (round) => {
      const process = worker(bench, `w${round}`, (n, _job, next) => next(n));
      current(process);
      await process.work({ queues: ["q"] });
      return process;
    });
    assert.deepEqual(await handed(bench), range(8));
  });
});

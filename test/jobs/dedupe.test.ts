import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { AppEvents } from "../../src/jobs/events.ts";
import { RetryLater } from "../../src/jobs/job-controls.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import { startWorkerBench, underBoth, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const MINUTE = 60_000;
const backoff = { initial: "1s", max: "1s", jitter: 0 } as const;
const OPTIONS: AppOptions = { queues: { q: { dedupe: { window: "1m" }, backoff } } };
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
/** Duplicates as they were told of, each with the one that it repeats. */
const told = (process: WorkerProcess): number[][] =>
  process.seen("duplicate").map(({ job, first }) => [job.offset, first]);

interface Given {
  readonly id?: string;
  /** Milliseconds since the bench began. */
  readonly at?: number;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes jobs as any producer could. */
async function write(bench: WorkerBench, jobs: readonly Given[], partition = 0): Promise<void> {
  const began = bench.time.time - bench.time.elapsed;
  await bench.produceRecords(
    jobs.map(({ id, at, key = "k", headers = {} }, i) => ({
      ...{ topic: "q", partition, key, value: String(i), timestamp: began + (at ?? bench.time.elapsed) },
      headers: { "ottla-job": "work", ...(id === undefined ? {} : { "ottla-id": id }), ...headers },
    })),
  );
}

test("S2.9 a job whose id was enqueued within the window is finished unrun, with an event; one outside of it runs", async (t) => {
  const bench = await startWorkerBench(t);
  const ended: unknown[] = [];
  const process = bench.process("w", OPTIONS).job("q", () => {}, { afterDiscard: (job) => void ended.push(job) });
  await process.work();
  const times = [0, MINUTE, 2 * MINUTE + 1, 2 * MINUTE + 1];
  await write(bench, [...times.map((at) => ({ id: "a", at })), { id: "b", at: 0 }]);
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), [0, 2, 4]);
  assert.deepEqual(told(process), [
    [1, 0],
    [3, 2],
  ]);
  const [{ job }] = process.seen("duplicate") as [AppEvents["duplicate"], AppEvents["duplicate"]];
  const place = { topic: "q", partition: 0, offset: 1, queue: "q" };
  assert.deepEqual(job, { ...place, id: "a", name: "work", key: "k", attempt: 1 });
  assert.deepEqual(ended, [], "its work is done, by the other");
  assert.deepEqual([process.seen("failed"), process.seen("error")], [[], []]);
});

test("S2.9 an id that comes again and again makes duplicates for as long as no two are further apart than the window", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", OPTIONS).job("q");
  await process.work();
  await write(
    bench,
    [0, 50, 100, 150, 211].map((seconds) => ({ id: "a", at: seconds * 1_000 })),
  );
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), [0, 4]);
  assert.deepEqual(told(process), [
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
});

test("S2.9 ids count in their partition alone, whatever the key, and not where the queue does not compare", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, r: 1 } });
  const process = bench.process("w", OPTIONS).job("q");
  process.app.job({ name: "other", queue: "r", perform: () => {} });
  await process.work();
  await write(bench, [{ id: "a" }, { id: "a", key: "other" }, {}, {}]);
  await write(bench, [{ id: "a" }], 1);
  const headers = { "ottla-job": "other", "ottla-id": "a" };
  await bench.produceRecords([0, 1].map(() => ({ topic: "r", value: "null", headers })));
  await bench.until(() => drained(bench) && process.seen("completed").length === 6);
  assert.deepEqual([bench.ran("q", 0), bench.ran("q", 1)], [[0, 2, 3], [0]]);
  assert.deepEqual(told(process), [[1, 0]]);
});

test("S2.9 jobs of an app, by bulk, variant or transaction, keyed or by their ids, are run once an id", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 4 } });
  const process = bench.process("w", OPTIONS);
  const ran: unknown[] = [];
  const small = process.app.producer.with({ compression: "gzip" });
  const perform = (payload: number): void => void ran.push(payload);
  const keyed = process.app.job<number>({
    ...{ name: "keyed", queue: "q", partitioner: () => "one", perform },
    producer: ({ payload }) => (payload % 2 === 1 ? small : process.app.producer),
  });
  const keyless = process.app.job<number>({ name: "keyless", queue: "q", perform });
  await process.work();
  for (const job of [keyed, keyless]) {
    const [id, base] = job === keyed ? ["a", 0] : ["b", 10];
    await bench.run(job.set({ id }).performLater(base));
    await bench.run(process.app.performAllLater([1, 2].map((n) => job.set({ id }).of(base + n))));
    await bench.run(process.app.transaction((tx) => tx.performLater(job.set({ id }).of(base + 3))));
  }
  await bench.until(() => process.seen("duplicate").length === 6 && drained(bench));
  assert.deepEqual(ran, [0, 10]);
  assert.deepEqual(new Set(process.seen("duplicate").map(({ job: { key } }) => key)), new Set(["one", undefined]));
});

test("S2.9 a job of an aborted transaction makes no duplicate, nor does one that is not finished save its repetition", async (t) => {
  const bench = await startWorkerBench(t);
  let fails = 2;
  const process = bench.process("w", OPTIONS).job("q", () => {
    if (fails-- > 0) throw new Error("not yet");
  });
  const producer = process.app.job<number>({ name: "sent", queue: "q", partitioner: () => "k", perform: () => {} });
  bench.broker.faults.fail({ api: "EndTxn", errorCode: ErrorCode.INVALID_TXN_STATE, times: 1 });
  const aborted = process.app.transaction((tx) => tx.performLater(producer.set({ id: "a" }).of(0)));
  await bench.run(aborted.catch(() => {}));
  await process.work();
  await write(bench, [{ id: "a" }, { id: "a" }]);
  await bench.until(() => drained(bench));
  const [first, , again] = bench.starts;
  assert.ok(first!.offset > 0, "the aborted one is in the log");
  assert.equal(again!.offset, first!.offset, "the original is tried again, and the other waits behind it");
  assert.deepEqual(told(process), [[first!.offset + 1, first!.offset]]);
});

test("S2.9 retries and redriven jobs are no duplicates, and make none", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", OPTIONS).job("q");
  await process.work();
  const of = (headers: Record<string, string>): Given => ({ id: "a", headers });
  await write(bench, [
    of({ "ottla-attempt": "1", "ottla-retries": "" }),
    of({ "ottla-redrive": "1", "ottla-origin": "q/0/0" }),
    of({ "ottla-resumption": "1" }),
    of({}),
    of({ "ottla-redrive": "2", "ottla-origin": "q/0/0" }),
    // As what comes from a schedule may have it.
    of({ "ottla-origin": "s/0/0" }),
  ]);
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), [0, 1, 2, 3, 4]);
  assert.deepEqual(told(process), [[5, 3]]);
});

test("S2.9 a job that is re-enqueued, and one that is redriven, run again", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const deadLetterQueue = { topic: "d", maxRetries: 0 };
  let broken = true;
  let again = 3;
  const process = bench.process("w", { queues: { q: { dedupe: {}, deadLetterQueue } } }).job("q", (payload) => {
    if (payload === 0 && again-- > 0) throw new RetryLater({ wait: 0 });
    if (payload === 1 && broken) throw new Error("broken");
  });
  await process.work();
  const record = (id: string, value: string) => ({
    ...{ topic: "q", partition: 0, value },
    headers: { "ottla-job": "work", "ottla-id": id },
  });
  await bench.produceRecords([record("again", "0"), record("dead", "1")]);
  await bench.until(() => process.seen("dead").length === 1 && process.seen("retried").length === 3);
  broken = false;
  await bench.run(process.app.dead.redrive());
  await bench.until(() => drained(bench));
  const done = process.seen("completed").map(({ job: { id } }) => id);
  assert.deepEqual(done.sort(), ["again", "dead"]);
  assert.deepEqual(told(process), []);
  await bench.produceRecords([record("again", "0"), record("dead", "1")]);
  await bench.until(() => drained(bench));
  assert.deepEqual(
    told(process).map(([, first]) => first),
    [0, 1],
    "what its caller enqueued is what they repeat",
  );
});

test("S2.9 lanes: a job is judged in the order of the log, though the other waits in its lane", async (t) => {
  const bench = await startWorkerBench(t);
  const queues = { q: { dedupe: {}, backoff, virtualPartitions: { max: 4 } } };
  let held = true;
  const process = bench.process("w", { queues }).job("q", async (_payload, { key }, { sleep }) => {
    while (key === "slow" && held) await sleep(100);
  });
  await process.work();
  await write(bench, [
    { id: "x", key: "slow" },
    { id: "a", key: "slow" },
    { id: "a", key: "quick" },
    { id: "b", key: "quick" },
  ]);
  await bench.until(() => process.seen("duplicate").length === 1 && process.seen("completed").length === 1);
  assert.deepEqual(told(process), [[2, 1]]);
  held = false;
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0).sort(), [0, 1, 3]);
});

test("S2.9 S4.6 a duplicate is one although its key is parked: it is not parked, and never runs", async (t) => {
  const bench = await startWorkerBench(t);
  let broken = true;
  const queues: AppOptions["queues"] = { q: { dedupe: {}, backoff, whenExhausted: "park", maxRetries: 0 } };
  const process = bench.process("w", { queues }).job("q", () => {
    if (broken) throw new Error("broken");
  });
  await process.work();
  await write(bench, [{ id: "a" }, { id: "a" }, { id: "b" }]);
  await bench.until(() => drained(bench));
  assert.deepEqual(told(process), [[1, 0]]);
  assert.deepEqual(
    process.seen("parked").map(({ job }) => job.offset),
    [0, 2],
  );
  broken = false;
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => process.seen("completed").length === 2);
  assert.deepEqual(bench.ran("q", 0), [0, 0, 2]);
});

test("S2.9 a duplicate takes no slot, and needs no commit before it as a start does", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", OPTIONS).job("q", (_payload, _job, { sleep }) => sleep(1_000));
  await write(bench, [{ id: "a" }]);
  const worker = await process.work({ concurrency: 1 });
  await bench.until(() => drained(bench));
  await bench.run(worker.close());
  const commits = bench.commits.length;
  const next = bench.process("next", OPTIONS).job("q");
  await write(
    bench,
    Array.from({ length: 500 }, () => ({ id: "a" })),
  );
  await next.work({ concurrency: 1 });
  await bench.until(() => drained(bench));
  assert.equal(next.seen("duplicate").length, 500);
  assert.deepEqual(next.seen("started"), []);
  assert.ok(bench.commits.slice(commits).every(({ metadata }) => metadata?.open === false));
});

underBoth(
  "S2.9 while a queue is paused its duplicates wait, and a revoked partition's are the next owner's",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    const first = bench.process("first", OPTIONS).job("q");
    const worker = await first.work();
    await write(bench, [{ id: "a" }]);
    await write(bench, [{ id: "a" }], 1);
    await bench.until(() => drained(bench));
    worker.pause("q");
    await write(bench, [{ id: "a" }, { id: "b" }]);
    await write(bench, [{ id: "a" }, { id: "b" }], 1);
    await bench.time.advance(2_000);
    assert.deepEqual(first.seen("duplicate"), []);
    const second = bench.process("second", OPTIONS).job("q");
    await second.work();
    await bench.until(() => second.seen("completed").length === 1);
    worker.resume("q");
    await bench.until(() => drained(bench));
    assert.deepEqual(
      [bench.ran("q", 0), bench.ran("q", 1)],
      [
        [0, 2],
        [0, 2],
      ],
    );
    assert.deepEqual([told(first), told(second)], [[[1, 0]], [[1, 0]]]);
  },
);

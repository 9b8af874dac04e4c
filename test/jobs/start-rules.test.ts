import assert from "node:assert/strict";
import { test } from "node:test";
import type { MoveSource } from "../../src/jobs/moves.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import type { PartitionFailures } from "../../src/jobs/partition-failures.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { StartRules } from "../../src/jobs/start-rules.ts";
import type { WorkerContext } from "../../src/jobs/worker-context.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { startWorkerBench, type WorkerBench } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const queue = (q: QueueOptions): AppOptions => ({
  queues: { q: { backoff: { initial: "1s", max: "10s", jitter: 0 }, ...q } },
});
const KINDS = [
  ["one at a time", {}],
  ["in lanes", { virtualPartitions: { max: 4 } }],
] as const;

interface Written {
  readonly key?: string;
  readonly payload?: unknown;
  /** Milliseconds before now. */
  readonly age?: number;
  readonly headers?: Record<string, string>;
}

async function produce(bench: WorkerBench, jobs: readonly Written[], topic = "q"): Promise<void> {
  await bench.produceRecords(
    jobs.map(({ key, payload = 1, age = 0, headers }) => ({
      ...{ topic, partition: 0, ...(key === undefined ? {} : { key }), value: JSON.stringify(payload) },
      ...{ timestamp: bench.time.time - age, headers: { "ottla-job": "work", ...headers } },
    })),
  );
}

const aged = (...ages: readonly number[]): Written[] => ages.map((age, i) => ({ age, key: `k${i}` }));

for (const [kind, lanes] of KINDS) {
  test(`S3.12 no job starts before its queue's delay, and while one waits it holds no slot (${kind})`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, other: 1 } });
    const process = bench.process("w", queue({ delay: "10s", ...lanes })).job("q");
    let others = 0;
    process.app.job({ name: "other", queue: "other", perform: () => void others++ });
    const worker = await process.work({ concurrency: 1, stuckAfter: "2s" });
    await produce(bench, aged(9_000, 0, 5_000));
    const since = bench.time.elapsed;
    await bench.produceRecords(
      range(9).map(() => ({ topic: "other", partition: 0, value: "1", headers: { "ottla-job": "other" } })),
    );
    await bench.time.advance(5_500);
    assert.equal(others, 9);
    assert.equal(worker.status().partitions.find(({ topic }) => topic === "q")!.isWaiting, true);
    assert.equal(worker.health().ok, true, "who waits for its time is not stuck");
    await bench.until(() => drained(bench));
    const due = [1_000, 10_000, 5_000];
    const at = due.map((_, offset) => bench.starts.find((start) => start.offset === offset)!.at - since);
    // One at a time, the third waits behind the second.
    const expected = "virtualPartitions" in lanes ? due : [1_000, 10_000, 10_000];
    for (const [offset, ms] of expected.entries())
      assert.ok(at[offset]! >= ms - 100 && at[offset]! <= ms + 500, `${at}`);
    assert.equal(bench.starts.length, 3);
  });

  test(`S3.12 a retry waits for its backoff, not for the delay once more (${kind})`, async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w", queue({ delay: "10s", ...lanes })).job("q", (_payload, { attempt }) => {
      if (attempt < 3) throw new Error("twice");
    });
    await process.work();
    await produce(bench, aged(0));
    await bench.until(() => drained(bench));
    const [first, second, third] = bench.starts.map(({ at }) => at);
    assert.deepEqual([second! - first!, third! - second!], [1_000, 2_000]);
  });

  test(`S3.12 a job waits no longer than its delay, though it is from the future, or the clock was set back (${kind})`, async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w", queue({ delay: "10s", expire: "1m", ...lanes })).job("q");
    await process.work();
    await produce(bench, aged(-3_000_000));
    const since = bench.time.elapsed;
    await bench.until(() => drained(bench));
    assert.ok(bench.starts[0]!.at - since >= 10_000 && bench.starts[0]!.at - since <= 11_000);
    await produce(bench, aged(0));
    await bench.time.advance(5_000);
    process.clock.skew(-3_600_000);
    await bench.until(() => drained(bench), 10_000);
    assert.equal(bench.starts.length, 2);
  });

  test(`S3.12 a job that is too old at its start ends without being run, and afterDiscard is called once (${kind})`, async (t) => {
    const bench = await startWorkerBench(t);
    const discarded: unknown[][] = [];
    const process = bench.process("w", queue({ expire: "10s", ...lanes })).job("q", undefined, {
      afterDiscard: ({ offset, attempt, payload }, error) => {
        const { name, message } = error as Error;
        discarded.push([offset, attempt, payload, name, /expire after 10000 ms/.test(message)]);
      },
    });
    await process.work();
    await produce(bench, aged(20_000, 9_000, 3_600_000, 0));
    await bench.until(() => drained(bench));
    assert.deepEqual(bench.starts.map(({ offset }) => offset).sort(), [1, 3]);
    const told = process.seen("expired");
    assert.deepEqual(told.map(({ job }) => [job.offset, job.attempt, job.name]).sort(), [
      [0, 1, "work"],
      [2, 1, "work"],
    ]);
    assert.ok(told.every(({ age }) => age >= 20_000));
    assert.deepEqual(discarded.sort(), [
      [0, 1, 1, "JobTooOldError", true],
      [2, 1, 1, "JobTooOldError", true],
    ]);
    for (const name of ["failed", "discarded", "dead", "error"] as const) assert.deepEqual(process.seen(name), []);
  });

  test(`S3.12 that a job has expired is judged at its start, not when it is fetched (${kind})`, async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w", queue({ expire: "10s", ...lanes })).job("q", (payload, _job, { sleep }) => {
      return payload === "slow" ? sleep(12_000) : undefined;
    });
    const worker = await process.work();
    await produce(bench, [
      { key: "a", payload: "slow" },
      { key: "a", payload: "behind it" },
      { key: "b", payload: "beside it" },
    ]);
    await bench.until(() => drained(bench));
    const beside = "virtualPartitions" in lanes ? [0, 2] : [0];
    assert.deepEqual(bench.ran("q", 0), beside);
    worker.pause("q");
    await produce(bench, aged(0));
    await bench.time.advance(60_000);
    assert.equal(process.seen("expired").length, 3 - beside.length, "of a queue that is paused nothing ends");
    worker.resume("q");
    await bench.until(() => drained(bench));
    assert.equal(process.seen("expired").length, 4 - beside.length);
  });

  test(`S3.12 a job that has failed may expire before it is tried again, also where it blocks its queue (${kind})`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    const process = bench.process("w", queue({ expire: "20s", ...lanes })).job("q", (payload) => {
      if (payload === "bad") throw new Error("never works");
    });
    await process.work();
    await produce(bench, [{ key: "a", payload: "bad" }, { key: "a" }]);
    await bench.time.advance(15_000);
    assert.equal(process.seen("blocked").length, 1);
    await produce(bench, [{ key: "a" }]);
    await bench.until(() => drained(bench));
    const [expired, next] = process.seen("expired");
    assert.deepEqual([expired!.job.offset, expired!.job.attempt], [0, process.seen("failed").length + 1]);
    assert.equal(next?.job.offset, 1, "what has waited behind it is too old, too");
    assert.equal(bench.ran("q", 0).at(-1), 2);
    assert.deepEqual(await bench.run(process.app.blocked()), []);
  });

  test(`S3.12 a job without a key that is re-enqueued for a retry is as old as it was (${kind})`, async (t) => {
    const bench = await startWorkerBench(t);
    const now = bench.time.time;
    const process = bench.process("w", queue({ delay: "10s", expire: "20s", ...lanes })).job(
      "q",
      async (_payload, { attempt }, { sleep }) => {
        await sleep(6_000);
        if (attempt < 9) throw new TypeError("again");
      },
      { retryOn: [{ errors: [TypeError], wait: 0, attempts: 10 }] },
    );
    await process.work();
    await produce(bench, [{ age: 0, headers: { "ottla-enqueued-at": new Date(now).toISOString() } }]);
    await bench.until(() => process.seen("expired").length === 1);
    await bench.until(() => drained(bench));
    assert.deepEqual(
      bench.starts.map(({ attempt }) => attempt),
      [1, 2],
    );
    assert.ok(bench.starts[1]!.at - bench.starts[0]!.at < 7_000, "the second did not wait for its delay again");
    assert.equal(process.seen("expired")[0]!.job.attempt, 3);
  });

  test(`S3.12 a backlog of jobs that have expired ends at once, whatever the throttle, and uses up nothing of it (${kind})`, async (t) => {
    const bench = await startWorkerBench(t);
    const options = queue({ expire: "1m", throttle: { limit: 2, interval: "2m" }, ...lanes });
    const process = bench.process("w", options).job("q");
    await process.work();
    await produce(bench, [...aged(...range(500).map(() => 3_600_000)), ...aged(0, 0, 0)]);
    await bench.until(() => bench.starts.length === 2, 5_000);
    assert.equal(process.seen("expired").length, 500);
    await bench.until(() => drained(bench), 4_000_000);
    assert.equal(
      process.seen("expired").length,
      501,
      "what has waited for the throttle for too long is not run either",
    );
    assert.equal(bench.starts.length, 2);
  });

  test(`S4.8 a suspect that has expired, or has to wait, holds up nobody for good (${kind})`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, other: 1 } });
    const options: AppOptions = { queues: { q: { expire: "30s", concurrency: 1, weight: 0.01, ...lanes }, other: {} } };
    await produce(bench, [{ key: "a", payload: "kills" }, { key: "b" }]);
    for (const name of ["first", "second"]) {
      const process = bench.process(name, options).job("q", (payload, _job, own) => {
        if (payload !== "kills") return;
        own.crash();
        return new Promise(() => {});
      });
      await process.work();
      await bench.until(() => process.clock.frozen);
    }
    const third = bench.process("third", options).job("q");
    let others = 0;
    third.app.job<number>({
      name: "other",
      queue: "other",
      perform: (_, { log: _log }) => third.sleep(40_000).then(() => void others++),
    });
    await bench.produceRecords(
      range(3).map(() => ({ topic: "other", partition: 0, value: "1", headers: { "ottla-job": "other" } })),
    );
    await third.work();
    await bench.until(() => others === 3, 300_000);
    await bench.until(() => drained(bench));
    assert.ok(
      third.seen("expired").some(({ job }) => job.offset === 0),
      "it had to wait until it could run alone",
    );
    assert.equal(bench.ran("q", 0, "third").includes(0), false);
  });
}

test("S3.12 with lanes a delay holds its own lane only, and the batch is committed when it is over", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", queue({ delay: "10s", virtualPartitions: { max: 8 } })).job("q");
  await process.work();
  const jobs = [0, 20_000, 20_000, 20_000].map((age, i): Written => ({ age, key: i < 2 ? "a" : `k${i}` }));
  await produce(bench, jobs);
  await bench.time.advance(3_000);
  assert.deepEqual(bench.ran("q", 0), [2, 3]);
  assert.ok((bench.committed("q", 0)?.offset ?? 0) === 0);
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), [2, 3, 0, 1]);
});

test("S3.12 a delay is waited for by the next owner as well, and a close does not wait for it", async (t) => {
  const bench = await startWorkerBench(t);
  for (const [, lanes] of KINDS) {
    const before = bench.starts.length;
    const worker = await bench
      .process("w", queue({ delay: "2m", ...lanes }))
      .job("q")
      .work();
    await produce(bench, aged(0, 0));
    const since = bench.time.elapsed;
    await bench.time.advance(20_000);
    await bench.run(worker.close());
    assert.ok(bench.time.elapsed - since < 22_000);
    const next = await bench
      .process("next", queue({ delay: "2m", ...lanes }))
      .job("q")
      .work();
    await bench.until(() => drained(bench), 200_000);
    const started = bench.starts.slice(before);
    assert.equal(started.length, 2);
    assert.ok(started.every(({ at }) => at - since >= 120_000 - 100 && at - since <= 121_000));
    await bench.run(next.close());
  }
});

test("S3.12 a record that carries no time is neither too young nor too old: nobody knows its age", () => {
  const settings = { delay: 10_000, expire: 60_000, throttle: undefined };
  const context = { clock: new VirtualClock().instance(), queueOf: () => settings } as unknown as WorkerContext;
  const rules = new StartRules(context, { topic: "q", partition: 0 } as MoveSource, {} as PartitionFailures);
  const record = { offset: 0, key: null, value: null, headers: [], byteLength: 0 };
  assert.equal(rules.judge({ ...record, timestamp: -1 }), undefined);
  assert.deepEqual(rules.judge({ ...record, timestamp: context.clock.now() }), { wait: 10_000 });
});

test("S3.12 a record that names no job expires, too, and an app that listens to nothing has it logged", async (t) => {
  const bench = await startWorkerBench(t);
  const lines: unknown[][] = [];
  const logger = { debug() {}, warn() {}, error() {}, info: (...line: unknown[]) => void lines.push(line) };
  const process = bench.process("w", { ...queue({ expire: "10s" }), logger }).job("q");
  process.unlisten("expired");
  await process.work();
  const timestamp = bench.time.time - 60_000;
  await bench.produceRecords([{ topic: "q", partition: 0, value: "?", timestamp }]);
  await bench.until(() => drained(bench));
  assert.equal(bench.starts.length, 0);
  const [message, fields] = lines.find(([text]) => text === "a job has expired")!;
  assert.equal(message, "a job has expired");
  assert.equal((fields as { id: string }).id, "q/0/0");
});

test("S4.8 with lanes no job is under suspicion before its delay is over: it could not have killed anything", async (t) => {
  const bench = await startWorkerBench(t);
  const options = queue({ delay: "1m", virtualPartitions: { max: 8 } });
  const first = bench.process("first", options).job("q", (_payload, _job, { sleep }) => sleep(60_000));
  await first.work();
  await produce(bench, aged(60_000, 30_000, 60_000, 0));
  await bench.until(() => bench.starts.length === 2);
  first.crash();
  const second = bench.process("second", options).job("q");
  await second.work();
  await bench.until(() => drained(bench));
  const noted = bench.commits.flatMap(({ by, at, metadata }) =>
    by === "second" ? metadata!.failing.map(({ offset }) => ({ offset, at })) : [],
  );
  for (const { offset, at } of noted) {
    const start = bench.starts.find((each) => each.by === "second" && each.offset === offset)!;
    assert.ok(start.at - at < 1_000, `${offset} was noted long before its start`);
  }
  assert.deepEqual([...new Set(noted.map(({ offset }) => offset))].sort(), [0, 1, 2, 3]);
});

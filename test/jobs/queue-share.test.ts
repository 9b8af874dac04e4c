import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench, topic: string): boolean => bench.lag(topic).every((lag) => lag === 0);
const LANES = { virtualPartitions: { max: 4 } } as const;

async function produce(bench: WorkerBench, topic: string, partition: number, count: number): Promise<void> {
  const headers = { "ottla-job": topic };
  await bench.produceRecords(range(count).map((i) => ({ topic, partition, key: `k${i % 5}`, value: "1", headers })));
}

/** Defines a job for each queue, named as it is, and counts which of them run. */
function counting(process: WorkerProcess, queues: readonly string[], ms: number) {
  const running = new Map(queues.map((name) => [name, 0]));
  const most = new Map(running);
  const starts: string[] = [];
  for (const name of queues) {
    const perform = async (): Promise<void> => {
      starts.push(name);
      running.set(name, running.get(name)! + 1);
      most.set(name, Math.max(most.get(name)!, running.get(name)!));
      await process.sleep(ms);
      running.set(name, running.get(name)! - 1);
    };
    process.app.job({ name, queue: name, perform });
  }
  return { most, starts };
}

for (const [kind, lanes] of [
  ["one at a time", {}],
  ["in lanes", LANES],
] as const) {
  test(`S3.12 no more jobs of a queue run at once in a worker than its concurrency, and others have the rest (${kind})`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { few: 6, many: 6 } });
    const queues = { few: { concurrency: 2, ...lanes }, many: lanes };
    const process = bench.process("w", { queues });
    const { most } = counting(process, ["few", "many"], 20);
    await process.work({ concurrency: 7 });
    for (const topic of ["few", "many"]) for (const partition of range(6)) await produce(bench, topic, partition, 15);
    await bench.until(() => drained(bench, "few") && drained(bench, "many"));
    assert.equal(most.get("few"), 2);
    assert.ok(most.get("many")! >= 5);
  });

  test(`S3.12 queues that wait for slots have them by weight, whatever else takes turns (${kind})`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { heavy: 6, light: 6 } });
    const queues = { heavy: { weight: 3, ...lanes }, light: lanes };
    const process = bench.process("w", { queues });
    const { starts } = counting(process, ["heavy", "light"], 7);
    const worker = await process.work({ concurrency: 3 });
    worker.pause("heavy");
    worker.pause("light");
    for (const topic of ["heavy", "light"])
      for (const partition of range(6)) await produce(bench, topic, partition, 80);
    await bench.time.advance(2_000);
    worker.resume("light");
    worker.resume("heavy");
    await bench.until(() => starts.length >= 420);
    const heavy = starts.slice(20, 420).filter((name) => name === "heavy").length;
    assert.ok(heavy >= 290 && heavy <= 310, `${heavy} of 400`);
  });
}

test("S3.12 a queue's concurrency is each worker's own", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 4 } });
  const seen = ["a", "b"].map((name) => {
    const process = bench.process(name, { queues: { q: { concurrency: 1 } } });
    return { process, ...counting(process, ["q"], 50) };
  });
  for (const { process } of seen) await process.work();
  await bench.until(() => seen.every(({ process }) => process.seen("assigned").length > 0));
  await bench.time.advance(10_000);
  for (const partition of range(4)) await produce(bench, "q", partition, 10);
  await bench.until(() => drained(bench, "q"));
  for (const { most, starts } of seen) assert.deepEqual([most.get("q"), starts.length], [1, 20]);
});

test("S3.12 an attempt that outlives its partition counts for its queue until it settles", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const options: { queues: Record<string, QueueOptions> } = { queues: { q: { concurrency: 1 } } };
  const first = bench.process("first", options);
  const { most, starts } = counting(first, ["q"], 60_000);
  await first.work();
  for (const partition of range(2)) await produce(bench, "q", partition, 2);
  await bench.until(() => starts.length === 1);
  const second = bench.process("second", options);
  counting(second, ["q"], 10);
  await second.work();
  await bench.until(() => first.seen("revoked").length > 0 && drained(bench, "q"), 400_000);
  assert.equal(most.get("q"), 1);
});

test("S3.11 a partition that waits for others of its queue, which its concurrency lets run, is not stuck", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 3 } });
  const process = bench.process("w", { queues: { q: { concurrency: 1 } } });
  counting(process, ["q"], 40_000);
  const worker = await process.work({ stuckAfter: "10s" });
  for (const partition of range(3)) await produce(bench, "q", partition, 1);
  for (const _ of range(11)) {
    await bench.time.advance(10_000);
    assert.deepEqual(worker.health(), { ok: true, problems: [] });
  }
  await bench.until(() => drained(bench, "q"));
});

/** A worker that runs another queue's jobs, and whose suspect waits until it can run alone. */
async function withSuspect(bench: WorkerBench) {
  await bench.produce("q", 0, ["kills"]);
  for (const name of ["first", "second", "third"]) {
    const process = bench.process(name).job("q", (_payload, _job, own) => {
      own.crash();
      return new Promise(() => {});
    });
    await process.work();
    await bench.until(() => process.clock.frozen);
  }
  const last = bench.process("last").job("q");
  const { starts } = counting(last, ["other"], 30_000);
  await produce(bench, "other", 0, 4);
  const worker = await last.work();
  await bench.until(() => worker.status().partitions.some(({ topic, state }) => topic === "q" && state === "running"));
  await bench.time.advance(5_000);
  assert.deepEqual([starts.length, bench.ran("q", 0, "last")], [1, []]);
  return { process: last, worker, starts };
}

test("S4.8 a suspect whose queue is paused before it could run alone keeps no slots from others", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, other: 1 } });
  const { worker, starts } = await withSuspect(bench);
  worker.pause("q");
  await bench.until(() => starts.length === 3);
  assert.deepEqual(bench.ran("q", 0, "last"), []);
  worker.resume("q");
  await bench.until(() => drained(bench, "q"));
});

test("S4.8 a suspect that is skipped before it could run alone keeps no slots from others", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, other: 1 } });
  const { process, starts } = await withSuspect(bench);
  await bench.run(process.app.skip({ topic: "q", partition: 0, offset: 0 }));
  await bench.until(() => starts.length === 3);
  assert.deepEqual(bench.ran("q", 0, "last"), []);
  await bench.until(() => drained(bench, "q"));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AppOptions } from "../../src/jobs/options.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { Throttles } from "../../src/jobs/throttle.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { type SeenStart, startWorkerBench, underBoth, type WorkerBench } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const throttle = { limit: 3, interval: "1s" } as const;
const LANES = { virtualPartitions: { max: 4 } } as const;
const queue = (q: QueueOptions): AppOptions => ({ queues: { q: { backoff: { initial: 100, jitter: 0 }, ...q } } });

/** The most starts in any interval of so many ms, its end left out. */
function mostIn(times: readonly number[], interval: number): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + interval).length));
}

const times = (starts: readonly SeenStart[]): number[] => starts.map(({ at }) => at);

/** Jobs of several keys, one after the other. */
async function produce(bench: WorkerBench, count: number, topic = "q", partition = 0): Promise<void> {
  const headers = { "ottla-job": "work" };
  await bench.produceRecords(
    range(count).map((i) => ({ topic, partition, key: `k${i % 7}`, value: String(i), headers })),
  );
}

test("S3.12 a throttle is never exceeded in any interval, and lets start whatever it may", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 }),
      async (limit, interval, gaps) => {
        const time = new VirtualClock();
        const clock = time.instance();
        const throttles = new Throttles(clock);
        const settings = { limit, interval };
        const starts: number[] = [];
        for (const gap of gaps) {
          await time.advance(gap);
          const now = time.elapsed;
          // As if its partition had been lost and given back.
          const one = throttles.of("q", 0, settings);
          const counting = starts.filter((at) => at > now - interval);
          assert.equal(one.wait, counting.length < limit ? 0 : counting[0]! + interval - now);
          if (one.wait > 0) continue;
          one.started();
          starts.push(now);
        }
        if (starts.length > 0) assert.ok(mostIn(starts, interval) <= limit);
      },
    ),
    { numRuns: 50 },
  );
});

test("S3.12 a throttle whose starts count is the same for whoever has the partition next, and no other's", () => {
  const time = new VirtualClock();
  const throttles = new Throttles(time.instance());
  const settings = { limit: 1, interval: 1_000 };
  const [first, other] = [throttles.of("q", 0, settings), throttles.of("q", 1, settings)];
  first.started();
  assert.equal(throttles.of("q", 0, settings), first);
  assert.equal(other.wait, 0);
});

for (const [kind, lanes] of [
  ["one at a time", {}],
  ["in lanes", LANES],
] as const) {
  test(`S3.12 a throttled partition starts no more than it may in any interval, retries included (${kind})`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    const process = bench
      .process("w", queue({ throttle, ...lanes }))
      .job("q", async (payload, { attempt }, { sleep }) => {
        await sleep(((payload as number) * 37) % 90);
        if ((payload as number) % 5 === 0 && attempt === 1) throw new Error("once");
      });
    await process.work();
    for (const partition of range(2)) await produce(bench, 20, "q", partition);
    await bench.until(() => drained(bench));
    for (const partition of range(2)) {
      const starts = bench.starts.filter((start) => start.partition === partition);
      assert.equal(starts.length, 24);
      assert.equal(mostIn(times(starts), 1_000), 3);
    }
    assert.deepEqual(process.seen("error"), []);
  });

  test(`S3.12 a throttled partition uses up what it may, and holds no slot while it waits (${kind})`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, other: 1 } });
    const process = bench.process("w", queue({ throttle, ...lanes })).job("q");
    const others: number[] = [];
    process.app.job({ name: "other", queue: "other", perform: () => void others.push(bench.time.elapsed) });
    const worker = await process.work({ concurrency: 1, stuckAfter: "500ms" });
    await produce(bench, 9);
    await bench.until(() => bench.starts.length === 3);
    const value = "1";
    await bench.produceRecords(
      range(50).map(() => ({ topic: "other", partition: 0, value, headers: { "ottla-job": "other" } })),
    );
    await bench.time.advance(800);
    assert.equal(others.length, 50);
    const [status] = worker.status().partitions.filter(({ topic }) => topic === "q");
    assert.equal(status!.isWaiting, true);
    assert.deepEqual(worker.health(), { ok: true, problems: [] });
    await bench.until(() => drained(bench));
    const [first] = bench.starts;
    assert.deepEqual(
      times(bench.starts).map((at) => Math.round((at - first!.at) / 1_000)),
      [0, 0, 0, 1, 1, 1, 2, 2, 2],
    );
  });

  test(`S3.12 a paused queue and a quiet worker start nothing when the wait is over, and go on later (${kind})`, async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w", queue({ throttle, ...lanes })).job("q");
    const worker = await process.work();
    await produce(bench, 9);
    await bench.until(() => bench.starts.length === 3);
    worker.pause("q");
    await bench.time.advance(5_000);
    assert.equal(bench.starts.length, 3);
    worker.resume("q");
    await bench.time.advance(100);
    assert.equal(bench.starts.length, 6);
    await bench.run(worker.quiet());
    await bench.time.advance(5_000);
    assert.equal(bench.starts.length, 6);
  });

  test(`S6.4 a worker whose jobs wait for a throttle closes at once, and what has run is committed (${kind})`, async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w", queue({ throttle: { limit: 3, interval: "1h" }, ...lanes })).job("q");
    const worker = await process.work();
    await produce(bench, 9);
    await bench.until(() => bench.starts.length === 3);
    const before = bench.time.elapsed;
    await bench.run(worker.close());
    assert.ok(bench.time.elapsed - before < 2_000, "it waits for nothing that is not running");
    const next = bench.process("next", queue(lanes)).job("q");
    await next.work();
    await bench.until(() => drained(bench));
    assert.deepEqual(
      bench.starts.map(({ offset }) => offset).sort((a, b) => a - b),
      range(9),
      "nothing is run twice",
    );
  });
}

underBoth("S3.12 a partition that is given up and comes back is throttled as if it had stayed", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const options = queue({ throttle: { limit: 2, interval: "1m" } });
  const first = bench.process("first", options).job("q");
  await first.work();
  for (const partition of range(2)) await produce(bench, 20, "q", partition);
  await bench.until(() => bench.starts.length === 4);
  const other = await bench.process("second", options).job("q").work();
  await bench.until(() => first.seen("revoked").length > 0 && bench.starts.some(({ by }) => by === "second"));
  await bench.run(other.close());
  await bench.until(() => first.seen("assigned").flatMap(({ partitions }) => partitions).length === 3);
  await bench.until(() => bench.ran("q", 0).length + bench.ran("q", 1).length >= 12, 300_000);
  for (const partition of range(2)) {
    const own = bench.starts.filter((start) => start.by === "first" && start.partition === partition);
    assert.equal(mostIn(times(own), 60_000), 2);
  }
});

test("S3.12 a queue by pattern is throttled, too", async (t) => {
  const bench = await startWorkerBench(t, { topics: { "tenant-7": 1 } });
  const process = bench.process("w", { queuePatterns: [{ match: /^tenant-/, throttle }] });
  process.job("tenant-7");
  await process.work();
  await produce(bench, 7, "tenant-7");
  await bench.until(() => bench.starts.length === 7);
  assert.equal(mostIn(times(bench.starts), 1_000), 3);
});

test("S3.12 S4.6 jobs that were parked are throttled as others once they are released, whatever their age", async (t) => {
  const bench = await startWorkerBench(t);
  let isBroken = true;
  const options = { whenExhausted: "park", maxRetries: 0, expire: "30s", delay: "1s", throttle } as const;
  const process = bench.process("w", queue(options)).job("q", () => {
    if (isBroken) throw new Error("does not work");
  });
  const worker = await process.work({ stuckAfter: "500ms" });
  await bench.produce("q", 0, range(8));
  await bench.until(() => drained(bench));
  assert.equal(bench.starts.length, 1, "the first has failed, and the others are parked behind it");
  await bench.time.advance(60_000);
  isBroken = false;
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => bench.starts.length >= 6);
  assert.deepEqual(worker.health(), { ok: true, problems: [] });
  await bench.until(() => bench.starts.length === 9);
  assert.equal(mostIn(times(bench.starts), 1_000), 3);
  assert.deepEqual(process.seen("expired"), []);
});

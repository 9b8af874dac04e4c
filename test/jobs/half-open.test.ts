import assert from "node:assert/strict";
import { startWorkerBench, underBoth, type WorkerBench } from "../support/worker-bench.ts";

const SECOND = 1_000;
const PARTITIONS = 6;
/** So many that each partition has one often. */
const KEYS = 50;
/** A fetch's silence, a new connection, and what stood still meanwhile. */
const LONGEST_STALL = 9 * SECOND;

/** How long (ms) any partition stood still, at most, between two instants. */
function longestStall({ starts }: WorkerBench, from: number, to: number): number {
  const stalls = Array.from({ length: PARTITIONS }, (_, partition) => {
    const own = starts.filter((start) => start.partition === partition && start.at > from && start.at < to);
    const times = [from, ...own.map(({ at }) => at), to];
    return Math.max(...times.slice(1).map((at, i) => at - times[i]!));
  });
  return Math.max(...stalls);
}

for (const whose of ["one worker", "every worker"] as const)
  underBoth(`jobs go on within seconds where the connections of ${whose} are half open, hand-overs too`, async (t) => {
    const bench = await startWorkerBench(t, { nodes: 3, topics: { q: PARTITIONS, next: 2 } });
    const handedOver = { count: 0 };
    const workers = ["a", "b"].map((name) => {
      const process = bench.process(name, { kafka: { clientId: name } });
      const next = process.app.job<number>({ name: "next", queue: "next", perform: () => void handedOver.count++ });
      return process.job("q", async (payload, job) => {
        if ((payload as number) % 10 === 0)
          await job.transaction(async (tx) => void (await tx.performLater(next.of(0))));
      });
    });
    for (const worker of workers) await worker.work();
    const enqueuer = bench.process("enqueuer");
    const job = enqueuer.app.job<number>({
      name: "work",
      queue: "q",
      partitioner: ({ payload }) => `k${payload % KEYS}`,
      perform() {},
    });
    const enqueue = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        await job.performLater(n);
        await enqueuer.sleep(20);
      }
    };
    await bench.run(enqueue(250));
    const before = bench.time.elapsed;
    for (const worker of whose === "one worker" ? workers.slice(1) : workers) worker.network.strand();
    await bench.run(enqueue(2_000));
    const after = bench.time.elapsed;
    await bench.until(() => handedOver.count >= 225, 30_000);
    const stall = longestStall(bench, before, after);
    assert.ok(stall <= LONGEST_STALL, `${stall} ms`);
  });

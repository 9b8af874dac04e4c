import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { underTransactionFaults, untilFinished } from "../support/transaction-faults.ts";
import type { WorkerBench, WorkerProcess } from "../support/worker-bench.ts";

/** Two keys that take turns; each number says which job of its key it is. The first of one key fails until it is mended. */
const JOBS = Array.from({ length: 12 }, (_, i) => i);
const keyOf = (n: number): string => (n % 2 === 0 ? "even" : "odd");

/** A worker whose jobs hand over to queue `next` what they are, so that each time that counts is seen there. */
function worker(bench: WorkerBench, name: string, options: QueueOptions, isMended: () => boolean): WorkerProcess {
  const backoff = { initial: "100ms", max: "1s", jitter: 0 } as const;
  const process = bench.process(name, { queues: { q: { whenExhausted: "park", maxRetries: 1, backoff, ...options } } });
  const next = process.app.job<number>({ name: "next", queue: "next", partitioner: () => "k", perform: () => {} });
  return process.job("q", async (payload, job) => {
    const n = payload as number;
    if (n === 0 && !isMended()) throw new Error("as planned");
    await job.transaction((tx) => tx.performLater(next.of(n)));
  });
}

const QUEUES: Readonly<Record<string, QueueOptions>> = {
  "": {},
  ", in lanes": { virtualPartitions: { max: 2 } },
  ", in lanes, throttled": { virtualPartitions: { max: 2 }, throttle: { limit: 2, interval: "500ms" }, dedupe: {} },
};

for (const [what, options] of Object.entries(QUEUES)) {
  test(`S4.6 S7.9 S8.5 what is parked and released counts exactly once and in order, whatever fails and whoever dies at any step${what}`, async () => {
    await underTransactionFaults({ q: 1, next: 1 }, async (bench, current) => {
      let isMended = false;
      const start = async (name: string): Promise<WorkerProcess> => {
        const process = worker(bench, name, options, () => isMended);
        current(process);
        await process.work({ queues: ["q"] });
        return process;
      };
      await bench.produceRecords(
        JOBS.map((n) => ({
          ...{ topic: "q", partition: 0, key: keyOf(n), value: JSON.stringify(n) },
          headers: { "ottla-job": "work" },
        })),
      );
      let process: WorkerProcess | undefined;
      await untilFinished(bench, async (round) => {
        process = await start(`first-${round}`);
        return process;
      });
      const before = await bench.run(bench.committedValues("next", 1));
      assert.deepEqual(
        before.flat(),
        JOBS.filter((n) => keyOf(n) === "odd"),
      );
      isMended = true;
      const outside = bench.process("outside", { queues: { q: { whenExhausted: "park" } } });
      await bench.run(outside.app.parked.release({ queue: "q" }));
      const left = async (): Promise<number> => (await bench.run(outside.app.parked.list())).length;
      for (let round = 0; (await left()) > 0; round++) {
        assert.ok(round < 200, "it goes on and on");
        if (process === undefined || process.clock.frozen) process = await start(`second-${round}`);
        await bench.time.advance(5_000);
      }
      const after = (await bench.run(bench.committedValues("next", 1))).flat();
      assert.deepEqual(
        after.filter((n) => keyOf(n) === "even"),
        JOBS.filter((n) => keyOf(n) === "even"),
      );
      assert.equal(after.length, JOBS.length);
    });
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { underTransactionFaults, untilFinished } from "../support/transaction-faults.ts";
import type { WorkerBench, WorkerProcess } from "../support/worker-bench.ts";

/** Each number is enqueued twice with one id, the second time somewhat later: of three keys. */
const NUMBERS = Array.from({ length: 12 }, (_, n) => n);
const keyOf = (n: number): string => `k${n % 3}`;
const isDead = (n: number): boolean => n % 4 === 0;

/** A worker whose jobs hand over to queue `next` what they are, or are dead letters; some only at their second attempt. */
function worker(bench: WorkerBench, name: string, options: QueueOptions): WorkerProcess {
  const backoff = { initial: "100ms", max: "1s", jitter: 0 } as const;
  const q: QueueOptions = { backoff, deadLetterQueue: { topic: "d", maxRetries: 1 }, dedupe: {}, ...options };
  const process = bench.process(name, { queues: { q } });
  const next = process.app.job<number>({ name: "next", queue: "next", partitioner: () => "k", perform: () => {} });
  return process.job(
    "q",
    async (payload, job) => {
      const n = payload as number;
      if (isDead(n)) throw new Error("as planned");
      if (n % 5 === 1 && job.attempt === 1) throw new RangeError("later");
      await job.transaction((tx) => tx.performLater(next.of(n)));
    },
    { retryOn: [{ errors: [RangeError], wait: "300ms", jitter: 0 }] },
  );
}

const QUEUES: Readonly<Record<string, QueueOptions>> = {
  "one at a time": {},
  "in lanes": { virtualPartitions: { max: 2 } },
  "in lanes, throttled and delayed": {
    ...{ virtualPartitions: { max: 3 }, throttle: { limit: 2, interval: "200ms" }, delay: "1s", concurrency: 2 },
  },
};

for (const [how, options] of Object.entries(QUEUES)) {
  test(`S2.9 S5 S8.6 every job has one outcome, whatever fails and whoever dies at any step (${how})`, async () => {
    await underTransactionFaults({ q: 1, next: 1, d: 1 }, async (bench, current) => {
      await bench.produceRecords(
        NUMBERS.flatMap((n) => (n > 2 ? [n, n - 3] : [n])).map((n) => ({
          ...{ topic: "q", partition: 0, key: keyOf(n), value: JSON.stringify(n) },
          headers: { "ottla-job": "work", "ottla-id": `id-${n}` },
        })),
      );
      await untilFinished(bench, async (round) => {
        const process = worker(bench, `w${round}`, options);
        current(process);
        await process.work({ queues: ["q"] });
        return process;
      });
      const [dead, handed] = [
        (await bench.run(bench.committedValues("d", 1))).flat(),
        (await bench.run(bench.committedValues("next", 1))).flat(),
      ];
      for (const key of new Set(NUMBERS.map(keyOf))) {
        const of = NUMBERS.filter((n) => keyOf(n) === key);
        assert.deepEqual(
          dead.filter((n) => keyOf(n) === key),
          of.filter(isDead),
        );
        assert.deepEqual(
          handed.filter((n) => keyOf(n) === key),
          of.filter((n) => !isDead(n)),
        );
      }
    });
  });
}

import assert from "node:assert/strict";
import nodeProcess from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { drained, range } from "../support/lane-bench.ts";
import { startWorkerBench } from "../support/worker-bench.ts";

const RUNS = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 40);
const SEED = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };

const job = fc.record({
  key: fc.option(fc.nat(5), { nil: undefined }),
  takes: fc.nat(40),
  /** How many of its first attempts fail, and how: an error holds the batch, a rule's wait its lane. */
  fails: fc.constantFrom(0, 0, 0, 1, 2, 3),
  how: fc.constantFrom("error" as const, "rule" as const),
});

class Busy extends Error {
  override readonly name = "Busy";
}

test("S5.3 S5.4 wherever lanes fail, each job runs as often as it fails and once more, and each key in order", async () => {
  const property = fc.asyncProperty(
    fc.array(job, { minLength: 1, maxLength: 60 }),
    fc.integer({ min: 1, max: 8 }),
    fc.integer({ min: 1, max: 30 }),
    async (jobs, max, maxBatchJobs) => {
      const cleanups: (() => Promise<void>)[] = [];
      const bench = await startWorkerBench({ after: (fn) => void cleanups.push(fn) });
      try {
        const backoff = { initial: "100ms", max: "1s", jitter: 0.2 } as const;
        const process = bench.process("w", { queues: { q: { backoff, virtualPartitions: { max } } } });
        const running = new Set<string>();
        process.job(
          "q",
          async (payload, { attempt, key, offset }) => {
            const { takes, fails, how } = payload as (typeof jobs)[number];
            const own = key ?? `offset ${offset}`;
            assert.ok(!running.has(own), `two of ${own} at once`);
            running.add(own);
            await process.sleep(takes);
            running.delete(own);
            if (attempt <= fails) throw how === "rule" ? new Busy("later") : new Error("as planned");
          },
          { retryOn: [{ errors: [Busy], wait: 300, attempts: 10, jitter: 0 }] },
        );
        await bench.produceRecords(
          jobs.map(({ key, ...payload }) => ({
            ...{ topic: "q", partition: 0, value: JSON.stringify(payload), headers: { "ottla-job": "work" } },
            ...(key === undefined ? {} : { key: `k${key}` }),
          })),
        );
        await process.work({ maxBatchJobs });
        await bench.until(() => drained(bench), 1_000_000);
        const ran = bench.ran("q", 0);
        const expected = jobs.map(({ fails }) => fails + 1);
        assert.deepEqual(
          range(jobs.length).map((offset) => ran.filter((each) => each === offset).length),
          expected,
        );
        for (const key of range(6)) {
          const first = [...new Set(ran.filter((offset) => jobs[offset]?.key === key))];
          assert.deepEqual(
            first,
            [...first].sort((a, b) => a - b),
          );
        }
      } finally {
        for (const cleanup of cleanups) await cleanup();
      }
    },
  );
  await fc.assert(property, { numRuns: RUNS, ...SEED });
});

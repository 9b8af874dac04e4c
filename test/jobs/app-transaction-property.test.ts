import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { TransactionOutcomeUnknownError } from "../../src/client/transaction-errors.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

const fault = fc.record({
  api: fc.constantFrom("InitProducerId", "AddPartitionsToTxn", "Produce", "Produce", "EndTxn", "EndTxn"),
  kind: fc.constantFrom("cut", "drop", "delay", "retriable", "final"),
  when: fc.constantFrom("beforeApply" as const, "afterApply" as const),
  times: fc.integer({ min: 1, max: 4 }),
});
/** The topic of each job of a transaction. */
const topics = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 4 });

const FINAL: Readonly<Record<string, number>> = {
  Produce: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  AddPartitionsToTxn: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  InitProducerId: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  EndTxn: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
};
const RETRIABLE: Readonly<Record<string, number>> = {
  Produce: ErrorCode.NOT_ENOUGH_REPLICAS,
  AddPartitionsToTxn: ErrorCode.CONCURRENT_TRANSACTIONS,
  InitProducerId: ErrorCode.COORDINATOR_NOT_AVAILABLE,
  EndTxn: ErrorCode.NOT_COORDINATOR,
};

test("S3.9 whatever goes wrong, a transaction's jobs are there once, all or none, and its caller knows which", async (t) => {
  const options: AppOptions = {
    kafka: { requestTimeout: "2s" },
    transactionTimeout: "3s",
    producer: { deliveryTimeout: "30s" },
    queues: { b: { partitions: 2 } },
  };
  const bench = await startEnqueueBench(t, options, { a: 1, b: 2 });
  const { app, run, broker, time } = bench;
  const job = app.job<number>({ name: "any", queue: "a", perform: () => {} });
  const read = async (): Promise<string[]> => {
    const found = [];
    for (const [topic, partition] of [
      ["a", 0],
      ["b", 0],
      ["b", 1],
    ] as const)
      found.push(...(await bench.jobs(topic, partition)).map(({ id }) => id));
    return found;
  };
  const outcomes = { committed: 0, refused: 0, unknown: 0 };
  let seen = new Set<string>();
  const work = fc.record({
    transactions: fc.array(topics, { minLength: 1, maxLength: 5 }),
    faults: fc.array(fault, { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(work, async ({ transactions, faults }) => {
      for (const { api, kind, when, times } of faults) {
        if (kind === "cut") broker.faults.cut({ api, when, times });
        else if (kind === "drop") broker.faults.drop({ api, when, times });
        else if (kind === "delay") broker.faults.delay({ api, times, ms: 1_500 });
        else
          broker.faults.fail({
            api,
            times,
            when: "beforeApply",
            errorCode: (kind === "final" ? FINAL : RETRIABLE)[api]!,
          });
      }
      const ids = transactions.map((): string[] => []);
      const results = await run(
        Promise.allSettled(
          transactions.map((queues, i) =>
            app.transaction(async (tx) => {
              for (const queue of queues) ids[i]!.push((await tx.performLater(job.set({ queue }).of(i))).id);
            }),
          ),
        ),
      );
      broker.faults.clear();
      // What was left open is aborted by its coordinator.
      await time.advance(20_000);
      const all = await read();
      assert.equal(new Set(all).size, all.length, "none is there twice");
      const found = new Set(all.filter((id) => !seen.has(id)));
      seen = new Set(all);
      for (const [i, result] of results.entries()) {
        const there = ids[i]!.filter((id) => found.has(id)).length;
        const isUnknown = result.status === "rejected" && result.reason instanceof TransactionOutcomeUnknownError;
        outcomes[isUnknown ? "unknown" : result.status === "fulfilled" ? "committed" : "refused"]++;
        if (isUnknown) assert.ok(there === 0 || there === ids[i]!.length);
        else
          assert.equal(
            there,
            result.status === "fulfilled" ? ids[i]!.length : 0,
            String((result as { reason?: unknown }).reason),
          );
      }
    }),
    { numRuns: 120 },
  );
  assert.ok(outcomes.committed > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { underTransactionFaults, untilFinished } from "../support/transaction-faults.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const backoff = { initial: "100ms", max: "1s", jitter: 0 } as const;
const QUEUES = { q: { backoff, deadLetterQueue: { topic: "d", maxRetries: 0 } } };
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);

/** Jobs whose payload is even fail for good. */
function worker(bench: WorkerBench, name: string): WorkerProcess {
  return bench.process(name, { queues: QUEUES }).job("q", async (payload, _job, { sleep }) => {
    await sleep(5);
    if ((payload as number) % 2 === 0) throw new Error("even");
  });
}

/** Values of the dead letters that a reader of what is committed sees. */
async function letters(bench: WorkerBench, partitions: number): Promise<number[][]> {
  return bench.run(bench.committedValues("d", partitions));
}

test("S3.9 a move is repeated when its transaction aborts, and the job is not", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = worker(bench, "w");
  await process.work();
  const { faults } = bench.broker;
  faults.fail({ api: "TxnOffsetCommit", errorCode: ErrorCode.INVALID_COMMIT_OFFSET_SIZE, times: 2 });
  faults.fail({ api: "EndTxn", errorCode: ErrorCode.INVALID_TXN_STATE, times: 1 });
  await bench.produce("q", 0, range(4));
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), [0, 1, 2, 3]);
  assert.deepEqual(await letters(bench, 1), [[0, 2]]);
  assert.ok(process.seen("error").some(({ during }) => during === "moving a job"));
});

test("a move that is too late for its generation is no news, unless that does not pass", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = worker(bench, "w");
  await process.work();
  const { REBALANCE_IN_PROGRESS, STALE_MEMBER_EPOCH } = ErrorCode;
  for (const errorCode of [REBALANCE_IN_PROGRESS, STALE_MEMBER_EPOCH])
    bench.broker.faults.fail({ api: "TxnOffsetCommit", errorCode, times: 1 });
  await bench.produce("q", 0, [0, 1]);
  await bench.until(() => drained(bench));
  assert.deepEqual(process.seen("error"), []);
  bench.broker.faults.fail({ api: "TxnOffsetCommit", errorCode: REBALANCE_IN_PROGRESS, times: 6 });
  await bench.produce("q", 0, [2, 3]);
  await bench.until(() => drained(bench));
  assert.deepEqual(await letters(bench, 1), [[0, 2]]);
  assert.ok(process.seen("error").some(({ during }) => during === "moving a job"));
});

test("S3.9 where nobody says how a move ended, what is committed does", async (t) => {
  for (const when of ["beforeApply", "afterApply"] as const) {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    const process = worker(bench, "w");
    await process.work();
    // The coordinator takes the end of the transaction, or does not, and is silent for longer than anybody asks it.
    const silence = bench.broker.faults.drop({ api: "EndTxn", when, times: Number.POSITIVE_INFINITY });
    await bench.produce("q", 0, range(3));
    await bench.until(() => silence.used > 0);
    await bench.time.advance(90_000);
    silence.cancel();
    await bench.until(() => drained(bench), 600_000);
    assert.deepEqual([...new Set(bench.ran("q", 0))], [0, 1, 2], when);
    assert.deepEqual(await letters(bench, 1), [[0, 2]], when);
  }
});

test("S3.9 nothing is committed for a partition beside a move that has no verdict yet", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = worker(bench, "w");
  await process.work({ commitInterval: "50ms" });
  const hold = bench.broker.faults.delay({ api: "EndTxn", ms: 2_000 });
  await bench.produce("q", 0, range(3));
  await bench.until(() => hold.used === 1);
  const before = bench.commits.length;
  await bench.time.advance(1_500);
  assert.equal(bench.commits.length, before);
  await bench.until(() => drained(bench));
  assert.deepEqual(await letters(bench, 1), [[0, 2]]);
});

test("S6.1 a revoked partition's move has the grace to end, and is not done again elsewhere", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, d: 2 } });
  const first = worker(bench, "first");
  await first.work();
  for (const partition of range(2)) await bench.produce("q", partition, [0]);
  bench.broker.faults.delay({ api: "EndTxn", ms: 1_000, times: 2 });
  await bench.until(() => first.seen("failed").length === 2);
  await worker(bench, "second").work();
  await bench.until(() => drained(bench));
  assert.deepEqual(await letters(bench, 2), [[0], [0]]);
  assert.equal(bench.starts.length, 2);
});

test("S4.5 S8.6 every job that fails for good is a dead letter once, whatever fails and whoever dies at any step", async () => {
  await underTransactionFaults({ q: 2, d: 2 }, async (bench, current) => {
    for (const partition of range(2)) await bench.produce("q", partition, range(6));
    await untilFinished(bench, async (round) => {
      const process = worker(bench, `w${round}`);
      current(process);
      await process.work();
      return process;
    });
    assert.deepEqual(await letters(bench, 2), [
      [0, 2, 4],
      [0, 2, 4],
    ]);
  });
});

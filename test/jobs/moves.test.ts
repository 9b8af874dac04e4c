import assert from "node:assert/strict";
import nodeProcess from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
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

const STEPS = [
  "InitProducerId",
  "AddPartitionsToTxn",
  "Produce",
  "AddOffsetsToTxn",
  "TxnOffsetCommit",
  "EndTxn",
] as const;

test("S4.5 S8.6 every job that fails for good is a dead letter once, whatever fails and whoever dies at any step", async () => {
  const fault = fc.record({
    api: fc.constantFrom(...STEPS),
    kind: fc.constantFrom("cut", "fail", "delay", "kill", "expire"),
    when: fc.constantFrom("beforeApply", "afterApply"),
    after: fc.nat(6),
  });
  const run = async (script: readonly Fault[]): Promise<void> => {
    const cleanups: (() => Promise<void>)[] = [];
    const bench = await startWorkerBench({ after: (fn) => void cleanups.push(fn) }, { topics: { q: 2, d: 2 } });
    try {
      const pending = [...script];
      let processes = 0;
      let current: WorkerProcess | undefined;
      const seen = new Map<string, number>();
      bench.broker.observe(({ api, clientId }) => {
        const step = pending[0];
        if (step === undefined || api !== step.api || clientId !== current?.name) return;
        const count = (seen.get(api) ?? 0) + 1;
        seen.set(api, count);
        if (count <= step.after) return;
        pending.shift();
        seen.clear();
        hurt(bench, step, current!);
      });
      for (const partition of range(2)) await bench.produce("q", partition, range(6));
      for (let rounds = 0; !drained(bench) || rounds === 0; rounds++) {
        assert.ok(rounds < 30, "it goes on and on");
        current = worker(bench, `w${processes++}`);
        const process = current;
        await process.work();
        await bench.until(() => process.clock.frozen || drained(bench), 900_000);
      }
      const dead = await letters(bench, 2);
      assert.deepEqual(dead, [
        [0, 2, 4],
        [0, 2, 4],
      ]);
    } finally {
      for (const cleanup of cleanups) await cleanup();
    }
  };
  const numRuns = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 25);
  const seed = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };
  await fc.assert(fc.asyncProperty(fc.array(fault, { minLength: 1, maxLength: 4 }), run), { numRuns, ...seed });
});

interface Fault {
  readonly api: (typeof STEPS)[number];
  readonly kind: "cut" | "fail" | "delay" | "kill" | "expire";
  readonly when: "beforeApply" | "afterApply";
  readonly after: number;
}

function hurt(bench: WorkerBench, { api, kind, when }: Fault, process: WorkerProcess): void {
  const { faults } = bench.broker;
  if (kind === "kill") process.crash();
  else if (kind === "expire") faults.expireSession("workers");
  else if (kind === "delay") faults.delay({ api, ms: 3_000 });
  else if (kind === "cut") faults.cut({ api, when });
  else faults.fail({ api, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, when: "beforeApply" });
}

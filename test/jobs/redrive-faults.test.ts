import assert from "node:assert/strict";
import nodeProcess from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import type { RedriveOptions, RedriveResult } from "../../src/jobs/dead-letters.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const GROUP = "workers.redrive";
const OPTIONS: AppOptions = { queues: { q: { deadLetterQueue: { topic: "d" } } } };
const PARTITIONS = 3;

async function write(bench: WorkerBench, partitions: number, letters: number): Promise<void> {
  const records = range(partitions).flatMap((partition) =>
    range(letters).map((i) => {
      const headers = { "ottla-job": "work", "ottla-origin": `q/${partition}/${i}`, "ottla-error": "Error: no" };
      return { topic: "d", partition, key: "k", value: String(i), headers };
    }),
  );
  await bench.produceRecords(records);
}

const queued = (bench: WorkerBench, partitions: number): Promise<number[][]> =>
  bench.run(bench.committedValues("q", partitions));

test("S3.9 a redrive's step is repeated when its transaction aborts", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await write(bench, 1, 5);
  const { faults } = bench.broker;
  const refused = faults.fail({ api: "TxnOffsetCommit", errorCode: ErrorCode.INVALID_COMMIT_OFFSET_SIZE, times: 2 });
  faults.fail({ api: "EndTxn", errorCode: ErrorCode.INVALID_TXN_STATE, times: 1 });
  const process = bench.process("w", OPTIONS);
  assert.equal((await bench.run(process.app.dead.redrive({ rate: 10 }))).redriven, 5);
  assert.equal(refused.used, 2);
  assert.deepEqual(
    process.seen("error").map(({ during, topic, partition }) => [during, topic, partition]),
    range(2).map(() => ["moving a job", "d", 0]),
    "what is tried again is told",
  );
  assert.deepEqual(await queued(bench, 1), [range(5)]);
});

test("S3.9 where nobody says how a redrive's transaction ended, what is committed does", async (t) => {
  for (const when of ["beforeApply", "afterApply"] as const) {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    await write(bench, 1, 5);
    const { dead } = bench.process("w", OPTIONS).app;
    // So that something is committed already.
    await bench.run(dead.redrive({ limit: 1 }));
    const silence = bench.broker.faults.drop({ api: "EndTxn", when, times: Number.POSITIVE_INFINITY });
    const redrive = dead.redrive({ rate: 10 });
    await bench.until(() => silence.used > 0);
    await bench.time.advance(90_000);
    silence.cancel();
    assert.equal((await bench.run(redrive)).redriven, 4, when);
    assert.deepEqual(await queued(bench, 1), [range(5)], when);
  }
});

test("S3.9 what a redrive does that has lost its partitions without knowing is refused", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await write(bench, 1, 5);
  const frozen = bench.process("frozen", OPTIONS);
  const commit = bench.broker.faults.delay({ api: "TxnOffsetCommit", ms: 1_000 });
  const first = frozen.app.dead.redrive({ rate: 10 });
  await bench.until(() => commit.used === 1);
  frozen.clock.pause();
  await bench.time.advance(15_000);
  const second = await bench.run(bench.process("second", OPTIONS).app.dead.redrive());
  assert.equal(second.redriven, 5);
  frozen.clock.resume();
  assert.equal((await bench.run(first)).redriven, 0);
  assert.deepEqual(await queued(bench, 1), [range(5)]);
});

test("S3.9 two redrives at once share the partitions, and each letter goes once", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 4, d: 4 } });
  await write(bench, 4, 40);
  const results = await bench.run(
    Promise.all(["a", "b"].map((name) => bench.process(name, OPTIONS).app.dead.redrive({ rate: 10 }))),
  );
  assert.deepEqual(
    results.map(({ failures }) => failures),
    [[], []],
  );
  assert.equal(results[0]!.redriven + results[1]!.redriven, 160);
  assert.ok(
    results.every(({ redriven }) => redriven >= 40),
    JSON.stringify(results),
  );
  assert.deepEqual(
    await queued(bench, 4),
    range(4).map(() => range(40)),
  );
});

test("S3.9 two redrives that each want letters of the other's partitions both come to an end", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, d: 2 } });
  await write(bench, 2, 80);
  const places = (parity: number): RedriveOptions["places"] =>
    range(2).flatMap((partition) =>
      range(80).flatMap((offset) => (offset % 2 === parity ? [{ topic: "d", partition, offset }] : [])),
    );
  const results = await bench.run(
    Promise.all(
      [0, 1].map((parity) =>
        bench.process(`p${parity}`, OPTIONS).app.dead.redrive({ rate: 5, places: places(parity) }),
      ),
    ),
  );
  assert.deepEqual(
    results.map(({ redriven, failures }) => [redriven, failures]),
    [
      [80, []],
      [80, []],
    ],
  );
  for (const values of await queued(bench, 2)) {
    assert.deepEqual(
      values.toSorted((a, b) => a - b),
      range(80),
    );
    for (const parity of [0, 1]) {
      const own = values.filter((value) => value % 2 === parity);
      assert.deepEqual(
        own,
        own.toSorted((a, b) => a - b),
      );
    }
  }
});

const STEPS = [
  ...(["InitProducerId", "AddPartitionsToTxn", "Produce", "AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn"] as const),
  ...(["JoinGroup", "SyncGroup", "OffsetFetch", "Fetch"] as const),
] as const;

interface Fault {
  readonly api: (typeof STEPS)[number];
  readonly kind: "cut" | "fail" | "delay" | "kill" | "stop" | "expire";
  readonly when: "beforeApply" | "afterApply";
  /** So many of them by the process before. */
  readonly after: number;
  readonly by: number;
}

const fault = fc.record({
  api: fc.constantFrom(...STEPS),
  kind: fc.constantFrom("cut", "fail", "delay", "kill", "stop", "expire"),
  when: fc.constantFrom("beforeApply", "afterApply"),
  after: fc.nat(5),
  by: fc.nat(1),
});

interface Running {
  readonly process: WorkerProcess;
  result: RedriveResult | undefined;
  failure: unknown;
}

test("S4.5 S3.9 S1.3 each letter is back in its queue once and in order, whatever fails and whoever dies at any step of two redrives", async () => {
  const run = async (script: readonly Fault[], letters: number): Promise<void> => {
    const cleanups: (() => Promise<void>)[] = [];
    const topics = { q: PARTITIONS, d: PARTITIONS };
    const bench = await startWorkerBench({ after: (fn) => void cleanups.push(fn) }, { topics });
    try {
      await write(bench, PARTITIONS, letters);
      const pending = [...script];
      const running: Running[] = [];
      let started = 0;
      const start = (slot: number): void => {
        const process = bench.process(`r${slot}-${started++}`, OPTIONS);
        const each: Running = { process, result: undefined, failure: undefined };
        running[slot] = each;
        process.app.dead.redrive({ rate: 20 }).then(
          (result) => {
            each.result = result;
          },
          (error: unknown) => {
            each.failure = error;
          },
        );
      };
      const seen = new Map<string, number>();
      bench.broker.observe(({ api, clientId }) => {
        const step = pending[0];
        if (step === undefined || api !== step.api || clientId !== running[step.by]?.process.name) return;
        const count = (seen.get(api) ?? 0) + 1;
        seen.set(api, count);
        if (count <= step.after) return;
        pending.shift();
        seen.clear();
        hurt(bench, step, running[step.by]!.process);
      });
      start(0);
      start(1);
      for (let rounds = 0; running.some(({ result }) => result === undefined); rounds++) {
        assert.ok(rounds < 30, `it goes on and on: ${String(running.map(({ failure }) => failure))}`);
        const ended = ({ process, result, failure }: Running): boolean =>
          result !== undefined || failure !== undefined || process.clock.frozen || PAUSED.has(process);
        const open = running.filter(({ result }) => result === undefined);
        await bench.until(() => open.some(ended), 1_800_000);
        for (const [slot, each] of running.entries()) {
          if (each.result !== undefined || !ended(each)) continue;
          if (each.failure === undefined) {
            // It comes back only when its session is over.
            await bench.time.advance(12_000);
            if (thaws(each.process)) continue;
          }
          start(slot);
        }
      }
      assert.deepEqual(
        running.map(({ result }) => result!.failures),
        [[], []],
      );
      assert.deepEqual(
        await queued(bench, PARTITIONS),
        range(PARTITIONS).map(() => range(letters)),
      );
      const group = bench.broker.groups().find(({ groupId }) => groupId === GROUP)!;
      assert.deepEqual(
        group.offsets.map(({ offset }) => offset),
        range(PARTITIONS).map(() => letters),
      );
    } finally {
      for (const cleanup of cleanups) await cleanup();
    }
  };
  const numRuns = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 25);
  const seed = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };
  const script = fc.array(fault, { minLength: 1, maxLength: 5 });
  await fc.assert(fc.asyncProperty(script, fc.integer({ min: 1, max: 24 }), run), { numRuns, ...seed });
});

const PAUSED = new WeakSet<WorkerProcess>();

/** One that was only stopped goes on. */
function thaws(process: WorkerProcess): boolean {
  if (!PAUSED.delete(process)) return false;
  process.clock.resume();
  return true;
}

function hurt(bench: WorkerBench, { api, kind, when }: Fault, process: WorkerProcess): void {
  const { faults } = bench.broker;
  if (kind === "kill") process.crash();
  else if (kind === "stop") {
    process.clock.pause();
    PAUSED.add(process);
  } else if (kind === "expire") {
    if (bench.broker.groups().some(({ groupId }) => groupId === GROUP)) faults.expireSession(GROUP);
  } else if (kind === "delay") faults.delay({ api, ms: 3_000 });
  else if (kind === "cut") faults.cut({ api, when });
  else faults.fail({ api, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, when: "beforeApply" });
}

import assert from "node:assert/strict";
import nodeProcess from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import { PlannedJobs, type StepPlan, stepPlans } from "../support/step-plans.ts";
import { drained, savedProgress } from "../support/steps-scene.ts";
import { underTransactionFaults, untilFinished } from "../support/transaction-faults.ts";
import { PROTOCOLS, startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const QUEUES: Readonly<Record<string, QueueOptions>> = { "": {}, ", in lanes": { virtualPartitions: { max: 3 } } };
const numRuns = Number(nodeProcess.env.OTTLA_SIMULATIONS ?? 25);
const seed = nodeProcess.env.OTTLA_SEED === undefined ? {} : { seed: Number(nodeProcess.env.OTTLA_SEED) };

const CHANGES = ["close", "crash", "join", "leave", "freeze"] as const;
/** Far beyond the session timeout, in ms. */
const FREEZE = 15_000;

/** Something that a deploy, a crash or a scaling does to the workers. */
interface Change {
  readonly after: number;
  readonly what: (typeof CHANGES)[number];
}

const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.record({
    after: fc.integer({ min: 20, max: 3_000 }),
    what: fc.constantFrom(...CHANGES),
  }),
  { maxLength: 6 },
);

/** Workers of a test, the oldest first. */
class Fleet {
  readonly #jobs: PlannedJobs;
  #workers: { readonly process: WorkerProcess; readonly worker: Worker }[] = [];
  #count = 0;

  constructor(jobs: PlannedJobs) {
    this.#jobs = jobs;
  }

  async start(): Promise<void> {
    const process = this.#jobs.process(`w${this.#count++}`);
    this.#workers.push({
      process,
      worker: await process.work({ queues: ["q"], checkpointInterval: "1s", commitInterval: "100ms" }),
    });
  }

  async apply({ after, what }: Change): Promise<void> {
    const { bench } = this.#jobs;
    await bench.time.advance(after);
    if (what === "join") return this.start();
    if (what === "freeze") return this.#freeze(this.#workers[0]!.process);
    const leaving = this.#workers.shift()!;
    if (what === "crash") {
      leaving.process.crash();
      this.#jobs.died(leaving.process);
    } else await bench.run(leaving.worker.close());
    if (what !== "leave" || this.#workers.length === 0) await this.start();
  }

  async #freeze(process: WorkerProcess): Promise<void> {
    this.#jobs.died(process);
    process.clock.pause();
    await this.#jobs.bench.time.advance(FREEZE);
    process.clock.resume();
  }

  /** Jobs of which a worker still knows how far they are. */
  get remembered(): number {
    return this.#workers.reduce((sum, { worker }) => sum + worker.jobsInProgress, 0);
  }
}

for (const [what, options] of Object.entries(QUEUES)) {
  test(`S7.7 S7.8 S8.8 held jobs do each row once but for what was not saved before a crash, whoever leaves, dies, freezes or joins${what}`, async () => {
    const property = fc.asyncProperty(
      stepPlans,
      changes,
      fc.constantFrom(...PROTOCOLS),
      async (plans, script, protocol) => {
        await withBench(protocol, plans, options, async (bench, jobs) => {
          const fleet = new Fleet(jobs);
          await fleet.start();
          for (const change of script) await fleet.apply(change);
          await bench.until(() => drained(bench), 300_000);
          await bench.time.advance(3_000);
          // The interval of checkpoints, that of commits, a row, and what a transaction takes.
          jobs.checkRepeats(1_800);
          await jobs.check();
          assert.deepEqual(jobs.problems, []);
          assert.equal((await savedProgress(bench)).size, 0, "no progress is left behind");
          assert.equal(fleet.remembered, 0, "nor in memory");
        });
      },
    );
    await fc.assert(property, { numRuns, ...seed });
  });

  for (const isHeld of [true, false]) {
    test(`S7.8 S7.9 S8.6 jobs that are ${isHeld ? "held" : "re-enqueued"} end once and lose no row, whatever fails in a transaction${what}`, async () => {
      await underTransactionFaults(
        { q: 2, next: 1 },
        async (bench, current, plans: StepPlan[]) => {
          const jobs = new PlannedJobs(bench, plans, isHeld, options);
          await jobs.produce();
          let last: WorkerProcess | undefined;
          await untilFinished(bench, async (round) => {
            if (last !== undefined) jobs.died(last);
            last = jobs.process(`w${round}`);
            current(last);
            await last.work({ queues: ["q"], checkpointInterval: "1s" });
            return last;
          });
          await bench.time.advance(10_000);
          if (last!.clock.frozen) jobs.died(last!);
          // One that was put out, and goes on, has died as far as its jobs are concerned.
          for (const { by } of jobs.ended) jobs.died({ name: by });
          await jobs.check();
          assert.deepEqual(jobs.problems, []);
          if (last!.clock.frozen) await jobs.process("end").work({ queues: ["q"] });
          await bench.time.advance(20_000);
          assert.equal((await savedProgress(bench)).size, 0, "no progress is left behind");
        },
        stepPlans,
      );
    });
  }
}

async function withBench(
  protocol: GroupProtocol,
  plans: readonly StepPlan[],
  options: QueueOptions,
  play: (bench: WorkerBench, jobs: PlannedJobs) => Promise<void>,
): Promise<void> {
  const cleanups: (() => Promise<void>)[] = [];
  const bench = await startWorkerBench(
    { protocol, after: (fn) => void cleanups.push(fn) },
    { topics: { q: 2, next: 1 } },
  );
  try {
    const jobs = new PlannedJobs(bench, plans, true, options);
    await jobs.produce();
    await play(bench, jobs);
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

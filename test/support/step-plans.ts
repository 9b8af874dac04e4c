import fc from "fast-check";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { QUEUE } from "./steps-scene.ts";
import type { WorkerBench, WorkerProcess } from "./worker-bench.ts";

/** One job as a test would have it run. */
export interface StepPlan {
  readonly key: string;
  readonly steps: readonly { readonly rows: number; readonly isIsolated: boolean }[];
  /** Positions at which a row fails the first time that it is worked on. */
  readonly fails: readonly number[];
  /** Whether it ends by handing over what it is. */
  readonly handsOver: boolean;
}

export const stepPlans: fc.Arbitrary<StepPlan[]> = fc.array(
  fc.record({
    key: fc.constantFrom("a", "b", "c"),
    steps: fc.array(fc.record({ rows: fc.nat(24), isIsolated: fc.nat(4).map((n) => n === 0) }), {
      minLength: 1,
      maxLength: 4,
    }),
    fails: fc.array(fc.nat(40), { maxLength: 2 }),
    handsOver: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

/** A row that was worked on: its job, and its position among all rows of the job. */
interface Row {
  readonly n: number;
  readonly position: number;
  readonly by: string;
  readonly at: number;
  /** What is done for good, so far as the job's checkpoints say. */
  readonly done: number;
}

/** How the jobs of a test are run, and what was seen of it. */
export class PlannedJobs {
  readonly bench: WorkerBench;
  readonly plans: readonly StepPlan[];
  readonly rows: Row[] = [];
  readonly ended: { readonly n: number; readonly by: string }[] = [];
  readonly problems: string[] = [];
  /** When each process was killed, or frozen for so long that it lost what it had. */
  readonly #deaths = new Map<string, number[]>();
  readonly #isOrdered: boolean;
  readonly #options: QueueOptions;
  readonly #failed = new Set<string>();
  /** Jobs of which nothing is left but to say so. */
  readonly #reachedEnd = new Set<number>();
  /** By job: how far it is, in any process, and when and where it got there. */
  readonly #done = new Map<number, { readonly by: string; readonly at: number }[]>();

  constructor(bench: WorkerBench, plans: readonly StepPlan[], isOrdered: boolean, options: QueueOptions) {
    this.bench = bench;
    this.plans = plans;
    this.#isOrdered = isOrdered;
    this.#options = options;
  }

  /** The process dies now, or loses what it has. */
  died({ name }: { readonly name: string }): void {
    this.#deaths.set(name, [...(this.#deaths.get(name) ?? []), this.bench.time.elapsed]);
  }

  async produce(): Promise<void> {
    const partitions = this.bench.lag("q").length;
    await this.bench.produceRecords(
      this.plans.map(({ key }, n) => ({
        ...{ topic: "q", partition: key.charCodeAt(0) % partitions, value: JSON.stringify(n) },
        headers: { "ottla-job": "work" },
        ...(this.#isOrdered ? { key } : {}),
      })),
    );
  }

  process(name: string): WorkerProcess {
    const process = this.bench.process(name, { queues: { q: { ...QUEUE, ...this.#options } } });
    const next = process.app.job<number>({ name: "next", queue: "next", partitioner: () => "k", perform() {} });
    return process.job("q", async (payload, job, own) => {
      const n = payload as number;
      const isStale = this.#staleness(own);
      await this.#perform(n, job, own, isStale);
      if (!isStale()) this.#reachedEnd.add(n);
      const end = (): void => void this.ended.push({ n, by: own.name });
      if (!this.plans[n]!.handsOver) return end();
      await job.transaction(async (tx) => {
        await tx.performLater(next.of(n));
      });
      end();
    });
  }

  /** Whether a run that begins now goes on in a process that has lost its partition meanwhile: it counts for nothing. */
  #staleness({ name }: WorkerProcess): () => boolean {
    const before = this.#deaths.get(name)?.length;
    return () => this.#deaths.get(name)?.length !== before;
  }

  async #perform(n: number, job: RunningJob, own: WorkerProcess, isStale: () => boolean): Promise<void> {
    const { steps, fails } = this.plans[n]!;
    let position = 0;
    for (const [i, { rows, isIsolated }] of steps.entries()) {
      const first = position;
      position += rows;
      await job.step(
        `step ${i}`,
        async (step) => {
          for (let row = step.cursor ?? 0; row < rows; row++) {
            if (!isStale()) this.#row(n, first + row, own);
            await own.sleep(100);
            const failure = `${n}/${first + row}`;
            if (fails.includes(first + row) && !this.#failed.has(failure) && !isStale()) {
              this.#failed.add(failure);
              throw new Error(failure);
            }
            if (!isStale()) this.#passed(n, first + row, own);
            await step.advance({ from: row });
          }
        },
        { isolated: isIsolated },
      );
    }
  }

  #row(n: number, position: number, own: WorkerProcess): void {
    const done = this.#done.get(n) ?? [];
    const at = this.bench.time.elapsed;
    this.rows.push({ n, position, by: own.name, at, done: done.length });
    if (position > done.length) this.problems.push(`job ${n} skips rows ${done.length} to ${position - 1}`);
    if (this.#isOrdered) this.#checkOrder(n);
  }

  #checkOrder(n: number): void {
    const { key } = this.plans[n]!;
    const before = this.plans.findIndex((plan, other) => plan.key === key && other < n && !this.#reachedEnd.has(other));
    if (before >= 0) this.problems.push(`job ${n} runs before job ${before} of its key has ended`);
  }

  #passed(n: number, position: number, own: WorkerProcess): void {
    const done = this.#done.get(n) ?? [];
    this.#done.set(n, done);
    done.splice(position, done.length, { by: own.name, at: this.bench.time.elapsed });
  }

  /** Rows that were worked on again though they were done: each has to have been done just before its process died. */
  checkRepeats(unsaved: number): void {
    const doneAt = new Map<string, { readonly by: string; readonly at: number }>();
    for (const { n, position, by, at, done } of this.rows) {
      const id = `${n}/${position}`;
      const before = doneAt.get(id);
      if (position < done && before !== undefined) {
        const death = this.#deaths.get(before.by)?.find((each) => each >= before.at);
        if (death === undefined || death > at || before.at < death - unsaved)
          this.problems.push(
            `row ${id} was done by ${before.by} at ${before.at} and again by ${by} at ${at}, death at ${death}`,
          );
      }
      doneAt.set(id, { by, at });
    }
  }

  /** What has to hold at the end. */
  async check(): Promise<void> {
    for (const [n, { steps, handsOver }] of this.plans.entries()) {
      const count = steps.reduce((sum, { rows }) => sum + rows, 0);
      const seen = new Set(this.rows.filter((row) => row.n === n).map(({ position }) => position));
      if (seen.size !== count) this.problems.push(`job ${n}: ${seen.size} of ${count} rows were worked on`);
      const ends = this.ended.filter((end) => end.n === n);
      const survivors = ends.filter(({ by }) => !this.#deaths.has(by));
      // One that handed over may have died before it heard of that.
      const isMissing = ends.length === 0 && !handsOver;
      if (isMissing || survivors.length > 1) this.problems.push(`job ${n} ended ${ends.length} times`);
    }
    const handed = (await this.bench.run(this.bench.committedValues("next", 1))).flat();
    const wanted = this.plans.flatMap(({ handsOver }, n) => (handsOver ? [n] : []));
    if (handed.toSorted((a, b) => a - b).join() !== wanted.join())
      this.problems.push(`handed over: ${handed}, not ${wanted}`);
  }
}

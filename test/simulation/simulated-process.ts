import { type App, createApp } from "../../src/jobs/app.ts";
import { fillRuntime } from "../../src/jobs/fill-runtime.ts";
import type { Job } from "../../src/jobs/job.ts";
import { Discard } from "../../src/jobs/job-controls.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import type { WorkOptions } from "../../src/jobs/work-options.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import { sleep } from "../../src/net/clock.ts";
import type { MemoryTransport } from "../../src/net/memory.ts";
import type { InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";
import type { LedgerNote } from "../support/ledger.ts";
import type { MemoryCluster } from "../support/memory-cluster.ts";
import { QUIET } from "../support/quiet-logger.ts";
import { EventHook } from "./event-hook.ts";
import { type Plan, PlannedFailure, PlannedRetry, ROW_TIME, TICK } from "./plan.ts";
import type { RunBook } from "./run-book.ts";
import { CRON, GROUP, type QueueName, queueOptions, type Shape } from "./shape.ts";

/** What a process is part of. */
export interface ProcessHost {
  readonly time: VirtualClock;
  readonly cluster: MemoryCluster;
  readonly shape: Shape;
  readonly book: RunBook;
  note(entry: LedgerNote): void;
  failed(by: string, error: unknown, during: string): void;
  /** Rows of a job that are known to be saved, as of now. */
  savedRows(job: RunningJob, plan: Plan): number;
}

/** What a run may end with: the plan's own failures, and what the job layer says of runs that do not count. */
const EXPECTED: ReadonlySet<string> = new Set([
  ...["PlannedRetry", "PlannedFailure", "Discard", "StepInterrupt", "HandOverLostError"],
]);
const OF_PARTITIONS = ["assigned", "revoked", "lost"] as const;

/** One process: an app with its jobs, in a world of its own that can end or stand still at any moment. */
export class SimulatedProcess {
  readonly name: string;
  readonly clock: InstanceClock;
  readonly network: MemoryTransport;
  readonly app: App;
  readonly jobs: Readonly<Record<QueueName, Job<Plan>>>;
  readonly instanceId: string | undefined;
  /** What is to happen to it at one of the events of its clock and its network. */
  readonly hook: EventHook;
  isAlive = true;
  isClosing = false;
  worker: Worker | undefined;
  /** Since when it stands still, and how long it has stood still before that, in ms. */
  #pausedAt: number | undefined;
  #paused = 0;
  readonly #host: ProcessHost;

  constructor(host: ProcessHost, name: string, instanceId?: string) {
    this.#host = host;
    this.name = name;
    this.instanceId = instanceId;
    this.clock = host.time.instance();
    const network = host.cluster.network.transport(this.clock);
    this.hook = new EventHook(this.clock);
    this.network = this.hook.watch(network);
    const { shape } = host;
    this.app = createApp({
      ...{ group: GROUP, logger: QUIET, scheduledMessagesTopics: ["later"] },
      kafka: { clientId: name, requestTimeout: shape.requestTimeout },
      queues: { jobs: queueOptions(shape, "jobs"), loose: queueOptions(shape, "loose") },
    });
    const [{ addresses: brokers }, fetchWait] = [host.cluster.broker, () => shape.fetchWait];
    fillRuntime(this.app, { clock: this.clock, transport: this.network, brokers, fetchWait });
    this.jobs = { jobs: this.#define("jobs"), loose: this.#define("loose") };
    if (shape.isTicking) this.app.recurring({ name: "tick", cron: CRON, job: this.jobs.loose.of(TICK), missed: "all" });
    for (const what of OF_PARTITIONS) {
      this.app.on(what, ({ partitions }) => {
        for (const { topic, partition } of partitions) host.note({ what, by: name, topic, partition });
      });
    }
    this.app.on("error", ({ error, during }) => host.failed(name, error, during));
  }

  #define(queue: QueueName): Job<Plan> {
    return this.app.job<Plan>({
      ...{ name: queue, queue, scheduledMessagesTopic: "later" },
      ...(queue === "jobs" ? { partitioner: ({ payload }) => payload.key } : {}),
      retryOn: [{ errors: [PlannedRetry], attempts: "unlimited", wait: "300ms", jitter: 0.2 }],
      perform: (plan, job) => this.#perform(plan, job),
    });
  }

  async #perform(plan: Plan, job: RunningJob): Promise<void> {
    const host = this.#host;
    const { topic, partition, offset, attempt } = job;
    host.note({ what: "start", by: this.name, topic, partition, offset, key: plan.key, attempt });
    let ok = false;
    try {
      await this.#doSteps(plan, job);
      await sleep(this.clock, plan.takes);
      if (host.book.fails(plan)) throw plan.hasRule ? new PlannedRetry("as planned") : new PlannedFailure("as planned");
      const { next } = plan;
      if (next !== undefined) await job.transaction((tx) => tx.performLater(this.jobs.loose.of(child(plan, next))));
      ok = true;
      if (plan.isDiscarded) throw new Discard("as planned");
    } catch (error) {
      // What a job still asks for after the deadline of its worker has no connection any more.
      if (!this.isClosing && !EXPECTED.has((error as Error).name))
        host.book.problems.push(`job ${plan.n} failed: ${String(error)}`);
      throw error;
    } finally {
      if (this.isAlive && ok) host.book.ended(plan.n);
      host.note({ what: "end", by: this.name, topic, partition, offset, ok });
    }
  }

  async #doSteps(plan: Plan, job: RunningJob): Promise<void> {
    const { book } = this.#host;
    // As of the run's start: one that stands still for a while has lost what comes after that.
    const saved = this.#host.savedRows(job, plan);
    let [before, isFirst] = [0, true];
    for (const [i, rows] of plan.steps.entries()) {
      const first = before;
      before += rows;
      await job.step(`step ${i}`, async (step) => {
        const begin = step.cursor ?? 0;
        if (isFirst) book.resumes(plan.n, first + begin, saved);
        isFirst = false;
        for (let row = begin; row < rows; row++) {
          await sleep(this.clock, ROW_TIME);
          if (this.isAlive) book.did(plan.n, first + row);
          await step.advance({ from: row });
        }
      });
    }
  }

  async work(options: WorkOptions): Promise<void> {
    this.worker = await this.app.work({ ...options, instanceId: this.instanceId });
  }

  /** As by SIGKILL: nothing of it ever runs again. */
  crash(): void {
    this.isAlive = false;
    this.clock.freeze();
    this.network.cut();
  }

  /** Stops it where it is. */
  pause(): void {
    this.#pausedAt ??= this.#host.time.elapsed;
    this.clock.pause();
  }

  /** How long it has run, in ms. */
  get running(): number {
    return (this.#pausedAt ?? this.#host.time.elapsed) - this.#paused;
  }

  /** After a pause, or having been cut off. */
  comeBack(): void {
    if (this.#pausedAt !== undefined) this.#paused += this.#host.time.elapsed - this.#pausedAt;
    this.#pausedAt = undefined;
    this.clock.resume();
    this.network.rejoin();
  }

  /** Nothing happens to it any more. */
  heal(): void {
    this.hook.clear();
    this.comeBack();
  }
}

/** What a job enqueues as it hands over. */
function child({ n: parent, key }: Plan, n: number): Plan {
  return { n, key, takes: 0, fails: 0, hasRule: false, isDiscarded: false, steps: [], next: undefined, parent };
}

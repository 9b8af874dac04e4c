import assert from "node:assert/strict";
import { type App, createApp } from "../../src/jobs/app.ts";
import type { JobInfo } from "../../src/jobs/events.ts";
import type { Job } from "../../src/jobs/job.ts";
import type { JobOptions, RunningJob } from "../../src/jobs/job-options.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import type { WorkOptions } from "../../src/jobs/work-options.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import type { TestCluster } from "./target.ts";
import type { UnreliableTransport } from "./unreliable-transport.ts";

export interface Step {
  readonly key: string;
  readonly n: number;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
/** The least that a worker takes. */
const WORKER_SESSION = 2_500;

/** One app in one process, its queue, and how its job is enqueued. */
export class Process {
  readonly app: App;
  readonly job: Job<Step>;
  readonly #session: number;
  readonly owned: Set<number> = new Set();
  #owning: { readonly count: number; readonly resolve: () => void } | undefined;
  #isKilled = false;

  constructor(
    cluster: TestCluster,
    queue: string,
    group: string,
    perform: (payload: Step, job: RunningJob<Step>) => unknown,
    options: Partial<AppOptions> = {},
    more: Partial<JobOptions<Step>> = {},
  ) {
    const { brokers, transport } = cluster;
    this.#session = Math.max(WORKER_SESSION, cluster.sessionTimeout);
    this.app = createApp({ kafka: { brokers, transport }, group, logger: silent, ...options });
    this.job = this.app.job<Step>({
      ...{ name: "step", queue, partitioner: ({ payload }) => payload.key, perform },
      ...more,
    });
    this.app.on("assigned", ({ partitions }) => this.#note(partitions, "add"));
    this.app.on("revoked", ({ partitions }) => this.#note(partitions, "delete"));
    // One that was killed tries for a while to say goodbye: nobody need wait for that.
    cluster.onClose(() => {
      const closed = this.app.close();
      return this.#isKilled ? Promise.resolve() : closed;
    });
  }

  /** Resolves once it has so many partitions. */
  owns(count: number): Promise<void> {
    if (this.owned.size === count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#owning = { count, resolve };
    });
  }

  #note(partitions: readonly { readonly partition: number }[], take: "add" | "delete"): void {
    for (const { partition } of partitions) this.owned[take](partition);
    if (this.owned.size === this.#owning?.count) this.#owning.resolve();
  }

  /** Ends all that it has open, without a goodbye. */
  kill(transport: UnreliableTransport): void {
    this.#isKilled = true;
    transport.kill();
  }

  work(options: WorkOptions = {}): Promise<Worker> {
    return this.app.work({ sessionTimeout: this.#session, commitInterval: 100, ...options });
  }

  assigned(): Promise<void> {
    return new Promise((resolve) => void this.app.on("assigned", () => resolve()));
  }
}

/** Remembers what ran, and lets tests wait for it. */
export class Runs {
  readonly all: (Step & { readonly by: string; readonly attempt: number; readonly partition: number })[] = [];
  /** Called at each run. */
  onRun: () => void = () => {};
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  add(by: string, { key, n }: Step, { attempt, partition }: Pick<JobInfo, "attempt" | "partition">): void {
    this.all.push({ key, n, by, attempt, partition });
    this.onRun();
    const met = this.#waiting.filter(({ holds }) => holds());
    this.#waiting = this.#waiting.filter(({ holds }) => !holds());
    for (const { resolve } of met) resolve();
  }

  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }));
  }

  count(atLeast: number): Promise<void> {
    return this.until(() => this.all.length >= atLeast);
  }

  assertInOrder(): void {
    const last = new Map<string, number>();
    for (const { key, n } of this.all) {
      assert.equal(n, (last.get(key) ?? -1) + 1, `order of key ${key}`);
      last.set(key, n);
    }
  }
}

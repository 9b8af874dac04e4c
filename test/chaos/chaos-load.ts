import { setTimeout as pause } from "node:timers/promises";
import type { App, EnqueuedJob, Job, PreparedJob } from "ottla";
import { now } from "../../examples/flights/wall-clock.ts";
import type { Task } from "../kill/kill-run.ts";

/** So many that every partition has some. */
const KEYS = 200;
/** Jobs of a turn, and milliseconds to the next. */
const TURN = 4;
const PAUSE = 30;
/** Calls that may be open before a turn is passed over. */
const MOST_OPEN = 500;
const LONGEST_JOB = 8;
/** One job in so many takes long (ms), fails for good, hands over, or has steps. */
const LONG_ONE_IN = 150;
const LONG_JOB = 600;
const POISON_ONE_IN = 150;
const HAND_ONE_IN = 40;
const STEPS_ONE_IN = 120;
const ROWS = 20;
const ROW = 30;
/** One turn in so many is one call of all its jobs, or one transaction. */
const BULK_ONE_IN = 10;
const TOGETHER_ONE_IN = 15;

/** A job that somebody wanted to enqueue. */
export interface Call {
  /** Its number, in the order of the calls. */
  readonly i: number;
  readonly task: Task;
  /** Of the transaction that it was part of: all of it is enqueued, or nothing. */
  readonly together: number | undefined;
  /** "failed": it may be stored all the same. */
  state: "open" | "acked" | "failed";
  /** Once it is acknowledged: where, and when at the latest. */
  place: { readonly partition: number; readonly offset: number } | undefined;
  endedAt: number;
}

/** Whoever enqueues: an app, which a deploy may replace by another. */
export interface Enqueuer {
  readonly app: App;
  readonly job: Job<Task>;
}

/** Enqueues jobs of all kinds until it is stopped, and remembers what it was told of each. */
export class ChaosLoad {
  readonly calls: Call[] = [];
  /** Why calls failed, by code. */
  readonly failures: Map<string, number> = new Map();
  readonly #open: () => Enqueuer;
  readonly #random: () => number;
  #enqueuer: Enqueuer;
  #openCalls = 0;
  #transactions = 0;
  #isPaused = false;
  #isStopped = false;
  #turns: Promise<void> | undefined;
  #pending: Promise<void>[] = [];

  constructor(open: () => Enqueuer, random: () => number) {
    this.#open = open;
    this.#enqueuer = open();
    this.#random = random;
  }

  start(): void {
    this.#turns = this.#takeTurns();
  }

  async #takeTurns(): Promise<void> {
    while (!this.#isStopped) {
      if (!this.#isPaused && this.#openCalls < MOST_OPEN) this.#turn();
      await pause(PAUSE);
    }
  }

  #oneIn(count: number): boolean {
    return this.#random() * count < 1;
  }

  #turn(): void {
    const tasks = Array.from({ length: TURN }, () => this.#task());
    if (this.#oneIn(TOGETHER_ONE_IN)) this.#together(tasks);
    else if (this.#oneIn(BULK_ONE_IN)) this.#bulk(tasks);
    else this.enqueue(tasks);
  }

  #task(): Task {
    const key = this.key();
    if (this.#oneIn(STEPS_ONE_IN)) return { key, takes: ROW, does: "steps", rows: ROWS };
    if (this.#oneIn(HAND_ONE_IN)) return { key, takes: 2, does: "hand" };
    const takes = this.#oneIn(LONG_ONE_IN) ? LONG_JOB : Math.floor(this.#random() * LONGEST_JOB);
    return { key, takes, ...(this.#oneIn(POISON_ONE_IN) ? { does: "fail" } : {}) };
  }

  /** A key of the load. */
  key(): string {
    return `k${Math.floor(this.#random() * KEYS)}`;
  }

  /** Enqueues jobs one by one, without waiting for any before the next. */
  enqueue(tasks: readonly Task[]): void {
    for (const call of this.#calls(tasks, undefined)) {
      this.#follow([call], async () => [(await this.#enqueuer.job.performLater(call.task)) as EnqueuedJob]);
    }
  }

  #bulk(tasks: readonly Task[]): void {
    const calls = this.#calls(tasks, undefined);
    const jobs = calls.map(({ task }) => this.#enqueuer.job.of(task));
    this.#follow(calls, async () => (await this.#enqueuer.app.performAllLater(jobs)) as EnqueuedJob[]);
  }

  #together(tasks: readonly Task[]): void {
    const calls = this.#calls(tasks, this.#transactions++);
    const { app, job } = this.#enqueuer;
    const jobs = calls.map(({ task }): PreparedJob => job.of(task));
    this.#follow(calls, () => app.transaction((tx) => Promise.all(jobs.map((each) => tx.performLater(each)))));
  }

  #calls(tasks: readonly Task[], together: number | undefined): Call[] {
    const calls = tasks.map((task, index): Call => {
      const i = this.calls.length + index;
      return { i, task: { ...task, i }, together, state: "open", place: undefined, endedAt: 0 };
    });
    this.calls.push(...calls);
    return calls;
  }

  #follow(calls: readonly Call[], make: () => Promise<readonly EnqueuedJob[]>): void {
    this.#openCalls += calls.length;
    const done = async (): Promise<void> => {
      try {
        const jobs = await make();
        for (const [index, call] of calls.entries()) {
          const { partition, offset } = jobs[index]!;
          Object.assign(call, { state: "acked", place: { partition, offset } });
        }
      } catch (error) {
        const { code = "without a code" } = error as { code?: string };
        this.failures.set(code, (this.failures.get(code) ?? 0) + calls.length);
        for (const call of calls) call.state = "failed";
      }
      this.#openCalls -= calls.length;
      for (const call of calls) call.endedAt = now();
    };
    this.#pending.push(done());
    if (this.#pending.length > 2 * MOST_OPEN && this.#openCalls === 0) this.#pending = [];
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#pending);
    this.#pending = [];
  }

  /** Has another app go on, which knows the topics as they are now; after the last call of the old one has ended. */
  async replace(): Promise<void> {
    this.#isPaused = true;
    await this.#settled();
    const old = this.#enqueuer;
    this.#enqueuer = this.#open();
    this.#isPaused = false;
    await old.app.close();
  }

  /** Enqueues no more, and resolves once every call has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#turns;
    await this.#settled();
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    await this.#enqueuer.app.close();
  }
}

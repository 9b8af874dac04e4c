import type { Broker } from "../broker/broker.ts";
import type { AppState } from "../jobs/app-state.ts";
import type { JobDefinition } from "../jobs/job-options.ts";
import type { SchedulePartition } from "../jobs/schedule-partition.ts";
import type { WorkOptions } from "../jobs/work-options.ts";
import type { PartitionStatus } from "../jobs/worker-status.ts";
import { whenSettled } from "../net/clock.ts";
import type { MemoryNetwork } from "../net/memory.ts";
import { CrashPlan, type CrashPoint, type PlannedCrash } from "./crash-plan.ts";
import { TestStuckError } from "./errors.ts";
import type { JobLog } from "./job-log.ts";
import type { TestTime, Workforce } from "./test-time.ts";
import { WorkerInstance } from "./worker-instance.ts";

export interface WorkersParts {
  readonly app: AppState;
  readonly time: TestTime;
  readonly network: MemoryNetwork;
  readonly broker: Broker;
  readonly log: JobLog;
  readonly group: string;
  /** How many. */
  readonly count: number;
  /** Undefined: those of all jobs. */
  readonly queues: readonly string[] | undefined;
  readonly options: WorkOptions;
  /** Enqueues that have not ended. */
  enqueuesUnderWay(): number;
}

/** Failures without any time passing: who has so many goes on so for ever. */
const MOST_FAILURES = 10_000;
const SHORTEST_FETCH_WAIT = 500;
const LONGEST_FETCH_WAIT = 30_000;
/** How many of the latest errors a message shows. */
const SHOWN_ERRORS = 3;

/** The workers of a test: they begin when time is first moved, and stand still while it does. */
export class TestWorkers implements Workforce {
  readonly #parts: WorkersParts;
  readonly #crashes: CrashPlan;
  readonly #living = new Set<WorkerInstance>();
  /** They are closing, and may still run what they have begun. */
  readonly #leaving = new Set<WorkerInstance>();
  /** Starts and closes that are under way, by what they are. */
  readonly #changes = new Map<Promise<void>, string>();
  #errors: readonly string[] = [];
  #wanted: number;
  #queues: readonly string[] = [];
  #made = 0;
  #isResting = true;
  #failures = { at: 0, count: 0 };
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: WorkersParts) {
    this.#parts = parts;
    this.#wanted = parts.count;
    this.#crashes = new CrashPlan(parts.broker, (instance) => this.#kill(instance));
  }

  get queues(): readonly string[] {
    return this.#queues;
  }
  get group(): string {
    return this.#parts.group;
  }
  get broker(): Broker {
    return this.#parts.broker;
  }
  /** What is being started or closed, in words. */
  get changes(): readonly string[] {
    return [...this.#changes.values()];
  }
  get living(): number {
    return this.#living.size;
  }
  /** The latest things that went wrong, in words. */
  get errors(): readonly string[] {
    return this.#errors;
  }
  /** What every living worker has, and where it is with it. */
  get partitions(): PartitionStatus[] {
    return [...this.#living].flatMap(({ worker }) => worker?.status().partitions ?? []);
  }

  /** What living workers have of schedule topics, and where they are with it. */
  get schedules(): SchedulePartition[] {
    return [...this.#living].flatMap(({ worker }) => (worker === undefined ? [] : [...worker.schedules]));
  }
  /** Topics in which jobs wait, if any of the workers is to look after them. */
  get scheduleTopics(): readonly string[] {
    const { app, options } = this.#parts;
    return options.scheduler === false ? [] : [...app.settings.scheduledMessagesTopics.keys()];
  }
  /** Milliseconds since 1970. */
  get now(): number {
    return this.#parts.time.clock.time;
  }

  /** Throws where a worker could not be started, or could not go on. */
  check(): void {
    if (this.#failure !== undefined && this.#wanted > 0) throw this.#failure.error;
  }

  /** Starts who is missing. Where jobs of other queues have been defined since, all begin anew. */
  ensure(): void {
    const { app, queues } = this.#parts;
    const wanted = queues ?? app.registry.queues;
    if (wanted.join() !== this.#queues.join()) for (const instance of [...this.#living]) this.#close(instance);
    this.#queues = wanted;
    if (wanted.length > 0 || this.scheduleTopics.length > 0) while (this.#living.size < this.#wanted) this.#start();
  }

  #start(): void {
    const { app, time, network, broker, group, log, options } = this.#parts;
    const clock = time.clock.instance();
    this.#made += 1;
    const instance = new WorkerInstance(app, {
      ...{ name: `worker-${this.#made}`, clock, group, log, network: network.transport(clock) },
      brokers: broker.addresses,
      fetchWait: () => fetchWait(time.left),
      reached: (point, job, place, of) => this.#crashes.reached(point, job, place, of),
      failed: (error, during) => this.#failed(error, during),
    });
    this.#living.add(instance);
    if (this.#isResting) instance.pause();
    this.#change(`the start of ${instance.name}`, instance.start({ ...options, queues: this.#queues }));
  }

  #failed(error: unknown, during: string): void {
    const text = `${during}: ${String(error)}`;
    this.#errors = [...this.#errors.filter((each) => each !== text), text].slice(-SHOWN_ERRORS);
    const at = this.#parts.time.clock.time;
    if (at !== this.#failures.at) this.#failures = { at, count: 0 };
    this.#failures.count += 1;
    if (this.#failures.count < MOST_FAILURES) return;
    const problem = `${MOST_FAILURES} failures without time passing`;
    this.#failure ??= { error: new TestStuckError(problem, ["the wait between attempts is 0"], this.errors) };
  }

  #close(instance: WorkerInstance): void {
    this.#living.delete(instance);
    this.#leaving.add(instance);
    const closed = whenSettled(instance.close(), () => this.#leaving.delete(instance));
    this.#change(`the close of ${instance.name}`, closed);
  }

  #change(what: string, change: Promise<void>): void {
    const done = change
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .then(() => void this.#changes.delete(done));
    this.#changes.set(done, what);
  }

  #kill(instance: WorkerInstance): void {
    if (!this.#living.delete(instance) && !this.#leaving.delete(instance)) return;
    instance.kill();
    for (const [change, what] of this.#changes) if (what.endsWith(` ${instance.name}`)) this.#changes.delete(change);
    this.ensure();
  }

  /** Kills the worker that has run something last, or any. Another takes its place. */
  crash(): void {
    const last = this.#parts.log.runs.at(-1)?.worker;
    const instance = [...this.#living].find(({ name }) => name === last) ?? [...this.#living][0];
    if (instance === undefined) throw new Error("there is no worker to kill yet: they start when time is first moved");
    this.#kill(instance);
  }

  crashAt(point: CrashPoint, job: JobDefinition | undefined): PlannedCrash {
    return this.#crashes.add(point, job);
  }

  /** One worker more, or one less. */
  resize(by: 1 | -1): void {
    if (this.#wanted + by < 1) throw new Error("the last worker cannot leave: nobody would run jobs");
    this.#wanted += by;
    this.ensure();
    const last = [...this.#living].at(-1);
    if (this.#living.size > this.#wanted && last !== undefined) this.#close(last);
  }

  running(): readonly string[] {
    const words: string[] = [];
    for (const { worker, name } of [...this.#living, ...this.#leaving]) {
      if (worker === undefined) continue;
      const { running, partitions, leftovers } = worker.status();
      if (running === 0) continue;
      for (const { topic, partition, running: offsets } of partitions)
        for (const offset of offsets) words.push(`${this.#nameAt(topic, partition, offset)} (${name})`);
      for (const place of leftovers) words.push(`a job of ${place}, which ${name} does not own any more`);
    }
    return words;
  }

  enqueuesUnderWay(): number {
    return this.#parts.enqueuesUnderWay();
  }

  #nameAt(topic: string, partition: number, offset: number): string {
    const run = this.#parts.log.runs.findLast(
      (each) => each.queue === topic && each.partition === partition && each.offset === offset,
    );
    const place = `${topic}/${partition}/${offset}`;
    return run === undefined ? `the job at ${place}` : `job ${run.id} of "${run.name}" at ${place}`;
  }

  wake(): void {
    this.#isResting = false;
    for (const instance of [...this.#living, ...this.#leaving]) instance.resume();
  }

  rest(): void {
    this.#isResting = true;
    for (const instance of [...this.#living, ...this.#leaving]) instance.pause();
  }

  /** Closes all of them, and starts no more. */
  async close(): Promise<void> {
    this.#wanted = 0;
    for (const instance of [...this.#living]) this.#close(instance);
    await Promise.all(this.#changes.keys());
  }
}

/** On a long way, polls that find nothing are few: they would be most of the work. What is enqueued ends them at once. */
function fetchWait(left: number): number {
  return Math.max(SHORTEST_FETCH_WAIT, Math.min(LONGEST_FETCH_WAIT, Math.floor(left / 50)));
}

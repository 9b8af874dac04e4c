import { Attempt, type AttemptHost } from "./attempt.ts";
import { InterruptedRuns } from "./interrupted-runs.ts";
import type { MoveSource } from "./moves.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import type { PartitionSteps } from "./partition-steps.ts";
import { jobInfo, performReceived } from "./perform.ts";
import type { QueueShare } from "./queue-share.ts";
import { ReceivedJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { JobEnd, Sequel, WaitInPlace } from "./sequel.ts";
import type { WorkerContext } from "./worker-context.ts";

/**
 * How an attempt has ended: the job is finished, or what comes next. "aborted": its time here was up, which is not the
 * job's fault: it counts for nothing, and the job runs again elsewhere.
 */
export type Outcome = "finished" | "aborted" | Sequel;

/** It has ended well, and its progress is to end with it. */
const FINISHED_BY_MOVE: Outcome = { end: () => Promise.resolve(true) };

/** The partition that attempts are made for. */
export interface AttemptSource extends MoveSource, AttemptHost {
  /** Of its queue, in the worker's slots. */
  readonly share: QueueShare;
  /** An attempt, or what ends a job, is over, and its outcome has been seen to. */
  settled(): void;
  /** An attempt is over that ran while nothing else did: it still has all slots. */
  ranAlone(): void;
}

/** What is under way for one partition: attempts at its jobs, and what ends jobs without success. */
export class PartitionAttempts {
  readonly #context: WorkerContext;
  readonly #source: AttemptSource;
  readonly #failures: PartitionFailures;
  readonly #steps: PartitionSteps;
  readonly #interrupted: InterruptedRuns;
  readonly #running = new Set<Attempt>();
  readonly #ending = new Set<Attempt>();
  #lastStarted: Attempt | undefined;
  #lastEnded: Attempt | undefined;
  /** The partition is released or lost: what is still under way counts for nothing here. */
  #isOver = false;
  #waiting: { readonly offset: number | undefined; readonly resolve: () => void }[] = [];

  constructor(context: WorkerContext, source: AttemptSource, failures: PartitionFailures, steps: PartitionSteps) {
    this.#context = context;
    this.#source = source;
    this.#failures = failures;
    this.#steps = steps;
    this.#interrupted = new InterruptedRuns(context, source, failures, steps);
  }

  /** Attempts that have not settled. */
  get running(): ReadonlySet<Attempt> {
    return this.#running;
  }
  /** The attempt that was started last, and the one that ended last. */
  get last(): readonly (Attempt | undefined)[] {
    return [this.#lastStarted, this.#lastEnded];
  }
  get isWorking(): boolean {
    return this.#running.size > 0 || this.#ending.size > 0;
  }
  /** Whether the job at `offset` runs, or is being ended. */
  works(offset: number): boolean {
    return [...this.#running, ...this.#ending].some((attempt) => attempt.offset === offset);
  }

  /** Starts an attempt, for which a slot was taken. `received`: the record as a job, where that is known already. */
  start(record: BufferedRecord, received: ReceivedJob | undefined, ended: (outcome: Outcome) => void): void {
    const { clock, events, app } = this.#context;
    const { topic, partition } = this.#source;
    const { offset } = record;
    const attempt = new Attempt(offset, clock.monotonic(), this.#source);
    this.#running.add(attempt);
    this.#lastStarted = attempt;
    let number = this.#failures.countsOf(offset, undefined).attempt + 1;
    let job: ReceivedJob | undefined;
    let promise: Promise<unknown>;
    try {
      job = received ?? new ReceivedJob(topic, partition, record);
      number = this.#failures.countsOf(offset, job).attempt + 1;
      attempt.job = job.name;
      attempt.received = job;
      if (events.has("started")) events.emit("started", { job: jobInfo(job, number) });
      attempt.limitTo(app.registry.find(job.name)?.timeout, clock);
      promise = Promise.resolve(performReceived(app, job, number, attempt));
    } catch (error) {
      promise = Promise.reject(error);
    }
    const started = job;
    promise.then(
      () => this.#ended(attempt, ended, () => this.#completed(attempt, started!, number)),
      (error: unknown) => this.#ended(attempt, ended, () => this.#failed(attempt, record, started, number, error)),
    );
  }

  /** The attempt's promise has settled: only now is it over. */
  #ended(attempt: Attempt, ended: (outcome: Outcome) => void, judge: () => Outcome): void {
    // What it hands over, and did not wait for, decides what it was.
    if (attempt.handingOver !== undefined)
      return void attempt.handingOver.then(() => this.#ended(attempt, ended, judge));
    attempt.settled(this.#context.clock.monotonic());
    const ranAlone = !this.#isOver && this.#failures.runsAlone(attempt.offset);
    if (!ranAlone) this.#context.slots.release(this.#source.share);
    this.#running.delete(attempt);
    this.#lastEnded = attempt;
    if (this.#isOver) this.#leftOver(attempt);
    else ended(judge());
    if (ranAlone) this.#source.ranAlone();
    this.#settled();
  }

  #completed(attempt: Attempt, job: ReceivedJob, number: number): Outcome {
    const { events, clock } = this.#context;
    if (events.has("completed")) {
      events.emit("completed", { job: jobInfo(job, number), duration: clock.monotonic() - attempt.startedAt });
    }
    return this.#steps.isSaved(attempt.offset) ? FINISHED_BY_MOVE : "finished";
  }

  #failed(
    attempt: Attempt,
    record: BufferedRecord,
    job: ReceivedJob | undefined,
    number: number,
    error: unknown,
  ): Outcome {
    // What it has handed over counts: nothing of it is run again.
    if (attempt.hasHandedOver) {
      const { topic, partition } = this.#source;
      this.#context.events.emit("error", { error, during: "a job, after its transaction", topic, partition });
      return this.#completed(attempt, job!, number);
    }
    if (attempt.isAborted) return "aborted";
    const duration = this.#context.clock.monotonic() - attempt.startedAt;
    return this.#interrupted.judge(attempt, { record, job, number, error, duration });
  }

  /** Does what ends a job, and tells whether it is finished by that, or how it waits. */
  settle(offset: number, work: JobEnd, settled: (how: boolean | WaitInPlace) => void): void {
    const ending = new Attempt(offset, this.#context.clock.monotonic());
    this.#ending.add(ending);
    const over = (how: boolean | WaitInPlace): void => {
      this.#ending.delete(ending);
      if (this.#isOver) this.#leftOver(ending);
      else settled(how);
      this.#settled();
    };
    this.#steps.endWith(offset, work).then(over, (error: unknown) => {
      const { topic, partition } = this.#source;
      this.#context.events.emit("error", { error, during: "ending a job", topic, partition });
      over(false);
    });
  }

  #leftOver(attempt: Attempt): void {
    this.#context.leftovers.settled(this.#source.topic, this.#source.partition, attempt);
  }

  #settled(): void {
    this.#tell();
    this.#source.settled();
  }

  /** Resolves once nothing is under way, or nothing of the job at `offset`. */
  idle(offset?: number): Promise<void> {
    if (!this.#blocks(offset)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ offset, resolve }));
  }

  #blocks(offset: number | undefined): boolean {
    return !this.#isOver && (offset === undefined ? this.isWorking : this.works(offset));
  }

  #tell(): void {
    if (this.#waiting.length === 0) return;
    const told = this.#waiting.filter(({ offset }) => !this.#blocks(offset));
    this.#waiting = this.#waiting.filter(({ offset }) => this.#blocks(offset));
    for (const { resolve } of told) resolve();
  }

  /** Tells what is under way that its time is up, and gives the offsets of its jobs. */
  abort(reason: unknown): number[] {
    const late = [...this.#running, ...this.#ending];
    for (const attempt of late) attempt.abort(reason);
    return late.map(({ offset }) => offset);
  }

  /** The partition is gone. What still runs is left over: it holds up the partition's next ownership here. */
  end(reason: unknown): void {
    this.#isOver = true;
    const { topic, partition } = this.#source;
    for (const attempt of [...this.#running, ...this.#ending]) {
      this.#context.leftovers.add(topic, partition, attempt);
      attempt.abort(reason);
    }
    this.#tell();
  }
}

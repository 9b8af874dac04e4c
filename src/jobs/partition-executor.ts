import type { OffsetToCommit } from "../client/group-offsets.ts";
import type { Timer } from "../net/clock.ts";
import { Attempt } from "./attempt.ts";
import { backoffWait } from "./backoff.ts";
import { encodeCommitMetadata, type FailingJob } from "./commit-metadata.ts";
import type { CommitSource } from "./committer.ts";
import type { JobInfo } from "./events.ts";
import type { Buffered } from "./flow-control.ts";
import { jobInfo, performReceived } from "./perform.ts";
import { ReceivedJob } from "./received-job.ts";
import { type BufferedRecord, RecordBuffer } from "./record-buffer.ts";
import type { StartPoint } from "./start-point.ts";
import type { WorkerContext } from "./worker-context.ts";

/** What one fetch brought. */
export interface FetchedJobs {
  readonly records: readonly BufferedRecord[];
  readonly nextOffset: number;
  readonly leaderEpoch: number;
}

/**
 * Runs the jobs of one partition, in offset order and one at a time, for as long as this worker owns it.
 *
 * loading:  owned, but where to begin is not known yet, or a handler of an earlier ownership still runs. → running.
 * running:  starts the first job of its buffer whenever it may; waits in place after a failure. → stopped, draining,
 *           ended.
 * stopped:  something a person has to look at; nothing starts. → draining, ended.
 * draining: nothing starts; the running attempt may end and be committed. → ended.
 * ended:    released or lost. What still runs counts for nothing here.
 */
export class PartitionExecutor implements CommitSource, Buffered {
  readonly topic: string;
  readonly partition: number;
  readonly #context: WorkerContext;
  readonly #buffer = new RecordBuffer();
  #state: "loading" | "running" | "stopped" | "draining" | "ended" = "loading";
  #topicId = "";
  /** The next offset to finish: everything below it is finished. */
  #mark = 0;
  #fetchedTo = 0;
  #leaderEpoch = -1;
  #failing: FailingJob | undefined;
  #attempt: Attempt | undefined;
  #lastStarted: Attempt | undefined;
  #backoff: Timer | undefined;
  readonly #whenIdle: (() => void)[] = [];
  #waitsForLease = false;

  constructor(context: WorkerContext, topic: string, partition: number) {
    this.#context = context;
    this.topic = topic;
    this.partition = partition;
  }

  get state(): "loading" | "running" | "stopped" | "draining" | "ended" {
    return this.#state;
  }
  /** Jobs that are kept here, the running one included, and their bytes. */
  get buffered(): number {
    return this.#buffer.length;
  }
  get bufferedBytes(): number {
    return this.#buffer.byteLength;
  }
  get running(): Attempt | undefined {
    return this.#attempt;
  }
  get mark(): number {
    return this.#mark;
  }
  /** The attempt that was started last, whether or not it has ended. */
  get lastStarted(): Attempt | undefined {
    return this.#lastStarted;
  }
  /** Whether a timer will start its next job. */
  get isWaiting(): boolean {
    return this.#backoff !== undefined;
  }

  /** Where to begin is known, and nothing of an earlier ownership runs any more. */
  begin(start: StartPoint): void {
    if (this.#state !== "loading") return;
    this.#state = "running";
    this.#topicId = start.topicId;
    this.#mark = start.offset;
    this.#fetchedTo = start.offset;
    this.#failing = start.failing.find((job) => job.offset >= start.offset);
    this.pump();
  }

  /** Takes what was fetched. Its end may lie beyond its last record: what is between is finished. */
  take({ records, nextOffset, leaderEpoch }: FetchedJobs): void {
    if (this.#state !== "running") return;
    this.#buffer.push(records);
    this.#fetchedTo = nextOffset;
    if (leaderEpoch >= 0) this.#leaderEpoch = leaderEpoch;
    if (this.#attempt === undefined) this.#moveMark();
    this.#context.flow.filled(this);
    this.pump();
  }

  slotFree(): void {
    this.pump();
  }

  /** Starts the next job if it may start now; whatever keeps it from starting calls this again once it is over. */
  pump(): void {
    if (this.#state !== "running" || this.#attempt !== undefined || this.#backoff !== undefined) return;
    const record = this.#buffer.first;
    if (record === undefined || this.#context.isQuiet || this.#context.flow.isHeld(this.topic)) return;
    if (this.#mustWait(record) || !this.#hasLease()) return;
    if (this.#context.turn.isOver(this) || !this.#context.slots.take(this)) return;
    this.#start(record);
  }

  /** A job that failed under an earlier owner waits as long as it would have there. */
  #mustWait({ offset }: BufferedRecord): boolean {
    const failing = this.#failing;
    if (failing?.offset !== offset) return false;
    const wait = failing.nextRetryAt - this.#context.clock.now();
    if (wait <= 0) return false;
    this.#wait(wait);
    return true;
  }

  #hasLease(): boolean {
    const { lease } = this.#context;
    if (lease.isValid) return true;
    if (!this.#waitsForLease) {
      this.#waitsForLease = true;
      lease.onRenewal(() => {
        this.#waitsForLease = false;
        this.pump();
      });
    }
    return false;
  }

  #wait(ms: number): void {
    if (this.#state !== "running") return;
    this.#backoff = this.#context.clock.timer(ms, () => {
      this.#backoff = undefined;
      // It has waited: a wall clock that was set back meanwhile must not make it wait again.
      if (this.#failing !== undefined) this.#failing = { ...this.#failing, nextRetryAt: 0 };
      this.pump();
    });
  }

  #start(record: BufferedRecord): void {
    const { clock, events, app } = this.#context;
    const attempt = new Attempt(record.offset, clock.monotonic());
    this.#attempt = attempt;
    this.#lastStarted = attempt;
    const number = this.#failing?.offset === record.offset ? this.#failing.attempt + 1 : 1;
    let job: ReceivedJob | undefined;
    let promise: Promise<void>;
    try {
      job = new ReceivedJob(this.topic, this.partition, record);
      attempt.job = job.name;
      if (events.has("started")) events.emit("started", { job: jobInfo(job, number) });
      promise = performReceived(app, job, number, attempt);
    } catch (error) {
      promise = Promise.reject(error);
    }
    const started = job;
    promise.then(
      () => this.#ended(attempt, () => this.#finished(attempt, started!, number)),
      (error: unknown) => this.#ended(attempt, () => this.#failed(attempt, started, number, error)),
    );
  }

  /** The attempt's promise has settled: only now is it over. */
  #ended(attempt: Attempt, judge: () => void): void {
    this.#context.slots.release();
    this.#attempt = undefined;
    if (this.#state !== "ended") judge();
    else this.#context.leftovers.settled(this.topic, this.partition, attempt);
    this.#tellIdle();
    this.pump();
    this.#context.flow.drained(this);
  }

  #finished(attempt: Attempt, job: ReceivedJob, number: number): void {
    const { events, clock } = this.#context;
    if (events.has("completed")) {
      events.emit("completed", { job: jobInfo(job, number), duration: clock.monotonic() - attempt.startedAt });
    }
    this.#failing = undefined;
    this.#buffer.shift();
    this.#moveMark();
  }

  #failed(attempt: Attempt, job: ReceivedJob | undefined, number: number, error: unknown): void {
    // Its time was up, which is not the job's fault: it counts for nothing, and the job runs again elsewhere.
    if (attempt.isAborted) return;
    const { events, clock } = this.#context;
    const { topic, partition } = this;
    const wait = backoffWait(this.#context.backoffOf(topic), number, clock.random());
    this.#failing = {
      offset: attempt.offset,
      attempt: number,
      counters: [],
      nextRetryAt: Math.ceil(clock.now() + wait),
      suspect: false,
    };
    this.#context.committer.touch(this, true);
    if (job === undefined)
      events.emit("error", { error, during: `reading the record at offset ${attempt.offset}`, topic, partition });
    else this.#tellFailure(jobInfo(job, number), error, clock.monotonic() - attempt.startedAt, wait);
    this.#wait(wait);
  }

  #tellFailure(job: JobInfo, error: unknown, duration: number, wait: number): void {
    const { events, app } = this.#context;
    if (!events.has("failed"))
      app.settings.logger.warn("a job failed", {
        job: job.name,
        id: job.id,
        attempt: job.attempt,
        error,
        retryInMs: Math.round(wait),
      });
    events.emit("failed", { job, error, duration });
    events.emit("retried", { job, wait });
  }

  #moveMark(): void {
    const mark = this.#buffer.first?.offset ?? this.#fetchedTo;
    if (mark === this.#mark) return;
    this.#mark = mark;
    // The log may have lost the job that failed: what is below the mark cannot be told of.
    if (this.#failing !== undefined && this.#failing.offset < mark) this.#failing = undefined;
    this.#context.committer.touch(this);
  }

  commitNow(): OffsetToCommit {
    const { topic, partition } = this;
    const failing = this.#failing === undefined ? [] : [this.#failing];
    const open = this.#state !== "draining" && this.#state !== "ended";
    const metadata = encodeCommitMetadata(this.#mark, { topicId: this.#topicId, open, finished: [], failing });
    return { topic, partition, offset: this.#mark, leaderEpoch: this.#leaderEpoch, metadata };
  }

  commitRefused(error: Error): void {
    this.stop(error, "committing what is finished");
  }

  /** Nothing starts here until the worker is restarted: someone has to look at it. */
  stop(error: unknown, during: string): void {
    if (this.#state === "ended") return;
    this.#context.events.emit("error", { error, during, topic: this.topic, partition: this.partition });
    if (this.#state === "draining") return;
    this.#state = "stopped";
    this.#cancelWaits();
    this.#forgetWaiting();
  }

  /** Nothing more is started here: only the record of the running attempt is kept. */
  #forgetWaiting(): void {
    this.#context.flow.remove(this);
    const next = this.#buffer.truncate(this.#attempt === undefined ? 0 : 1);
    if (next !== undefined) this.#fetchedTo = next.offset;
  }

  /**
   * Gives the partition up in good order: the running attempt has `grace` ms to end, and what is finished is committed.
   * After that its signal aborts, and its job may run twice. Gives the offset of a job that did not end in time.
   */
  async release(grace: number, reason: unknown): Promise<number | undefined> {
    if (this.#state === "ended") return undefined;
    const began = this.#state !== "loading";
    this.#state = "draining";
    this.#cancelWaits();
    this.#forgetWaiting();
    if (this.#attempt !== undefined) await this.#untilIdle(grace);
    // Lost while it was waited for: then nothing of it may be committed.
    if ((this.#state as string) === "ended") return undefined;
    const late = this.#attempt;
    late?.abort(reason);
    if (began) await this.#context.flush(this);
    this.#end(reason);
    return late !== undefined && late.offset >= this.#mark ? late.offset : undefined;
  }

  #untilIdle(grace: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#context.clock.timer(grace, resolve);
      this.#whenIdle.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Resolves once no attempt runs here. */
  idle(): Promise<void> {
    if (this.#attempt === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #tellIdle(): void {
    for (const tell of this.#whenIdle.splice(0)) tell();
  }

  /** The partition is gone. Nothing is committed. */
  lose(reason: unknown): void {
    this.#end(reason);
    this.#tellIdle();
  }

  #end(reason: unknown): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#cancelWaits();
    this.#context.committer.remove(this);
    this.#forgetWaiting();
    if (this.#attempt === undefined) return;
    this.#context.leftovers.add(this.topic, this.partition, this.#attempt);
    this.#attempt.abort(reason);
  }

  #cancelWaits(): void {
    this.#backoff?.cancel();
    this.#backoff = undefined;
    this.#context.slots.forget(this);
  }
}

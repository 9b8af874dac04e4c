import type { OffsetToCommit } from "../client/group-offsets.ts";
import { within } from "../client/within.ts";
import type { Timer } from "../net/clock.ts";
import { Attempt, type AttemptHost } from "./attempt.ts";
import { encodeCommitMetadata, saysFinished } from "./commit-metadata.ts";
import type { TransactionWork } from "./enqueue-transaction.ts";
import type { Buffered } from "./flow-control.ts";
import { handOver } from "./hand-over.ts";
import { LeaseWait } from "./lease-wait.ts";
import type { MoveSource } from "./moves.ts";
import { PartitionFailures } from "./partition-failures.ts";
import { jobInfo, performReceived } from "./perform.ts";
import { ReceivedJob } from "./received-job.ts";
import { type BufferedRecord, RecordBuffer } from "./record-buffer.ts";
import { placeText } from "./record-place.ts";
import { StartNotes } from "./start-notes.ts";
import type { StartPoint } from "./start-point.ts";
import type { WorkerContext } from "./worker-context.ts";
import { NotBlockedError } from "./worker-errors.ts";

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
export class PartitionExecutor implements MoveSource, AttemptHost, Buffered {
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
  readonly #failures: PartitionFailures;
  readonly #notes: StartNotes;
  readonly #lease: LeaseWait;
  /** What ends the first job without success is under way. */
  #ending: Attempt | undefined;
  #attempt: Attempt | undefined;
  #lastStarted: Attempt | undefined;
  #backoff: Timer | undefined;
  readonly #whenIdle: (() => void)[] = [];

  constructor(context: WorkerContext, topic: string, partition: number) {
    this.#context = context;
    this.topic = topic;
    this.partition = partition;
    this.#failures = new PartitionFailures(context, this);
    this.#notes = new StartNotes(context, this, this.#failures);
    this.#lease = new LeaseWait(context.lease, () => this.pump());
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
  /** When the first job that has not ended was written. */
  get waitingSince(): number | undefined {
    return this.#buffer.first?.timestamp;
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
    this.#failures.begin(start.failing);
    this.#notes.begin(start.open);
    this.pump();
  }

  /** Takes what was fetched. Its end may lie beyond its last record: what is between is finished. */
  take({ records, nextOffset, leaderEpoch }: FetchedJobs): void {
    if (this.#state !== "running") return;
    this.#buffer.push(records);
    this.#fetchedTo = nextOffset;
    if (leaderEpoch >= 0) this.#leaderEpoch = leaderEpoch;
    this.#notes.took(records, nextOffset);
    if (this.#attempt === undefined && this.#ending === undefined) this.#moveMark();
    this.#context.flow.filled(this);
    this.pump();
  }

  /** Jobs before `offset`, or from it on where that is a step back, are not in the log any more. Those that were fetched are run all the same. */
  jumpTo(offset: number): void {
    this.#fetchedTo = offset;
    if (this.#buffer.length === 0 && !this.#isWorking) this.#moveMark();
  }

  readonly slotFree = (): void => this.pump();

  /** Starts the next job if it may start now; whatever keeps it from starting calls this again once it is over. */
  pump(): void {
    if (this.#state !== "running" || this.#isWorking || this.#notes.isNoting || this.#backoff !== undefined) return;
    const record = this.#buffer.first;
    const { turn, slots, isQuiet, flow } = this.#context;
    if (record === undefined || isQuiet || flow.isHeld(this.topic)) return slots.forget(this);
    if (this.#mustWait(record) || !this.#lease.isValid || turn.isOver(this)) return;
    const [isNoted, alone] = [this.#notes.isNoted(record.offset), this.#notes.runsAlone(record.offset)];
    // One that runs alone has all slots before it is noted: what kills the process while it waits is not its doing.
    if ((isNoted || alone) && !slots.take(this, alone)) return;
    if (isNoted) this.#start(record);
    else this.#note(record);
  }

  /** The first job runs, or is being ended. */
  get #isWorking(): boolean {
    return this.#attempt !== undefined || this.#ending !== undefined;
  }

  /** A job that failed under an earlier owner waits as long as it would have there. */
  #mustWait({ offset }: BufferedRecord): boolean {
    const wait = this.#notes.isNotedSuspect(offset) ? 0 : this.#failures.waitOf(offset);
    if (wait > 0) this.#wait(wait, offset);
    return wait > 0;
  }

  #wait(ms: number, offset: number): void {
    if (this.#state !== "running") return;
    this.#backoff = this.#context.clock.timer(ms, () => {
      this.#backoff = undefined;
      // It has waited: a wall clock that was set back meanwhile must not make it wait again.
      this.#failures.waited(offset);
      this.pump();
    });
  }

  #note(record: BufferedRecord): void {
    const end = this.#notes.note(record, this);
    if (end !== undefined) this.#settle(end);
  }

  /** Does what ends the first job, and gives whether it is finished by that. */
  #settle(work: () => Promise<boolean>): void {
    const ending = new Attempt(this.#buffer.first!.offset, this.#context.clock.monotonic());
    this.#ending = ending;
    const settled = (isFinished: boolean): void => {
      this.#ending = undefined;
      if (this.#state === "ended") this.#context.leftovers.settled(this.topic, this.partition, ending);
      else if (isFinished) this.#shift();
      this.#tellIdle();
      this.pump();
      this.#context.flow.drained(this);
    };
    work().then(settled, (error: unknown) => {
      const { topic, partition } = this;
      this.#context.events.emit("error", { error, during: "ending a job", topic, partition });
      settled(false);
    });
  }

  #start(record: BufferedRecord): void {
    const { clock, events, app } = this.#context;
    const attempt = new Attempt(record.offset, clock.monotonic(), this);
    this.#attempt = attempt;
    this.#lastStarted = attempt;
    let number = this.#failures.countsOf(record.offset, undefined).attempt + 1;
    let job: ReceivedJob | undefined;
    let promise: Promise<void>;
    try {
      job = new ReceivedJob(this.topic, this.partition, record);
      number = this.#failures.countsOf(record.offset, job).attempt + 1;
      attempt.job = job.name;
      if (events.has("started")) events.emit("started", { job: jobInfo(job, number) });
      attempt.limitTo(app.registry.find(job.name)?.timeout, clock);
      promise = performReceived(app, job, number, attempt);
    } catch (error) {
      promise = Promise.reject(error);
    }
    const started = job;
    promise.then(
      () => this.#ended(attempt, () => this.#finished(attempt, started!, number)),
      (error: unknown) => this.#ended(attempt, () => this.#failed(attempt, record, started, number, error)),
    );
  }

  /** The attempt's promise has settled: only now is it over. */
  #ended(attempt: Attempt, judge: () => void): void {
    // What it hands over, and did not wait for, decides what it was.
    if (attempt.handingOver !== undefined) return void attempt.handingOver.then(() => this.#ended(attempt, judge));
    attempt.settled();
    const ranAlone = this.#state !== "ended" && this.#failures.runsAlone(attempt.offset);
    if (!ranAlone) this.#context.slots.release();
    this.#attempt = undefined;
    if (this.#state !== "ended") judge();
    else this.#context.leftovers.settled(this.topic, this.partition, attempt);
    if (ranAlone) this.#notes.clear(this);
    this.#tellIdle();
    this.pump();
    this.#context.flow.drained(this);
  }

  #finished(attempt: Attempt, job: ReceivedJob, number: number): void {
    const { events, clock } = this.#context;
    if (events.has("completed")) {
      events.emit("completed", { job: jobInfo(job, number), duration: clock.monotonic() - attempt.startedAt });
    }
    this.#shift();
  }

  /** The first job is finished, one way or another. */
  #shift(): void {
    const { first } = this.#buffer;
    if (first !== undefined) this.#failures.finished(first.offset);
    this.#buffer.shift();
    this.#moveMark();
  }

  #failed(
    attempt: Attempt,
    record: BufferedRecord,
    job: ReceivedJob | undefined,
    number: number,
    error: unknown,
  ): void {
    // What it has handed over counts: nothing of it is run again.
    if (attempt.hasHandedOver) {
      const { topic, partition } = this;
      this.#context.events.emit("error", { error, during: "a job, after its transaction", topic, partition });
      return this.#finished(attempt, job!, number);
    }
    // Its time was up, which is not the job's fault: it counts for nothing, and the job runs again elsewhere.
    if (attempt.isAborted) return;
    const duration = this.#context.clock.monotonic() - attempt.startedAt;
    const sequel = this.#failures.failed({ record, job, number, error, duration });
    if ("end" in sequel) this.#settle(sequel.end);
    else this.#wait(sequel.wait, record.offset);
  }

  /**
   * Lets the first job go, which has failed and blocks the partition: into `topic`, where one is named. Throws a
   * `NotBlockedError` where `offset` is no such job.
   */
  async skip(offset: number, topic: string | undefined): Promise<void> {
    const place = placeText({ topic: this.topic, partition: this.partition, offset });
    await this.idle();
    const { first } = this.#buffer;
    if (this.#state !== "running")
      throw new NotBlockedError(place, `this worker does not run its partition (${this.#state})`);
    if (first?.offset !== offset)
      throw new NotBlockedError(place, `the first job of the partition is at ${first?.offset ?? this.#mark}`);
    if (this.#failures.countsOf(offset, undefined).attempt === 0) throw new NotBlockedError(place, "it has not failed");
    this.#backoff?.cancel();
    this.#backoff = undefined;
    this.#settle(this.#failures.skip(first, topic));
    await this.idle();
  }

  /** Says of a job that it blocks the partition, if it is time for that. */
  tellBlocked(): void {
    this.#failures.tellBlocked();
  }

  #moveMark(): void {
    const mark = this.#buffer.first?.offset ?? this.#fetchedTo;
    if (mark === this.#mark) return;
    this.#mark = mark;
    this.#failures.forgetBelow(mark);
    this.#context.committer.touch(this);
  }

  /** For `job.transaction`. */
  handOver<T>(attempt: Attempt, work: TransactionWork<T>): Promise<T> {
    return handOver(this.#context, this, attempt, work);
  }

  commitNow(): OffsetToCommit {
    const { hasHandedOver, offset = 0 } = this.#attempt ?? {};
    return hasHandedOver ? this.commitAsFinished(offset) : this.#commit(this.#mark);
  }

  commitAsFinished(offset: number): OffsetToCommit {
    return this.#commit(Math.max(this.#mark, this.#buffer.second?.offset ?? this.#fetchedTo, offset + 1));
  }

  #commit(offset: number): OffsetToCommit {
    const { topic, partition } = this;
    const failing = this.#failures.all.filter((job) => job.offset >= offset);
    const open = this.#notes.isOpen && this.#state !== "draining" && this.#state !== "ended";
    const metadata = encodeCommitMetadata(offset, { topicId: this.#topicId, open, finished: [], failing });
    return { topic, partition, offset, leaderEpoch: this.#leaderEpoch, metadata };
  }

  readonly saysFinished: typeof saysFinished = saysFinished;

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
    const next = this.#buffer.truncate(this.#isWorking ? 1 : 0);
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
    await within(this.#context.clock, grace, this.idle(), () => {});
    // Lost while it was waited for: then nothing of it may be committed.
    if ((this.#state as string) === "ended") return undefined;
    const late = this.#attempt ?? this.#ending;
    late?.abort(reason);
    this.#failures.takeBack();
    if (began) await this.#context.flush(this);
    this.#end(reason);
    return late !== undefined && late.offset >= this.#mark && !late.hasHandedOver ? late.offset : undefined;
  }

  /** Resolves once no attempt runs here. */
  idle(): Promise<void> {
    if (!this.#isWorking) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #tellIdle(): void {
    if (this.#isWorking && this.#state !== "ended") return;
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
    const left = this.#attempt ?? this.#ending;
    if (left === undefined) return;
    this.#context.leftovers.add(this.topic, this.partition, left);
    left.abort(reason);
  }

  #cancelWaits(): void {
    this.#backoff?.cancel();
    this.#backoff = undefined;
    if (this.#attempt === undefined) this.#context.slots.forget(this);
  }
}

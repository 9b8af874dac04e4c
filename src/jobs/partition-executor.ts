import type { OffsetToCommit } from "../client/group-offsets.ts";
import { within } from "../client/within.ts";
import type { Attempt } from "./attempt.ts";
import { encodeCommitMetadata, type FailingJob, MAX_FAILING } from "./commit-metadata.ts";
import { Dedupe } from "./dedupe.ts";
import type { TransactionWork } from "./enqueue-transaction.ts";
import type { Buffered } from "./flow-control.ts";
import { handOver } from "./hand-over.ts";
import type { JobRunner } from "./job-runner.ts";
import { LaneRunner } from "./lane-runner.ts";
import { Parking } from "./parking.ts";
import { type AttemptSource, PartitionAttempts } from "./partition-attempts.ts";
import { PartitionFailures } from "./partition-failures.ts";
import { PartitionSteps } from "./partition-steps.ts";
import { Pump } from "./pump.ts";
import type { QueueShare } from "./queue-share.ts";
import type { ReadBack } from "./read-back.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import { SerialRunner } from "./serial-runner.ts";
import { StartGate } from "./start-gate.ts";
import { StartNotes } from "./start-notes.ts";
import type { StartPoint } from "./start-point.ts";
import type { LoadedState } from "./state-reader.ts";
import type { WorkerContext } from "./worker-context.ts";

/** What one fetch brought. */
export interface FetchedJobs {
  readonly records: readonly BufferedRecord[];
  readonly nextOffset: number;
  readonly leaderEpoch: number;
}

/** How a partition is given up. */
export interface ReleaseOptions {
  /** Milliseconds that running jobs have to end. After that their signals abort, and they may run twice. */
  readonly grace: number;
  readonly reason: unknown;
  /** Whether what belongs to a batch of lanes in hand is started, too. Default false. */
  readonly finishBatch?: boolean;
}

export type PartitionState = "loading" | "running" | "stopped" | "finishing" | "draining" | "ended";

/**
 * Has the jobs of one partition run for as long as this worker owns it, and knows what of it is finished.
 *
 * loading:   owned, but where to begin is not known yet, or a handler of an earlier ownership still runs. → running.
 * running:   its runner starts jobs whenever they may start. → stopped, finishing, draining, ended.
 * stopped:   something a person has to look at; nothing starts. → draining, ended.
 * finishing: only what belongs to the batch in hand starts. → draining, ended.
 * draining:  nothing starts; what runs may end and be committed. → ended.
 * ended:     released or lost. What still runs counts for nothing here.
 */
export class PartitionExecutor implements AttemptSource, Buffered {
  readonly topic: string;
  readonly partition: number;
  readonly share: QueueShare;
  readonly #context: WorkerContext;
  readonly steps: PartitionSteps;
  readonly #failures: PartitionFailures;
  readonly #notes: StartNotes;
  readonly #attempts: PartitionAttempts;
  readonly #gate: StartGate;
  /** Undefined: its queue parks nothing. */
  readonly #parking: Parking | undefined;
  readonly #runner: JobRunner;
  /** To ask whether a job may start can free slots, and so bring a pump about: what is about to begin would be begun twice. */
  readonly #pumping = new Pump(() => this.#runner.pump());
  readonly #dedupe: Dedupe | undefined;
  #state: PartitionState = "loading";
  #topicId = "";
  /** Everything below it is finished. */
  #mark = 0;
  /** Finished offsets beyond it. */
  readonly #finishedAhead = new Set<number>();
  #fetchedTo = 0;
  #leaderEpoch = -1;

  constructor(context: WorkerContext, topic: string, partition: number) {
    this.#context = context;
    this.topic = topic;
    this.partition = partition;
    this.share = context.slots.share(topic);
    this.steps = new PartitionSteps(context, this, {
      isLeaving: () => this.#state !== "running" && this.#state !== "stopped",
      attemptsOf: (job) => this.#failures.countsOf(job.offset, job).attempt,
      isParked: (offset) => this.#parking?.has(offset) === true,
    });
    this.#failures = new PartitionFailures(context, this, this.steps);
    this.#notes = new StartNotes(context, this, this.#failures);
    this.#attempts = new PartitionAttempts(context, this, this.#failures, this.steps);
    const { dedupeWindow } = context.queueOf(topic);
    this.#dedupe = dedupeWindow === undefined ? undefined : new Dedupe(context, this, dedupeWindow);
    this.#gate = new StartGate(context, this, this.#failures, this.#notes, this.steps);
    this.#parking = this.#makeParking();
    this.#gate.duplicate = this.#dedupe === undefined ? undefined : (record) => this.#dedupe!.endOf(record);
    this.#runner = this.#makeRunner();
  }

  #makeParking(): Parking | undefined {
    const { reader: state } = this.#context.state;
    if (state === undefined || this.#context.queueOf(this.topic).whenExhausted !== "park") return undefined;
    const [failures, attempts, gate] = [this.#failures, this.#attempts, this.#gate];
    const parts = { context: this.#context, state, source: this, failures, attempts, gate, pump: () => this.pump() };
    const parking = new Parking(parts);
    failures.parking = parking;
    gate.parked = (record) => parking.endOf(record);
    return parking;
  }

  #makeRunner(): JobRunner {
    const [context, failures, notes, attempts] = [this.#context, this.#failures, this.#notes, this.#attempts];
    const { virtualPartitions } = context.queueOf(this.topic);
    const parts = {
      ...{ context, topic: this.topic, partition: this.partition, failures, notes, attempts },
      gate: this.#gate,
      parking: this.#parking,
      mayStart: () => this.#mayStart(),
      notRunning: () => (this.#state === "running" ? undefined : this.#state),
      finishedAhead: (offset: number) => this.moved(offset),
      isFinished: (offset: number) => this.#finishedAhead.has(offset),
      moved: () => this.#moveMark(),
      pump: () => this.pump(),
    };
    return virtualPartitions === undefined ? new SerialRunner(parts) : new LaneRunner(parts, virtualPartitions);
  }

  get state(): PartitionState {
    return this.#state;
  }
  /** Jobs that are kept here, the running ones included, and their bytes. */
  get buffered(): number {
    return this.#runner.buffered;
  }
  get bufferedBytes(): number {
    return this.#runner.bufferedBytes;
  }
  /** When the first job that has not ended was written. */
  get waitingSince(): number | undefined {
    return this.#runner.waitingSince;
  }
  get running(): ReadonlySet<Attempt> {
    return this.#attempts.running;
  }
  /** The attempts that were started and that ended last. */
  get last(): readonly (Attempt | undefined)[] {
    return this.#attempts.last;
  }
  /** Everything below it is finished. */
  get mark(): number {
    return this.#mark;
  }
  /** Whether a timer will start a job. */
  get isWaiting(): boolean {
    return this.#runner.isWaiting || this.#parking?.isWaiting === true;
  }
  /** Reads what came before the first job; undefined: nothing has to know of it. */
  get readBack(): ReadBack | undefined {
    return this.#dedupe?.readBack;
  }
  get lanes(): JobRunner["lanes"] {
    return this.#runner.lanes;
  }

  /** Keys and jobs that are parked. */
  get parked(): { readonly keys: number; readonly jobs: number } | undefined {
    return this.#parking?.counts;
  }

  /**
   * Where to begin is known, and nothing of an earlier ownership runs any more. `kept`: what the group's state topic says,
   * read after that; undefined: there is none.
   */
  begin(start: StartPoint, kept?: LoadedState): void {
    if (this.#state !== "loading") return;
    this.#state = "running";
    this.#topicId = start.topicId;
    this.#mark = start.offset;
    this.#fetchedTo = start.offset;
    for (const offset of start.finished) this.#finishedAhead.add(offset);
    this.#failures.begin(start.failing);
    this.#notes.begin(start.open);
    if (start.committed === undefined) this.#dedupe?.readBack.omit();
    if (kept !== undefined) this.#parking?.begin(kept, start.topicId, start.open);
    const isLeft = (offset: number): boolean =>
      this.#parking?.has(offset) === true || (offset >= this.#mark && !this.#finishedAhead.has(offset));
    const unreadable = this.steps.begin(kept?.progress ?? [], start.topicId, isLeft);
    if (unreadable !== undefined) return this.stop(unreadable, "reading how far jobs have got");
    this.pump();
  }

  /** Takes what was fetched. Its end may lie beyond its last record: what is between is finished. */
  take(fetched: FetchedJobs): void {
    if (this.#state !== "running" || this.#dedupe?.readBack.take(fetched)) return;
    const { records, nextOffset, leaderEpoch } = fetched;
    const ahead = this.#finishedAhead;
    const left = ahead.size === 0 ? records : records.filter(({ offset }) => !ahead.has(offset));
    this.#fetchedTo = nextOffset;
    if (leaderEpoch >= 0) this.#leaderEpoch = leaderEpoch;
    this.#notes.took(left, nextOffset);
    this.#dedupe?.judge(records, ahead);
    this.#runner.take(left);
    this.#context.flow.filled(this);
    this.pump();
  }

  /** Jobs before `offset` are not in the log any more: those that were fetched are run all the same. A step back: with nothing in hand. */
  jumpTo(offset: number): void {
    if (offset < this.#mark) this.#forgetAhead(offset);
    this.#fetchedTo = offset;
    this.#dedupe?.forgetFrom(offset);
    if (this.#runner.buffered === 0) this.#moveMark();
  }

  /** What is known of jobs that the log has no more would be taken for what others are that come there. */
  #forgetAhead(offset: number): void {
    this.#finishedAhead.clear();
    this.steps.forgetFrom(offset);
    this.#failures.begin([]);
  }

  slotFree(): void {
    this.pump();
  }

  /** The user lets nothing of the queue start: others must not wait until a job of it has run alone. */
  held(): void {
    this.#forgetSlots();
  }

  /** It waits for no slot, and has none that nothing runs in. */
  #forgetSlots(): void {
    this.#context.slots.forget(this);
    if (this.#attempts.running.size === 0) this.#context.slots.giveBack(this);
  }

  /** Starts what may start now; whatever keeps something from starting calls this again once it is over. */
  pump(): void {
    if (this.#state === "running" || this.#state === "finishing") this.#pumping.run();
  }

  #mayStart(): boolean {
    if (this.#state === "finishing") return true;
    return this.#state === "running" && !this.#context.isQuiet && !this.#context.flow.isHeld(this.topic);
  }

  /** Something that was under way is over. */
  settled(): void {
    this.pump();
    this.#context.flow.drained(this);
  }

  /** For a job that ran while nothing else did. */
  ranAlone(): void {
    this.#notes.clear(() => {
      this.#context.slots.giveBack(this);
      this.pump();
    });
  }

  /** The job is finished, and no commit that is made from now on may say otherwise. */
  moved(offset: number): void {
    this.#finishedAhead.add(offset);
    this.#context.committer.touch(this);
  }

  #moveMark(): void {
    const mark = this.#runner.standsAt(this.#fetchedTo);
    if (mark === this.#mark) return;
    this.#mark = mark;
    this.#failures.forgetBelow(mark);
    this.steps.forgetBelow(mark);
    for (const offset of this.#finishedAhead) if (offset < mark) this.#finishedAhead.delete(offset);
    this.#context.committer.touch(this);
  }

  /** As `app.skip`: a `NotBlockedError` says why it may not be. */
  async skip(offset: number, topic: string | undefined): Promise<void> {
    await this.#runner.skip(offset, topic);
    // It may have been about to run alone, for which all others wait.
    this.#forgetSlots();
    this.pump();
  }

  /** Says of a job that it blocks the partition, if it is time for that. */
  tellBlocked(): void {
    this.#failures.tellBlocked();
  }

  /** For `job.transaction`. */
  handOver<T>(attempt: Attempt, work: TransactionWork<T>): Promise<T> {
    return handOver(this.#context, this, this.#failures.finishing(attempt.offset), attempt, work);
  }

  commitNow(): OffsetToCommit {
    return this.#commit();
  }

  commitAsFinished(offset: number): OffsetToCommit {
    return this.#commit(offset);
  }

  /** `done`: finished as well. */
  #commit(done?: number): OffsetToCommit {
    const { topic, partition } = this;
    const offset = Math.max(this.#mark, this.#runner.standsAt(this.#fetchedTo, done));
    const isLeft = (job: FailingJob): boolean =>
      job.offset >= offset && job.offset !== done && !this.#finishedAhead.has(job.offset);
    const failing = this.#failures.all.filter(isLeft).slice(0, MAX_FAILING);
    const ahead = done === undefined ? [...this.#finishedAhead] : [...this.#finishedAhead, done];
    const finished = ahead.filter((each) => each >= offset);
    const open = this.#notes.isOpen && this.#state !== "draining" && this.#state !== "ended";
    const metadata = encodeCommitMetadata(offset, { topicId: this.#topicId, open, finished, failing });
    return { topic, partition, offset, leaderEpoch: this.#leaderEpoch, metadata };
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

  /** Nothing more is started here: only what runs is kept. */
  #forgetWaiting(): void {
    this.#context.flow.remove(this);
    this.#fetchedTo = this.#runner.forgetWaiting() ?? this.#fetchedTo;
  }

  #cancelWaits(): void {
    this.#runner.cancelWaits();
    this.#parking?.cancelWaits();
    this.#forgetSlots();
  }

  /**
   * Gives the partition up in good order: what runs has its grace to end, and what is finished is committed. Gives the
   * offsets of jobs that did not end in time.
   */
  async release({ grace, reason, finishBatch = false }: ReleaseOptions): Promise<readonly number[]> {
    if (this.#state === "ended") return [];
    const began = this.#state !== "loading";
    const { clock } = this.#context;
    const deadline = clock.monotonic() + grace;
    if (finishBatch && this.#runner.finishBatch !== undefined && this.#mayFinish()) {
      this.#state = "finishing";
      this.#context.flow.remove(this);
      await within(clock, grace, this.#runner.finishBatch(), () => {});
    }
    this.#drain();
    await within(clock, Math.max(0, deadline - clock.monotonic()), this.idle(), () => {});
    // Lost while it was waited for: then nothing of it may be committed.
    if ((this.#state as PartitionState) === "ended") return [];
    const late = this.#attempts.abort(reason);
    this.#failures.takeBack();
    if (began) await this.#context.flush(this, this.steps.save());
    this.#end(reason);
    return late.filter((offset) => offset >= this.#mark && !this.#finishedAhead.has(offset));
  }

  /** A queue whose jobs the user has held starts nothing more. */
  #mayFinish(): boolean {
    return this.#state === "running" && !this.#context.flow.isHeld(this.topic);
  }

  #drain(): void {
    if (this.#state === "ended") return;
    this.#state = "draining";
    this.#cancelWaits();
    this.#forgetWaiting();
  }

  /** Resolves once nothing runs here. */
  idle(): Promise<void> {
    return this.#attempts.idle();
  }

  /** The partition is gone. Nothing is committed. */
  lose(reason: unknown): void {
    this.#end(reason);
  }

  #end(reason: unknown): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#cancelWaits();
    this.#context.committer.remove(this);
    this.#parking?.end();
    this.steps.end();
    this.#forgetWaiting();
    this.#attempts.end(reason);
  }
}

import type { Timer } from "../net/clock.ts";
import { MAX_FAILING, MAX_SPAN } from "./commit-metadata.ts";
import { type JobRunner, type RunnerParts, type Skip, skipWhenIdle } from "./job-runner.ts";
import { type Lane, LaneBatch } from "./lane-batch.ts";
import { placeInLanes } from "./lane-placement.ts";
import type { Outcome } from "./partition-attempts.ts";
import { type ReceivedJob, readJob } from "./received-job.ts";
import { type BufferedRecord, RecordBuffer } from "./record-buffer.ts";
import type { JobEnd, WaitInPlace } from "./sequel.ts";
import type { VirtualPartitions } from "./virtual-partitions.ts";
import { NotBlockedError } from "./worker-errors.ts";

/**
 * Runs the jobs of a partition in lanes (S5): a batch at a time, spread over lanes that run beside each other. An error
 * that no rule is for holds the whole batch until its backoff is over; a wait that a rule asks for holds its lane.
 */
export class LaneRunner implements JobRunner {
  readonly #parts: RunnerParts;
  readonly #settings: VirtualPartitions;
  readonly #buffer = new RecordBuffer();
  #batch: LaneBatch | undefined;
  /** Nothing starts before it fires, at `until` (monotonic ms). */
  #halt: { readonly timer: Timer; readonly until: number } | undefined;
  /** The batch in hand is all that still runs: told once nothing of it can go on without a wait. */
  #whenDone: (() => void) | undefined;
  /** The batch is left as it is. */
  #isLeft = false;

  constructor(parts: RunnerParts, settings: VirtualPartitions) {
    this.#parts = parts;
    this.#settings = settings;
  }

  get buffered(): number {
    return this.#buffer.length + (this.#batch?.left ?? 0);
  }
  get bufferedBytes(): number {
    return this.#buffer.byteLength + (this.#batch?.byteLength ?? 0);
  }
  get waitingSince(): number | undefined {
    return this.#batch?.since ?? this.#buffer.first?.timestamp;
  }
  get isWaiting(): boolean {
    return this.#halt !== undefined || this.#batch?.isWaiting === true;
  }
  get lanes(): { readonly max: number; readonly used: number } {
    const used = this.#batch?.lanes.filter(({ length }) => length > 0).length ?? 0;
    return { max: this.#settings.max, used };
  }

  take(records: readonly BufferedRecord[]): void {
    this.#buffer.push(records);
    if (this.#batch === undefined) this.#parts.moved();
  }

  pump(): void {
    while (this.#startNext());
    this.#tellDone();
  }

  /** Whether something began, so that more may. */
  #startNext(): boolean {
    const { notes, attempts } = this.#parts;
    if (this.#isLeft || notes.isNoting || !this.#parts.mayStart()) return false;
    if (this.#parts.notRunning() === undefined && this.#parts.parking?.startNext()) return true;
    if (this.#halt !== undefined) return false;
    this.#batch ??= this.#nextBatch();
    if (this.#batch === undefined) return false;
    if (this.#batch.suspects.length > 0) return !attempts.isWorking && this.#startSuspect(this.#batch);
    const lane = this.#nextLane(this.#batch);
    return lane !== undefined && this.#startIn(this.#batch, lane);
  }

  #nextBatch(): LaneBatch | undefined {
    const { context, failures, topic, partition, notRunning } = this.#parts;
    const { first } = this.#buffer;
    if (first === undefined || notRunning() !== undefined) return undefined;
    const records = this.#buffer.takeFirst(context.maxBatchJobs, first.offset + MAX_SPAN);
    const jobs = records.map((record) => readJob({ topic, partition }, record));
    const known =
      failures.size === 0
        ? undefined
        : {
            isSuspect: (offset: number) => failures.isSuspect(offset),
            isBegun: (offset: number) => failures.has(offset),
          };
    return new LaneBatch(records, jobs, this.#place(jobs), known);
  }

  #place(jobs: readonly (ReceivedJob | undefined)[]): readonly number[] {
    const { context, topic, partition } = this.#parts;
    try {
      return placeInLanes(jobs, this.#settings, context.app.settings.serializer);
    } catch (error) {
      context.events.emit("error", { error, during: "spreading jobs over lanes", topic, partition });
      return jobs.map(() => 0);
    }
  }

  /** Metadata tells of so many jobs at most: one that has not failed starts only where it could be told of, too (S3.8). */
  #nextLane({ ready }: LaneBatch): Lane | undefined {
    const { failures, attempts } = this.#parts;
    if (failures.size === 0 || this.#room > 0) return ready[0];
    const begun = ready.find(({ first }) => failures.has(first!.record.offset));
    // Where nothing else could ever make room, one goes on.
    return begun ?? (attempts.isWorking || this.isWaiting ? undefined : ready[0]);
  }

  #startIn(batch: LaneBatch, lane: Lane): boolean {
    const { gate, attempts } = this.#parts;
    const { record, received } = lane.first!;
    const admission = gate.admit(record);
    if (admission === "later") return false;
    if (admission === "note") return this.#note(batch, lane);
    batch.begin(lane);
    if (admission === "now") attempts.start(record, received, (outcome) => this.#ended(batch, lane, outcome));
    else if ("end" in admission) this.#settle(batch, lane, admission.end);
    else this.#waitFor(batch, lane, admission.wait);
    return true;
  }

  /** What starts next in each lane is told of together, as far as there is room for it: above all, that of `lane`. */
  #note({ ready }: LaneBatch, lane: Lane): false {
    const { notes, gate } = this.#parts;
    const own = lane.first!.record;
    const others = ready
      .map(({ first }) => first!.record)
      .filter((record) => record !== own && !notes.isNoted(record.offset) && gate.isDue(record));
    notes.note([own, ...others.slice(0, Math.max(0, this.#room - 1))], () => this.#parts.pump());
    return false;
  }

  /** Of so many more jobs metadata could tell, if all that run fail. */
  get #room(): number {
    const { failures, attempts } = this.#parts;
    return MAX_FAILING - failures.size - [...attempts.running].filter(({ offset }) => !failures.has(offset)).length;
  }

  #startSuspect(batch: LaneBatch): boolean {
    const { gate, attempts, notes } = this.#parts;
    const suspect = batch.nextSuspect;
    if (suspect === undefined) return false;
    const { record, received, lane } = suspect;
    const admission = gate.admit(record);
    if (admission === "later") return false;
    if (admission === "note") notes.note([record], () => this.#parts.pump());
    else if (typeof admission === "object" && "wait" in admission) this.#haltFor(admission.wait, record.offset);
    else {
      batch.beginSuspect(suspect);
      if (admission === "now") attempts.start(record, received, (outcome) => this.#ended(batch, lane, outcome));
      else this.#settle(batch, lane, admission.end);
    }
    return false;
  }

  #ended(batch: LaneBatch, lane: Lane, outcome: Outcome): void {
    if (outcome === "finished") return this.#finished(batch, lane);
    // The partition is being given up: its lane goes no further.
    if (outcome === "aborted") return;
    if ("end" in outcome) return this.#settle(batch, lane, outcome.end);
    const { offset } = lane.first!.record;
    const wait = (): void => this.#wait(batch, lane, outcome);
    if (outcome.first === undefined) wait();
    else this.#parts.attempts.settle(offset, outcome.first, wait);
  }

  #wait(batch: LaneBatch, lane: Lane, outcome: WaitInPlace): void {
    const { offset } = lane.first!.record;
    if (this.#parts.notRunning() !== undefined) {
      // It is not waited for, nor are those behind it run.
      if (outcome.isError) this.#isLeft = true;
      return;
    }
    if (!outcome.isError) return this.#waitFor(batch, lane, outcome.wait);
    batch.goOn(lane);
    this.#haltFor(outcome.wait, offset);
  }

  #settle(batch: LaneBatch, lane: Lane, end: JobEnd): void {
    this.#parts.attempts.settle(lane.first!.record.offset, end, (how) => {
      if (how === true) this.#finished(batch, lane);
      else if (how === false) batch.goOn(lane);
      else this.#wait(batch, lane, how);
    });
  }

  #finished(batch: LaneBatch, lane: Lane): void {
    const { offset } = lane.first!.record;
    this.#parts.failures.finished(offset);
    this.#parts.finishedAhead(offset);
    batch.finished(lane);
    if (batch.left > 0) return;
    this.#batch = undefined;
    this.#parts.moved();
  }

  /** The lane's first job waits for its time, and so do those behind it. */
  #waitFor(batch: LaneBatch, lane: Lane, ms: number): void {
    const { context, gate, pump } = this.#parts;
    lane.wait = context.clock.timer(ms, () => {
      lane.wait = undefined;
      gate.waited(lane.first!.record.offset);
      batch.goOn(lane);
      pump();
    });
  }

  /** Nothing starts for so many ms, at the end of which the job at `offset` has waited. */
  #haltFor(ms: number, offset: number): void {
    const { context, gate, pump } = this.#parts;
    const until = context.clock.monotonic() + ms;
    if (this.#halt !== undefined && this.#halt.until >= until) return;
    this.#endHalt();
    const timer = context.clock.timer(ms, () => {
      this.#halt = undefined;
      gate.waited(offset);
      pump();
    });
    this.#halt = { timer, until };
  }

  #endHalt(): void {
    this.#halt?.timer.cancel();
    this.#halt = undefined;
  }

  standsAt(fetchedTo: number): number {
    return this.#batch?.start ?? this.#buffer.first?.offset ?? fetchedTo;
  }

  finishBatch(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenDone = resolve;
      this.#parts.pump();
    });
  }

  #tellDone(): void {
    if (this.#whenDone === undefined) return;
    const canGoOn = !this.#isLeft && this.#halt === undefined && this.#batch !== undefined;
    const { nextSuspect, ready = [] } = this.#batch ?? {};
    const isWorking = this.#parts.attempts.isWorking || this.#parts.notes.isNoting;
    if (canGoOn && (isWorking || nextSuspect !== undefined || ready.length > 0)) return;
    this.#whenDone();
    this.#whenDone = undefined;
  }

  forgetWaiting(): number | undefined {
    const first = this.#buffer.truncate(0);
    this.#batch?.drop();
    this.#isLeft = true;
    this.#tellDone();
    return first?.offset;
  }

  cancelWaits(): void {
    this.#endHalt();
    for (const lane of this.#batch?.lanes ?? []) lane.cancelWait();
  }

  skip(offset: number, topic: string | undefined): Promise<void> {
    return skipWhenIdle(this.#parts, offset, topic, (place, skip) => this.#beginSkip(offset, place, skip));
  }

  #beginSkip(offset: number, place: string, skip: Skip): void {
    const { failures } = this.#parts;
    const batch = this.#batch;
    const suspect = batch?.suspects.find((job) => job.record.offset === offset && !job.lane.isBusy);
    const lane = suspect?.lane ?? batch?.lanes.find(({ first }) => first?.record.offset === offset);
    if (batch === undefined || lane === undefined || failures.countsOf(offset, undefined).attempt === 0)
      throw new NotBlockedError(place, "it has not failed, or is not the first job of its lane");
    lane.cancelWait();
    if (suspect === undefined) batch.begin(lane);
    else batch.beginSuspect(suspect);
    this.#endHalt();
    this.#settle(batch, lane, skip(lane.first!.record));
  }
}

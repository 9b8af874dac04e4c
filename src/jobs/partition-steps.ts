import type { ProducerRecord } from "../client/producer-record.ts";
import type { Attempt } from "./attempt.ts";
import { JobError } from "./errors.ts";
import { type FinishingMove, finishing, type Move, type MoveSource } from "./moves.ts";
import { isTooLarge } from "./named-error.ts";
import { jobInfo } from "./perform.ts";
import { NO_PROGRESS, type Progress } from "./progress.ts";
import {
  carriedProgress,
  carriedResumptions,
  type ProgressEntry,
  progressKey,
  progressRecord,
} from "./progress-record.ts";
import type { ReceivedJob } from "./received-job.ts";
import { holdsPlace } from "./resume-options.ts";
import type { JobEnd, WaitInPlace } from "./sequel.ts";
import type { StateReader } from "./state-reader.ts";
import { tombstone } from "./state-topic.ts";
import { type InterruptReason, StepRun } from "./step-run.ts";
import type { WorkerContext } from "./worker-context.ts";

/** What is known of a job that has made progress, and has not ended. */
interface KeptProgress {
  readonly offset: number;
  progress: Progress;
  /** Whether it resumes in place: its progress is kept in the group's state topic. */
  readonly isHeld: boolean;
  /** The state topic has, or may have, a record of it. */
  isSaved: boolean;
  /** It has got further than that says. */
  isDirty: boolean;
}

/** What else is known of the partition. */
export interface StepsHost {
  /** Whether it is being given up. */
  isLeaving(): boolean;
  /** How often the job has failed. */
  attemptsOf(job: ReceivedJob): number;
  /** Whether the job is parked, and so not finished though the partition stands beyond it. */
  isParked(offset: number): boolean;
}

/**
 * How far the jobs of one partition have got that have steps (S7.7-9). Of those that resume in place it is kept in the
 * group's state topic, in transactions with what the partition commits, so that an old owner writes nothing, and its end is
 * one with the job's.
 */
export class PartitionSteps {
  readonly #context: WorkerContext;
  /** What commits for the partition. */
  readonly source: MoveSource;
  readonly #host: StepsHost;
  readonly #jobs = new Map<number, KeptProgress>();
  /** No job below it is known of, but for parked ones. */
  #lowest = Number.POSITIVE_INFINITY;
  #topicId = "";
  #isOver = false;

  constructor(context: WorkerContext, source: MoveSource, host: StepsHost) {
    this.#context = context;
    this.source = source;
    this.#host = host;
  }

  /** Whether what goes on later does so elsewhere. */
  get isLeaving(): boolean {
    return this.#context.isQuiet || this.#host.isLeaving();
  }

  /** Jobs that are known of. */
  get size(): number {
    return this.#jobs.size;
  }

  /**
   * What was loaded. Of a topic that is gone, or of jobs that are finished, by `isLeft`, nothing may stay. Gives an error
   * where the partition cannot be begun with it.
   */
  begin(entries: readonly ProgressEntry[], topicId: string, isLeft: (offset: number) => boolean): Error | undefined {
    this.#topicId = topicId;
    const gone: number[] = [];
    for (const { offset, topicId: own, progress } of entries) {
      if (own !== topicId || !isLeft(offset)) gone.push(offset);
      else if (progress === undefined) return unreadable(offset);
      else this.#add({ offset, progress, isHeld: true, isSaved: true, isDirty: false });
    }
    this.#erase(gone);
    return undefined;
  }

  /** The steps of a new run. Throws where its job's progress cannot be read. */
  run(attempt: Attempt): StepRun {
    const { offset } = attempt;
    const job = attempt.received!;
    const known = this.#jobs.get(offset);
    const progress = known?.progress ?? carriedProgress(job);
    const isHeld = known?.isHeld ?? this.isHeld(job);
    if (progress !== NO_PROGRESS) this.#tellResumed(job, progress);
    const steps = this;
    const host = {
      ...{ job: job.name, progress, isStraight: false },
      get interruption(): InterruptReason | undefined {
        return steps.#interruption(attempt);
      },
      prepare: () => (isHeld ? this.#context.state.prepare() : undefined),
      progressed: (now: Progress) => {
        if (!attempt.isHandingOver) this.#progressed(offset, isHeld, now);
      },
    };
    return new StepRun(host, this.#context.clock);
  }

  #tellResumed(job: ReceivedJob, { resumptions, steps, step }: Progress): void {
    const { events } = this.#context;
    if (!events.has("resumed")) return;
    const info = jobInfo(job, this.#host.attemptsOf(job) + 1);
    events.emit("resumed", { job: info, resumptions, steps: [...steps], step: step?.name });
  }

  #interruption(attempt: Attempt): InterruptReason | undefined {
    if (attempt.isHandingOver) return undefined;
    if (this.#isOver || attempt.isAborted) return this.#context.isQuiet ? "stopping" : "revoked";
    if (this.#context.isQuiet) return "stopping";
    return this.#host.isLeaving() ? "revoked" : undefined;
  }

  /** Whether the job resumes in place. */
  isHeld(job: ReceivedJob): boolean {
    const resume = this.#context.app.registry.find(job.name)?.resume;
    return resume !== undefined && holdsPlace(resume, job.key !== undefined);
  }

  #progressed(offset: number, isHeld: boolean, progress: Progress): void {
    if (this.#isOver) return;
    const known = this.#jobs.get(offset);
    if (known === undefined) this.#add({ offset, progress, isHeld, isSaved: false, isDirty: isHeld });
    else {
      known.progress = progress;
      known.isDirty = isHeld;
    }
    if (isHeld) this.#context.saver.touch(this);
  }

  #add(job: KeptProgress): void {
    this.#jobs.set(job.offset, job);
    this.#lowest = Math.min(this.#lowest, job.offset);
  }

  progressOf(offset: number): Progress | undefined {
    return this.#jobs.get(offset)?.progress;
  }

  /** The job goes on from there later. Gives whether it does so in its place. */
  kept(offset: number, job: ReceivedJob, progress: Progress): boolean {
    const isHeld = this.#jobs.get(offset)?.isHeld ?? this.isHeld(job);
    this.#progressed(offset, isHeld, progress);
    return isHeld;
  }

  resumptionsOf({ offset, received }: Attempt): number {
    const carried = received === undefined ? 0 : carriedResumptions(received);
    return this.#jobs.get(offset)?.progress.resumptions ?? carried;
  }

  /** Milliseconds until the job may go on. */
  waitOf(offset: number): number {
    const resumeAt = this.#jobs.size === 0 ? 0 : (this.#jobs.get(offset)?.progress.resumeAt ?? 0);
    return resumeAt === 0 ? 0 : resumeAt - this.#context.clock.now();
  }

  /** It has waited long enough, whatever wall clocks say. */
  waited(offset: number): void {
    const known = this.#jobs.get(offset);
    if (known !== undefined) known.progress = { ...known.progress, resumeAt: 0 };
  }

  /** Whether the job's end has to take a record along. */
  isSaved(offset: number): boolean {
    return this.#jobs.size > 0 && this.#jobs.get(offset)?.isSaved === true;
  }

  /** A job's end, with that of its progress. */
  finishing(offset: number, own: FinishingMove): FinishingMove {
    const { move } = own;
    const records = (): readonly ProducerRecord[] => {
      const all = own.records();
      return this.isSaved(offset) ? [...all, this.#tombstone(offset)] : all;
    };
    const moved = (): void => {
      move.moved();
      this.#jobs.delete(offset);
    };
    const commit = (): ReturnType<Move["commit"]> => move.commit();
    return { records, move: { commit, moved, wasMade: (committed) => move.wasMade(committed) } };
  }

  /** Does what ends a job, and then ends its progress where that has not. Whether the job is finished. */
  async endWith(offset: number, work: JobEnd): Promise<boolean | WaitInPlace> {
    const how = await work();
    if (how !== true) return how;
    if (!this.isSaved(offset) || this.#host.isParked(offset)) return true;
    const plain = { move: finishing(this.source, offset), records: () => [] };
    const { move, records } = this.finishing(offset, plain);
    return this.#context.moves.move(this.source, move, records);
  }

  /** The job is finished where it was, if it is not parked. */
  forget(offset: number): void {
    if (this.#jobs.has(offset) && !this.#host.isParked(offset)) this.#forget((each) => each === offset);
  }

  /** All below is finished, or not there any more. */
  forgetBelow(offset: number): void {
    // Parked jobs may be many, and stay below.
    if (offset <= this.#lowest) return;
    this.#forget((each) => each < offset && !this.#host.isParked(each));
    const left = [...this.#jobs.keys()].filter((each) => !this.#host.isParked(each));
    this.#lowest = Math.min(Number.POSITIVE_INFINITY, ...left);
  }

  /** Other jobs may come in these places. */
  forgetFrom(offset: number): void {
    if (this.#jobs.size > 0) this.#forget((each) => each >= offset);
  }

  #forget(isGone: (offset: number) => boolean): void {
    const gone = [...this.#jobs.values()].filter(({ offset }) => isGone(offset));
    for (const { offset } of gone) this.#jobs.delete(offset);
    this.#erase(gone.filter(({ isSaved }) => isSaved).map(({ offset }) => offset));
  }

  #erase(offsets: readonly number[]): void {
    if (offsets.length === 0) return;
    const records = offsets.map((offset) => this.#tombstone(offset));
    void this.#context.moves.move(this.source, this.#stateMove, () => records);
  }

  #tombstone(offset: number): ProducerRecord {
    const { topic, partition } = this.source;
    return tombstone(progressKey({ topic, partition, offset }), this.#state.placeOf(this.source));
  }

  get #state(): StateReader {
    return this.#context.state.reader!;
  }

  /** A move that leaves the partition's offsets as they are. Where nobody says how it ended it is made again. */
  get #stateMove(): Move {
    return { commit: () => this.source.commitNow(), moved: () => {}, wasMade: () => false };
  }

  /** Whether some job has got further than is saved. */
  get isDirty(): boolean {
    for (const { isDirty } of this.#jobs.values()) if (isDirty) return true;
    return false;
  }

  /** A move that saves what is not saved; asked for in the turn of the partition's chain. */
  get saving(): FinishingMove & { failed(): void } {
    let taken: readonly KeptProgress[] = [];
    const records = (): readonly ProducerRecord[] => {
      const again = taken;
      taken = this.#isOver ? [] : [...this.#jobs.values()].filter((each) => each.isDirty || again.includes(each));
      return taken.map((each) => {
        // Where it fails nobody knows whether there is a record.
        each.isSaved = true;
        each.isDirty = false;
        const { offset, progress } = each;
        const { topic, partition } = this.source;
        return progressRecord({ topic, partition, offset }, this.#state.placeOf(this.source), this.#topicId, progress);
      });
    };
    const failed = (): void => {
      for (const each of taken) each.isDirty = true;
    };
    return { move: this.#stateMove, records, failed };
  }

  /**
   * Saves what is not saved, in the partition's own transaction. Resolves once it is, or the partition was given up, or it
   * can never be: then it is told of, and the jobs go on all the same.
   */
  async save(): Promise<void> {
    if (!this.isDirty) return;
    const { move, records, failed } = this.saving;
    try {
      await this.#context.moves.move(this.source, move, records, { isFinal: isTooLarge });
    } catch (error) {
      failed();
      const { topic, partition } = this.source;
      this.#context.events.emit("error", { error, during: "saving how far jobs have got", topic, partition });
    }
  }

  /** The partition is given up. */
  end(): void {
    this.#isOver = true;
    this.#jobs.clear();
    this.#context.saver.remove(this);
  }
}

/** To begin the job anew would do again what is done. */
function unreadable(offset: number): JobError {
  const problem = `the progress of the job at offset ${offset} cannot be read here: deploy the version that wrote it`;
  return new JobError("PROGRESS_UNREADABLE", problem);
}

import type { KafkaError } from "../client/errors.ts";
import type { ProducerRecord } from "../client/producer-record.ts";
import { afterDiscard } from "./after-discard.ts";
import { backoffWait } from "./backoff.ts";
import { BlockedNotices } from "./blocked-notices.ts";
import type { FailingJob } from "./commit-metadata.ts";
import { UnreadableRecordError } from "./errors.ts";
import type { JobInfo } from "./events.ts";
import { carriedFailures, FailureBook } from "./failure-book.ts";
import { Discard, RetryLater } from "./job-controls.ts";
import { deadLetter } from "./moved-record.ts";
import { type FinishingMove, finishing, type MoveSource } from "./moves.ts";
import { isTooLarge, namedError } from "./named-error.ts";
import type { PartitionSteps } from "./partition-steps.ts";
import { jobInfo } from "./perform.ts";
import { type ReceivedJob, readJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import { placeText, type RecordPlace } from "./record-place.ts";
import { reenqueued } from "./reenqueued-job.ts";
import type { FailedAttempt, JobEnd, Sequel, WaitInPlace } from "./sequel.ts";
import {
  BLOCKED_FROM,
  type FailureContext,
  type FailureCounts,
  isOfAnotherDeploy,
  judgeFailure,
  unruled,
  type Verdict,
} from "./verdict.ts";
import type { WorkerContext } from "./worker-context.ts";
import { JobSkippedError, ProcessDiedError } from "./worker-errors.ts";

/** Where the jobs of a queue go that parks what has failed for good (S4.6). */
export interface ParkingPlace {
  /** Whether the job is parked: it was released, and runs from there. */
  has(offset: number): boolean;
  /** Parks the job, once more where it was. False: the partition was given up before. Throws where it is too large for that. */
  park(failure: FailedAttempt): Promise<boolean>;
  /** How a job that is parked is finished; undefined: it is not parked. */
  finishing(offset: number): FinishingMove | undefined;
}

/** Decides what becomes of the jobs of one partition that fail (S4), and keeps what the next owner has to know of them. */
export class PartitionFailures {
  readonly #context: WorkerContext;
  readonly #source: MoveSource;
  readonly #steps: PartitionSteps;
  /** Where the queue parks jobs. */
  parking: ParkingPlace | undefined;
  #book = new FailureBook();
  /** Jobs that this process cannot run yet, by offset: since when (monotonic ms), and how often that was found. */
  readonly #unknown = new Map<number, { readonly since: number; waits: number }>();
  readonly #blocked: BlockedNotices;
  /** The suspect that runs alone, and its failures before. */
  #alone: { readonly offset: number; readonly before: FailureCounts } | undefined;

  constructor(context: WorkerContext, source: MoveSource, steps: PartitionSteps) {
    this.#context = context;
    this.#source = source;
    this.#steps = steps;
    this.#blocked = new BlockedNotices(context.clock, context.events);
  }

  begin(failing: readonly FailingJob[]): void {
    this.#book = new FailureBook(failing);
  }

  /** For commit metadata. */
  get all(): readonly FailingJob[] {
    return this.#book.all;
  }

  /** How often the job has failed: here, under earlier owners, and before it was re-enqueued. */
  countsOf(offset: number, job: ReceivedJob | undefined): FailureCounts {
    // What stands in the note is for the case that this process dies.
    if (this.#alone?.offset === offset) return this.#alone.before;
    return this.#book.get(offset) ?? carriedFailures(job);
  }

  /** Milliseconds until the job may be tried again. */
  waitOf(offset: number): number {
    const failing = this.#book.get(offset);
    return failing === undefined ? 0 : failing.nextRetryAt - this.#context.clock.now();
  }

  waited(offset: number): void {
    this.#book.waited(offset);
  }

  /** Jobs that have failed, or are noted as suspects. */
  get size(): number {
    return this.#book.size;
  }

  /** Whether commit metadata tells of the job. */
  has(offset: number): boolean {
    return this.#book.get(offset) !== undefined;
  }

  /** Whether the job was running when its process died. */
  isSuspect(offset: number): boolean {
    return this.#book.get(offset)?.suspect === true;
  }

  /** One that was running when a process died, and has been told to be tried again, runs while nothing else does. */
  runsAlone(offset: number): boolean {
    return this.#alone?.offset === offset;
  }

  finished(offset: number): void {
    this.#book.forget(offset);
    this.#unknown.delete(offset);
    this.#blocked.forget(offset);
    if (this.#alone?.offset === offset) this.#alone = undefined;
    this.#steps.forget(offset);
  }

  /** The job goes on in `wait` ms from where it has got to: with the failures that it had, and suspect no more. */
  resumes({ record: { offset }, job }: FailedAttempt, wait = 0): FailureCounts {
    const counts = this.countsOf(offset, job);
    if (this.#alone?.offset === offset) this.#alone = undefined;
    this.#blocked.forget(offset);
    if (this.parking?.has(offset) === true) return counts;
    if (wait === 0 && counts.attempt === 0) this.#book.forget(offset);
    else this.#book.set(offset, counts, wait === 0 ? 0 : Math.ceil(this.#context.clock.now() + wait));
    return counts;
  }

  forgetBelow(offset: number): void {
    if (this.#book.size + this.#unknown.size + this.#blocked.size === 0) return;
    this.#book.forgetBelow(offset);
    // One that is parked runs from there, wherever the partition stands.
    const isOver = (each: number): boolean => each < offset && this.parking?.has(each) !== true;
    for (const each of this.#unknown.keys()) if (isOver(each)) this.#unknown.delete(each);
    this.#blocked.forgetThose(isOver);
  }

  /** What ends a job that was running, alone, when its process died, and now once too often. */
  endOfKiller(record: BufferedRecord): JobEnd | undefined {
    const job = readJob(this.#source, record);
    const before = this.countsOf(record.offset, job);
    const { maxRetries, deadLetterTopic } = this.#context.queueOf(this.#source.topic);
    if (before.attempt === 0 || unruled(before) <= maxRetries) return undefined;
    const error = new ProcessDiedError(before.attempt);
    const failure = { record, job, number: before.attempt, error, duration: 0 };
    const { parking } = this;
    if (parking !== undefined) return () => this.#orWait(failure, before, () => parking.park(failure));
    return deadLetterTopic === undefined
      ? undefined
      : () => this.#orWait(failure, before, () => this.#bury(failure, deadLetterTopic));
  }

  /**
   * Notes that the job may be what kills the process: to be committed before it starts (S4.8). One that was noted when a
   * process died runs alone then, which shows whether it was the one: only deaths while it ran alone count as its
   * failures.
   */
  suspect(record: BufferedRecord): void {
    const { clock } = this.#context;
    const { offset } = record;
    const before = this.countsOf(offset, readJob(this.#source, record));
    if (!this.isSuspect(offset)) return this.#book.set(offset, before, 0, true);
    this.#alone = { offset, before };
    const counts = { ...before, attempt: before.attempt + 1 };
    const { backoff } = this.#context.queueOf(this.#source.topic);
    // Whoever finds it next waits: it must not kill one process after the other without a pause.
    const nextRetryAt = clock.now() + backoffWait(backoff, unruled(counts), clock.random());
    this.#book.set(offset, counts, Math.ceil(nextRetryAt), true);
  }

  /** The partition is let go by a process that lives: what stands in the note for the case that it dies is void. */
  takeBack(): void {
    if (this.#alone !== undefined) this.#book.set(this.#alone.offset, this.#alone.before, 0, true);
    this.#alone = undefined;
  }

  failed(failure: FailedAttempt): Sequel {
    const { record, job, error } = failure;
    const verdict = this.#judge(failure);
    if (this.#alone?.offset === record.offset) this.#alone = undefined;
    if (verdict.outcome === "discard") return { end: () => this.discard(failure) };
    const { whenExhausted, deadLetterTopic } = this.#context.queueOf(this.#source.topic);
    if (!(error instanceof RetryLater)) this.tellFailure(failure);
    if (verdict.outcome === "exhausted") {
      const isHopeless = error instanceof UnreadableRecordError;
      if (deadLetterTopic !== undefined && (isHopeless || whenExhausted === "skip"))
        return { end: () => this.#orWait(failure, verdict.counts, () => this.#bury(failure, deadLetterTopic)) };
      const { parking } = this;
      if (parking !== undefined && !isHopeless)
        return { end: () => this.#orWait(failure, verdict.counts, () => parking.park(failure)) };
    }
    const wait = verdict.outcome === "retry" ? verdict.wait : this.#backoff(verdict.counts.attempt);
    // What has no order to keep makes room for the others (S4.2).
    if (verdict.outcome === "retry" && verdict.why === "rule" && job !== undefined && job.key === undefined) {
      const progress = this.#steps.progressOf(record.offset);
      const again = reenqueued(this.#context.app, record, job, { wait, counts: verdict.counts, progress });
      if (again !== undefined) {
        const requeue = (): Promise<boolean> => this.#requeue(failure, again, wait);
        return { end: () => this.#orWait(failure, verdict.counts, requeue, wait) };
      }
    }
    const isBlocked =
      verdict.outcome === "exhausted" || (verdict.why !== "rule" && unruled(verdict.counts) >= BLOCKED_FROM);
    if (isBlocked && whenExhausted === "block") this.#blocked.add(this.#info(failure), error);
    const isError = verdict.outcome === "exhausted" || verdict.why === "error";
    return this.#waits(failure, verdict.counts, wait, isError);
  }

  /** The job is tried again in its place, in `wait` ms. */
  #waits(failure: FailedAttempt, counts: FailureCounts, wait: number, isError: boolean): WaitInPlace {
    const { offset } = failure.record;
    const { clock, committer, events } = this.#context;
    // Of a parked job its record tells, and not the partition's commit.
    if (this.parking?.has(offset) !== true) {
      const isStillSuspect = failure.error instanceof ProcessDiedError;
      this.#book.set(offset, counts, Math.ceil(clock.now() + wait), isStillSuspect);
      committer.touch(this.#source, true);
    }
    events.emit("retried", { job: this.#info(failure), wait });
    return { wait, isError, counts };
  }

  /**
   * Ends the job by a move. One that is too large for where it should go waits in its place: for the `ruled` ms that a rule
   * asks for, or else it blocks its partition (S4.4).
   */
  async #orWait(
    failure: FailedAttempt,
    counts: FailureCounts,
    end: () => Promise<boolean>,
    ruled?: number,
  ): Promise<boolean | WaitInPlace> {
    try {
      return await end();
    } catch (error) {
      const named = this.tellTooLarge(failure.job, error, "moving a job");
      if (ruled !== undefined) return this.#waits(failure, counts, ruled, false);
      this.#blocked.add(this.#info(failure), named);
      return this.#waits(failure, counts, this.#backoff(counts.attempt), true);
    }
  }

  /** Tells of a job that is too large for where it was to go; gives the error that says so. Throws what is another one. */
  tellTooLarge(job: ReceivedJob | undefined, error: unknown, during: string): unknown {
    if (!isTooLarge(error)) throw error;
    const { topic, partition } = this.#source;
    const named = namedError(error, job?.name ?? "", error.topic ?? topic);
    this.#context.events.emit("error", { error: named, during, topic, partition });
    return named;
  }

  #judge(failure: FailedAttempt): Verdict {
    const { events } = this.#context;
    const context = this.#failureContext(failure);
    try {
      return judgeFailure(failure.error, context);
    } catch (error) {
      const { topic, partition } = this.#source;
      events.emit("error", { error, during: `a retry rule of job "${failure.job?.name}"`, topic, partition });
      return judgeFailure(failure.error, { ...context, rules: [] });
    } finally {
      const unknown = this.#unknown.get(failure.record.offset);
      if (unknown !== undefined) unknown.waits++;
    }
  }

  #failureContext({ record: { offset }, job, error }: FailedAttempt): FailureContext {
    const { clock, app, unknownJobGrace } = this.#context;
    const { maxRetries, backoff } = this.#context.queueOf(this.#source.topic);
    const now = clock.monotonic();
    if (isOfAnotherDeploy(error) && !this.#unknown.has(offset)) this.#unknown.set(offset, { since: now, waits: 0 });
    const unknown = this.#unknown.get(offset);
    const rules = job === undefined ? [] : (app.registry.find(job.name)?.rules ?? []);
    return {
      ...{ rules, before: this.countsOf(offset, job), maxRetries, backoff },
      ...{ unknownFor: now - (unknown?.since ?? now), unknownWaits: unknown?.waits ?? 0 },
      ...{ unknownGrace: unknownJobGrace, random: clock.random() },
    };
  }

  #backoff(failures: number): number {
    const { backoff } = this.#context.queueOf(this.#source.topic);
    return backoffWait(backoff, failures, this.#context.clock.random());
  }

  /** Ends the job without success. */
  async discard(failure: FailedAttempt): Promise<boolean> {
    const { record, job, number, error } = failure;
    const { app, events } = this.#context;
    const info = this.#info(failure);
    if (job !== undefined) await afterDiscard(app, app.registry.find(job.name), job, number, error);
    if (!events.has("discarded")) {
      const reason = error instanceof Error ? error.message : String(error);
      app.settings.logger.info("a job was discarded", { job: info.name, id: info.id, offset: record.offset, reason });
    }
    events.emit("discarded", { job: info, error });
    return true;
  }

  /** Into the dead letter topic. Throws where that takes no record as large. */
  async #bury(failure: FailedAttempt, topic: string): Promise<boolean> {
    const { record, job, number, error } = failure;
    const { app, events, moves } = this.#context;
    const source = this.#source;
    const letter = deadLetter(record, placeOf(source, record), topic, error);
    const { move, records } = this.finishing(record.offset);
    // What is parked holds up its key alone: it is moved again and again.
    const isFinal = (failure: KafkaError): boolean => isTooLarge(failure) && this.parking?.has(record.offset) !== true;
    if (!(await moves.move(source, move, () => [letter, ...records()], { isFinal }))) return false;
    const info = this.#info(failure);
    const to = { topic, partition: source.partition };
    if (!events.has("dead"))
      app.settings.logger.error("a job is dead", {
        job: info.name,
        id: info.id,
        topic,
        partition: to.partition,
        error,
      });
    events.emit("dead", { job: info, error, to });
    if (job !== undefined) await afterDiscard(app, app.registry.find(job.name), job, number, error);
    return true;
  }

  async #requeue(failure: FailedAttempt, again: ProducerRecord, wait: number): Promise<boolean> {
    const { record } = failure;
    const { events, moves } = this.#context;
    const { move, records } = this.finishing(record.offset);
    if (!(await moves.move(this.#source, move, () => [again, ...records()], { isFinal: isTooLarge }))) return false;
    events.emit("retried", { job: this.#info(failure), wait });
    return true;
  }

  /** How the job is finished where it is: in the queue, or parked. */
  finishing(offset: number): FinishingMove {
    const own = this.parking?.finishing(offset) ?? { move: finishing(this.#source, offset), records: () => [] };
    return this.#steps.finishing(offset, own);
  }

  /** Lets a job go that blocks its partition. Rejects where it is too large for `topic`. */
  skip(record: BufferedRecord, topic: string | undefined): () => Promise<boolean> {
    const job = readJob(this.#source, record);
    const number = this.countsOf(record.offset, job).attempt;
    const error = this.#blocked.errorOf(record.offset) ?? new JobSkippedError();
    if (topic !== undefined) {
      return () =>
        this.#bury({ record, job, number, error, duration: 0 }, topic).catch((refusal: unknown) => {
          throw namedError(refusal, job?.name ?? "", topic);
        });
    }
    return () =>
      this.discard({ record, job, number, error: new Discard("it was skipped", { cause: error }), duration: 0 });
  }

  #info({ record, job, number }: FailedAttempt): JobInfo {
    return infoOf(this.#source, record, job, number);
  }

  tellFailure(failure: FailedAttempt): void {
    const { job, error, duration } = failure;
    const { events, app } = this.#context;
    const { topic, partition } = this.#source;
    if (job === undefined) {
      const during = `reading the record at offset ${failure.record.offset}`;
      return events.emit("error", { error, during, topic, partition });
    }
    const info = this.#info(failure);
    if (!events.has("failed")) {
      const { name, id, attempt } = info;
      app.settings.logger.warn("a job failed", { job: name, id, attempt, error });
    }
    events.emit("failed", { job: info, error, duration });
  }

  /** Says of each job that blocks its partition that it does, if it is time for that. */
  tellBlocked(): void {
    this.#blocked.tell();
  }
}

function placeOf({ topic, partition }: MoveSource, { offset }: BufferedRecord): RecordPlace {
  return { topic, partition, offset };
}

/** What events tell of a record, whether or not it names a job. */
export function infoOf(
  { topic, partition }: MoveSource,
  { offset }: BufferedRecord,
  job: ReceivedJob | undefined,
  attempt: number,
): JobInfo {
  if (job !== undefined) return jobInfo(job, attempt);
  const id = placeText({ topic, partition, offset });
  return { id, name: "", queue: topic, key: undefined, topic, partition, offset, attempt };
}

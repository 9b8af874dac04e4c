import { afterDiscard } from "./after-discard.ts";
import { backoffWait } from "./backoff.ts";
import type { FailingJob } from "./commit-metadata.ts";
import { UnreadableRecordError } from "./errors.ts";
import type { JobInfo } from "./events.ts";
import { carriedFailures, FailureBook } from "./failure-book.ts";
import { Discard, RetryLater } from "./job-controls.ts";
import { deadLetter, requeued } from "./moved-record.ts";
import type { MoveSource } from "./moves.ts";
import { jobInfo } from "./perform.ts";
import { type ReceivedJob, readJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import { placeText, type RecordPlace } from "./record-place.ts";
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

/** An attempt that has ended with an error. */
export interface FailedAttempt {
  readonly record: BufferedRecord;
  /** Undefined where the record names none. */
  readonly job: ReceivedJob | undefined;
  /** From 1. */
  readonly number: number;
  readonly error: unknown;
  /** Milliseconds. */
  readonly duration: number;
}

/** What comes after a failure: a wait in place (ms), or work after which the job is finished, unless it gives false. */
export type Sequel = { readonly wait: number } | { readonly end: () => Promise<boolean> };

/** How often (ms) that is said. */
const BLOCKED_EVERY = 60_000;

interface BlockedJob {
  readonly offset: number;
  readonly since: number;
  job: JobInfo;
  error: unknown;
  toldAt: number;
}

/** Decides what becomes of the jobs of one partition that fail (S4), and keeps what the next owner has to know of them. */
export class PartitionFailures {
  readonly #context: WorkerContext;
  readonly #source: MoveSource;
  #book = new FailureBook();
  /** A job that this process cannot run yet: since when (monotonic ms), and how often that was found. */
  #unknown: { readonly offset: number; readonly since: number; waits: number } | undefined;
  #blocked: BlockedJob | undefined;
  /** The suspect that runs alone, and its failures before. */
  #alone: { readonly offset: number; readonly before: FailureCounts } | undefined;

  constructor(context: WorkerContext, source: MoveSource) {
    this.#context = context;
    this.#source = source;
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
    this.#unknown = undefined;
    this.#blocked = undefined;
    this.#alone = undefined;
  }

  forgetBelow(offset: number): void {
    this.#book.forgetBelow(offset);
  }

  /**
   * Notes that the job may be what kills the process: to be committed before it starts (S4.8). One that was noted when a
   * process died runs alone then, which shows whether it was the one: only deaths while it ran alone count as its
   * failures. Where those were once too many, what this gives ends the job instead.
   */
  suspect(record: BufferedRecord): (() => Promise<boolean>) | undefined {
    const { clock } = this.#context;
    const { offset } = record;
    const job = readJob(this.#source, record);
    const before = this.countsOf(offset, job);
    if (!this.isSuspect(offset)) {
      this.#book.set(offset, before, 0, true);
      return undefined;
    }
    const { maxRetries, deadLetterTopic, backoff } = this.#context.queueOf(this.#source.topic);
    if (before.attempt > 0 && unruled(before) > maxRetries && deadLetterTopic !== undefined) {
      const error = new ProcessDiedError(before.attempt);
      return () => this.#bury({ record, job, number: before.attempt, error, duration: 0 }, deadLetterTopic);
    }
    this.#alone = { offset, before };
    const counts = { ...before, attempt: before.attempt + 1 };
    // Whoever finds it next waits: it must not kill one process after the other without a pause.
    const nextRetryAt = clock.now() + backoffWait(backoff, unruled(counts), clock.random());
    this.#book.set(offset, counts, Math.ceil(nextRetryAt), true);
    return undefined;
  }

  /** The partition is let go by a process that lives: what stands in the note for the case that it dies is void. */
  takeBack(): void {
    if (this.#alone !== undefined) this.#book.set(this.#alone.offset, this.#alone.before, 0, true);
    this.#alone = undefined;
  }

  failed(failure: FailedAttempt): Sequel {
    const { record, job, error } = failure;
    const verdict = this.#judge(failure);
    this.#alone = undefined;
    if (verdict.outcome === "discard") return { end: () => this.#discard(failure) };
    const { whenExhausted, deadLetterTopic } = this.#context.queueOf(this.#source.topic);
    if (!(error instanceof RetryLater)) this.#tellFailure(failure);
    if (verdict.outcome === "exhausted") {
      const isHopeless = error instanceof UnreadableRecordError;
      if (deadLetterTopic !== undefined && (isHopeless || whenExhausted === "skip"))
        return { end: () => this.#bury(failure, deadLetterTopic) };
    }
    const wait = verdict.outcome === "retry" ? verdict.wait : this.#backoff(verdict.counts.attempt);
    // What has no order to keep makes room for the others (S4.2).
    if (verdict.outcome === "retry" && verdict.rule && wait === 0 && job !== undefined && job.key === undefined)
      return { end: () => this.#requeue(failure, verdict.counts) };
    this.#book.set(record.offset, verdict.counts, Math.ceil(this.#context.clock.now() + wait));
    this.#context.committer.touch(this.#source, true);
    this.#context.events.emit("retried", { job: this.#info(failure), wait });
    const isBlocked = verdict.outcome === "exhausted" || (!verdict.rule && unruled(verdict.counts) >= BLOCKED_FROM);
    if (isBlocked && whenExhausted === "block") this.#blocks(failure);
    return { wait };
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
      if (this.#unknown !== undefined) this.#unknown.waits++;
    }
  }

  #failureContext({ record: { offset }, job, error }: FailedAttempt): FailureContext {
    const { clock, app, unknownJobGrace } = this.#context;
    const { maxRetries, backoff } = this.#context.queueOf(this.#source.topic);
    const now = clock.monotonic();
    if (isOfAnotherDeploy(error) && this.#unknown?.offset !== offset) this.#unknown = { offset, since: now, waits: 0 };
    const rules = job === undefined ? [] : (app.registry.find(job.name)?.rules ?? []);
    return {
      ...{ rules, before: this.countsOf(offset, job), maxRetries, backoff },
      ...{ unknownFor: now - (this.#unknown?.since ?? now), unknownWaits: this.#unknown?.waits ?? 0 },
      ...{ unknownGrace: unknownJobGrace, random: clock.random() },
    };
  }

  #backoff(failures: number): number {
    const { backoff } = this.#context.queueOf(this.#source.topic);
    return backoffWait(backoff, failures, this.#context.clock.random());
  }

  async #discard(failure: FailedAttempt): Promise<boolean> {
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

  /** Into the dead letter topic. */
  async #bury(failure: FailedAttempt, topic: string): Promise<boolean> {
    const { record, job, number, error } = failure;
    const { app, events, moves } = this.#context;
    const source = this.#source;
    const letter = deadLetter(record, placeOf(source, record), topic, error);
    if (!(await moves.move(source, record.offset, [letter]))) return false;
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

  async #requeue(failure: FailedAttempt, counts: FailureCounts): Promise<boolean> {
    const { record } = failure;
    const { events, moves } = this.#context;
    const again = requeued(record, placeOf(this.#source, record), counts);
    if (!(await moves.move(this.#source, record.offset, [again]))) return false;
    events.emit("retried", { job: this.#info(failure), wait: 0 });
    return true;
  }

  /** Lets a job go that blocks its partition. */
  skip(record: BufferedRecord, topic: string | undefined): () => Promise<boolean> {
    const job = readJob(this.#source, record);
    const number = this.countsOf(record.offset, job).attempt;
    const error = this.#blocked?.error ?? new JobSkippedError();
    if (topic !== undefined) return () => this.#bury({ record, job, number, error, duration: 0 }, topic);
    return () =>
      this.#discard({ record, job, number, error: new Discard("it was skipped", { cause: error }), duration: 0 });
  }

  #info({ record, job, number }: FailedAttempt): JobInfo {
    return job === undefined ? unreadableInfo(this.#source, record, number) : jobInfo(job, number);
  }

  #tellFailure(failure: FailedAttempt): void {
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

  #blocks(failure: FailedAttempt): void {
    const { offset } = failure.record;
    const { clock } = this.#context;
    const before = this.#blocked?.offset === offset ? this.#blocked : undefined;
    const toldAt = before?.toldAt ?? Number.NEGATIVE_INFINITY;
    this.#blocked = {
      ...{ offset, since: before?.since ?? clock.now(), toldAt },
      ...{ job: this.#info(failure), error: failure.error },
    };
    this.tellBlocked();
  }

  /** Says of a job that it blocks its partition, if it is time for that. */
  tellBlocked(): void {
    const blocked = this.#blocked;
    if (blocked === undefined) return;
    const now = this.#context.clock.monotonic();
    if (now - blocked.toldAt < BLOCKED_EVERY) return;
    blocked.toldAt = now;
    this.#context.events.emit("blocked", { job: blocked.job, error: blocked.error, since: new Date(blocked.since) });
  }
}

function placeOf({ topic, partition }: MoveSource, { offset }: BufferedRecord): RecordPlace {
  return { topic, partition, offset };
}

/** What events tell of a record that names no job. */
function unreadableInfo({ topic, partition }: MoveSource, { offset }: BufferedRecord, attempt: number): JobInfo {
  return {
    id: placeText({ topic, partition, offset }),
    name: "",
    queue: topic,
    key: undefined,
    topic,
    partition,
    offset,
    attempt,
  };
}

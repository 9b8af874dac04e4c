import type { ProducerRecord } from "../client/producer-record.ts";
import type { Attempt } from "./attempt.ts";
import { backoffWait } from "./backoff.ts";
import { FIND_TIMEOUT } from "./count-partitions.ts";
import { findRule } from "./error-rules.ts";
import { Discard, RetryLater } from "./job-controls.ts";
import type { MoveSource } from "./moves.ts";
import { isTooLarge } from "./named-error.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import type { PartitionSteps } from "./partition-steps.ts";
import { jobInfo } from "./perform.ts";
import type { Progress } from "./progress.ts";
import type { ReceivedJob } from "./received-job.ts";
import { reenqueued } from "./reenqueued-job.ts";
import type { ResumeSettings } from "./resume-options.ts";
import type { FailedAttempt, Sequel } from "./sequel.ts";
import { TooManyResumptionsError } from "./step-errors.ts";
import type { InterruptReason } from "./step-run.ts";
import type { FailureCounts } from "./verdict.ts";
import type { WorkerContext } from "./worker-context.ts";

/** A run that got further before it ended. */
interface EndedRun {
  readonly failure: FailedAttempt;
  readonly job: ReceivedJob;
  readonly progress: Progress;
  readonly isHeld: boolean;
}

/**
 * Decides what becomes of runs that have got further and did not end their job (S7.7, S7.8): interrupted, or failed, they
 * count as no failure, and the job goes on from there, in its place or behind others.
 */
export class InterruptedRuns {
  readonly #context: WorkerContext;
  readonly #source: MoveSource;
  readonly #failures: PartitionFailures;
  readonly #steps: PartitionSteps;

  constructor(context: WorkerContext, source: MoveSource, failures: PartitionFailures, steps: PartitionSteps) {
    this.#context = context;
    this.#source = source;
    this.#failures = failures;
    this.#steps = steps;
  }

  /** What comes after an attempt that has ended with an error, whatever it was. */
  judge(attempt: Attempt, failure: FailedAttempt): Sequel {
    const { steps } = attempt;
    const { job, error } = failure;
    const resume = job === undefined ? undefined : this.#context.app.registry.find(job.name)?.resume;
    if (steps?.hasProgressed !== true || job === undefined || resume === undefined)
      return this.#failures.failed(failure);
    const interrupt = steps.interruptOf(error);
    if (
      error instanceof Discard ||
      error instanceof RetryLater ||
      (interrupt === undefined && this.#isDiscarded(failure))
    )
      return this.#failures.failed(failure);
    const { offset } = failure.record;
    const { maxResumptions } = resume;
    const resumptions = steps.progress.resumptions + 1;
    if (resumptions > maxResumptions) {
      this.#steps.kept(offset, job, steps.progress);
      return this.#failures.failed({ ...failure, error: new TooManyResumptionsError(job.name, maxResumptions, error) });
    }
    const wait = interrupt === undefined ? this.#backoff() : resume.wait;
    const resumeAt = interrupt === undefined || wait === 0 ? 0 : this.#context.clock.now() + wait;
    const progress = { ...steps.progress, resumptions, resumeAt };
    const run = { failure, job, progress, isHeld: this.#steps.kept(offset, job, progress) };
    return interrupt === undefined ? this.#failed(run, wait) : this.#interrupted(run, interrupt.reason, resume);
  }

  #isDiscarded({ job, error }: FailedAttempt): boolean {
    const rule = findRule(this.#context.app.registry.find(job!.name)?.rules ?? [], error);
    return rule !== undefined && rule.retry === undefined;
  }

  /** As after a first failure. */
  #backoff(): number {
    const { backoff } = this.#context.queueOf(this.#source.topic);
    return backoffWait(backoff, 1, this.#context.clock.random());
  }

  #interrupted(run: EndedRun, reason: InterruptReason, { wait }: ResumeSettings): Sequel {
    const { failure, job, progress, isHeld } = run;
    const { events, app } = this.#context;
    const info = jobInfo(job, failure.number);
    const { steps, step } = progress;
    const { name, id } = job;
    if (!events.has("interrupted"))
      app.settings.logger.info("a job was interrupted", { job: name, id, reason, step: step?.name });
    events.emit("interrupted", {
      job: info,
      reason,
      steps: [...steps],
      step: step?.name,
      resumptions: progress.resumptions,
      wait,
    });
    const counts = this.#failures.resumes(failure);
    if (!isHeld) return { end: () => this.#requeue(run, counts, wait) };
    return { wait, isError: false, counts, first: () => this.#save() };
  }

  /** An error counts no attempt where the run got further. */
  #failed(run: EndedRun, wait: number): Sequel {
    const { failure, job, progress, isHeld } = run;
    this.#failures.tellFailure(failure);
    const counts = this.#failures.resumes(failure, wait);
    const { app, events, committer } = this.#context;
    // Where the partition goes elsewhere, nobody could go on who waits here.
    const isLate = this.#steps.isLeaving && app.registry.find(job.name)?.scheduledMessagesTopic === undefined;
    const how = { wait: isLate ? 0 : wait, counts, progress };
    const again = isHeld ? undefined : reenqueued(app, failure.record, job, how);
    events.emit("retried", { job: jobInfo(job, failure.number), wait });
    if (again !== undefined) return { end: () => this.#move(failure, again) };
    if (isHeld) return { wait, isError: true, counts, first: () => this.#save() };
    committer.touch(this.#source, true);
    return { wait, isError: true, counts };
  }

  async #save(): Promise<false> {
    await this.#steps.save();
    return false;
  }

  /** Behind the jobs that are there already, with its progress. */
  async #requeue({ failure, job, progress }: EndedRun, counts: FailureCounts, wait: number): Promise<boolean> {
    const { app } = this.#context;
    const waitsIn = app.registry.find(job.name)?.scheduledMessagesTopic;
    if (wait > 0 && waitsIn !== undefined) await app.slot.use().kafka.cluster.topic(waitsIn, FIND_TIMEOUT);
    const how = { wait, counts, progress };
    // One that has nowhere to wait goes on at once.
    const again =
      reenqueued(app, failure.record, job, how) ?? reenqueued(app, failure.record, job, { ...how, wait: 0 });
    return this.#move(failure, again!);
  }

  #move({ record }: FailedAttempt, again: ProducerRecord): Promise<boolean> {
    const { move, records } = this.#failures.finishing(record.offset);
    // One that is too large with its progress goes on here: thrown, that is told of.
    return this.#context.moves.move(this.#source, move, () => [again, ...records()], { isFinal: isTooLarge });
  }
}

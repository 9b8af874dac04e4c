import { type FailingJob, MAX_COUNTERS } from "./commit-metadata.ts";
import { ATTEMPT_HEADER, RETRIES_HEADER } from "./headers.ts";
import type { ReceivedJob } from "./received-job.ts";
import { type FailureCounts, NO_FAILURES } from "./verdict.ts";

/** What a partition's next owner has to know of its jobs that failed, or were running when their process died. */
export class FailureBook {
  readonly #jobs = new Map<number, FailingJob>();

  constructor(jobs: readonly FailingJob[] = []) {
    for (const job of jobs) this.#jobs.set(job.offset, job);
  }

  get(offset: number): FailingJob | undefined {
    return this.#jobs.get(offset);
  }

  get size(): number {
    return this.#jobs.size;
  }

  /** In offset order, as metadata has them. */
  get all(): readonly FailingJob[] {
    return this.#jobs.size === 0 ? NONE : [...this.#jobs.values()].sort((a, b) => a.offset - b.offset);
  }

  set(offset: number, counts: FailureCounts, nextRetryAt: number, suspect = false): void {
    this.#jobs.set(offset, { offset, ...counts, nextRetryAt, suspect });
  }

  /** It has waited long enough, whatever wall clocks say. */
  waited(offset: number): void {
    const job = this.#jobs.get(offset);
    if (job !== undefined) this.#jobs.set(offset, { ...job, nextRetryAt: 0 });
  }

  forget(offset: number): void {
    this.#jobs.delete(offset);
  }

  /** The log may have lost jobs that failed: what is below `offset` cannot be told of. */
  forgetBelow(offset: number): void {
    for (const each of this.#jobs.keys()) if (each < offset) this.#jobs.delete(each);
  }
}

const NONE: readonly FailingJob[] = [];

/** The failures that a re-enqueued job brings with it. What cannot be read counts for none. */
export function carriedFailures(job: ReceivedJob | undefined): FailureCounts {
  if (job === undefined) return NO_FAILURES;
  const attempt = Number(job.text(ATTEMPT_HEADER) ?? 0);
  if (!Number.isSafeInteger(attempt) || attempt <= 0) return NO_FAILURES;
  const counters = (job.text(RETRIES_HEADER) ?? "")
    .split(",")
    .filter((text) => text !== "")
    .map(Number);
  const isReadable = counters.every((count) => Number.isSafeInteger(count) && count >= 0);
  return { attempt, counters: isReadable ? counters.slice(0, MAX_COUNTERS) : [] };
}

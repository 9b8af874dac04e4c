import { type Duration, parseDuration } from "./duration.ts";
import { JobError } from "./errors.ts";

/** Thrown by a job to end it without success: it is not tried again, and goes to no dead letter topic. */
export class Discard extends JobError {
  override readonly name = "Discard";

  /** `reason` is what events and logs say. */
  constructor(reason = "the job discarded itself", options: { readonly cause?: unknown } = {}) {
    super("JOB_DISCARDED", reason, options.cause);
  }
}

/** Thrown by a job to be tried again after `wait`. Counts no attempt, so it may be thrown for ever. */
export class RetryLater extends JobError {
  override readonly name = "RetryLater";
  /** Milliseconds. */
  readonly wait: number;

  constructor(options: { readonly wait: Duration; readonly cause?: unknown }) {
    const wait = parseDuration(options.wait, "RetryLater.wait");
    super("JOB_RETRIES_LATER", `the job asked to be tried again in ${wait} ms`, options.cause);
    this.wait = wait;
  }
}

import { JobError } from "./errors.ts";

/** `close` waited `shutdownTimeout` for running jobs, and some had not ended. They will run again. */
export class ShutdownTimeoutError extends JobError {
  override readonly name = "ShutdownTimeoutError";
  /** Where each unfinished job is, as `topic/partition/offset`. */
  readonly unfinished: readonly string[];

  constructor(timeout: number, unfinished: readonly string[]) {
    super(
      "SHUTDOWN_TIMED_OUT",
      `${unfinished.length} jobs had not ended after shutdownTimeout, ${timeout} ms, and will run again: ${unfinished.join(", ")}`,
    );
    this.unfinished = unfinished;
  }
}

/** The worker cannot go on: its group refuses it for good. */
export class WorkerFailedError extends JobError {
  override readonly name = "WorkerFailedError";

  constructor(group: string, cause: Error) {
    super("WORKER_FAILED", `the worker of group ${group} has ended: ${cause.message}`, cause);
  }
}

/** Jobs were deleted from the log before they ran. The partition stands still until someone decides. */
export class JobsExpiredError extends JobError {
  override readonly name = "JobsExpiredError";
  /** The offsets that are gone: `from` and after, before `to`. */
  readonly from: number;
  readonly to: number;

  constructor(topic: string, partition: number, from: number, to: number) {
    super(
      "JOBS_EXPIRED",
      `${topic}/${partition}: offsets ${from} to ${to - 1} were deleted before their jobs ran; to go on without them, reset the group's offset to ${to}`,
    );
    this.from = from;
    this.to = to;
  }
}

/** The committed offset lies beyond the end of the log: it was cut, or the topic was made again. */
export class OffsetBeyondLogError extends JobError {
  override readonly name = "OffsetBeyondLogError";

  constructor(topic: string, partition: number, offset: number, end: number) {
    super(
      "OFFSET_BEYOND_LOG",
      `${topic}/${partition}: the group is at offset ${offset}, but the log ends at ${end}: reset the group's offset to say where to go on`,
    );
  }
}

/**
 * An attempt took longer than its job's `timeout`. It is the reason of the signal, and what an attempt has failed with
 * that heeds it. It has the name of what `AbortSignal.timeout` gives.
 */
export class JobTimeoutError extends JobError {
  override readonly name = "TimeoutError";

  constructor(job: string, timeout: number) {
    super("JOB_TIMED_OUT", `job "${job}" had not ended after its timeout, ${timeout} ms`);
  }
}

/** A job was running, alone, each time its process died. */
export class ProcessDiedError extends JobError {
  override readonly name = "ProcessDiedError";

  constructor(deaths: number) {
    super("PROCESS_DIED", `${deaths} processes died while the job ran in them`);
  }
}

/** Somebody let a job that was blocked go. */
export class JobSkippedError extends JobError {
  override readonly name = "JobSkippedError";

  constructor() {
    super("JOB_SKIPPED", "the job was skipped by app.skip");
  }
}

/** What was to be released or discarded is not parked. */
export class NotParkedError extends JobError {
  override readonly name = "NotParkedError";

  constructor(what: string) {
    super("NOT_PARKED", `not parked: ${what}: app.parked.list() and \`ottla parked list\` tell what is`);
  }
}

/** There is no such job for `app.skip` to let go: it runs, has ended, or is not the first of its partition. */
export class NotBlockedError extends JobError {
  override readonly name = "NotBlockedError";

  constructor(place: string, problem: string) {
    super("NOT_BLOCKED", `${place}: ${problem}`);
  }
}

/** A partition was released before what had finished there was committed. */
export class CommitTimeoutError extends JobError {
  override readonly name = "CommitTimeoutError";

  constructor(topic: string, partition: number, timeout: number) {
    super(
      "COMMIT_TIMED_OUT",
      `${topic}/${partition}: what had finished was not committed within ${timeout} ms; jobs that ended since the last commit will run again`,
    );
  }
}

/** A queue that the worker does not work on was to be paused or resumed. */
export class UnknownQueueError extends JobError {
  override readonly name = "UnknownQueueError";

  constructor(queue: string, known: readonly string[]) {
    super(
      "UNKNOWN_QUEUE",
      `the worker does not work on queue ${JSON.stringify(queue)}; it does on ${known.join(", ")}`,
    );
  }
}

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

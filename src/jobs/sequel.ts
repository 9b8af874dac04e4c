import type { ReceivedJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { FailureCounts } from "./verdict.ts";

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

/** A wait in place (ms), after what `first` does. `isError`: no rule asked for it, nor the job itself. */
export interface WaitInPlace {
  readonly wait: number;
  readonly isError: boolean;
  readonly counts: FailureCounts;
  readonly first?: (() => Promise<false>) | undefined;
}

/** Work after which the job is finished, unless it gives false, or how the job waits that cannot be ended so. */
export type JobEnd = () => Promise<boolean | WaitInPlace>;

/** What comes after a failure. */
export type Sequel = WaitInPlace | { readonly end: JobEnd };

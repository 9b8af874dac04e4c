import type { Parking } from "./parking.ts";
import type { PartitionAttempts } from "./partition-attempts.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import { placeText } from "./record-place.ts";
import type { StartGate } from "./start-gate.ts";
import type { StartNotes } from "./start-notes.ts";
import type { WorkerContext } from "./worker-context.ts";
import { NotBlockedError } from "./worker-errors.ts";

/** Runs what was fetched of one partition: one job after the other, or in lanes. */
export interface JobRunner {
  /** Jobs that have not ended, and their bytes. */
  readonly buffered: number;
  readonly bufferedBytes: number;
  /** When the first job that has not ended was written: ms since 1970. */
  readonly waitingSince: number | undefined;
  /** Whether a timer will start a job. */
  readonly isWaiting: boolean;
  /** In lanes: how many there are, and how many have jobs. */
  readonly lanes: { readonly max: number; readonly used: number } | undefined;

  take(records: readonly BufferedRecord[]): void;

  /** Starts what may start now; whatever keeps something from starting calls this again once it is over. */
  pump(): void;

  /**
   * Where the partition stands once the job at `done`, too, is finished: the first offset that a commit may not pass.
   * `fetchedTo`: where it stands if nothing is left of what was taken.
   */
  standsAt(fetchedTo: number, done?: number): number;

  /** In lanes: starts what may still start of the batch in hand. Resolves once nothing of it can, without a wait. */
  finishBatch?(): Promise<void>;

  /** Lets go of what has not started. Gives the first offset of that from which on nothing was begun. */
  forgetWaiting(): number | undefined;

  /** No timer starts anything any more. */
  cancelWaits(): void;

  /** Lets a failed job go that holds others up: into `topic`, where one is named. Throws a `NotBlockedError` where it is none. */
  skip(offset: number, topic: string | undefined): Promise<void>;
}

/** What a runner is given of its partition. */
export interface RunnerParts {
  readonly context: WorkerContext;
  readonly topic: string;
  readonly partition: number;
  readonly failures: PartitionFailures;
  readonly notes: StartNotes;
  readonly gate: StartGate;
  readonly attempts: PartitionAttempts;
  /** Undefined: the queue parks nothing. */
  readonly parking: Pick<Parking, "startNext"> | undefined;
  /** Whether the partition runs, so far as it, its queue and its worker are concerned. */
  mayStart(): boolean;
  /** Why it does not run; undefined: it does. */
  notRunning(): string | undefined;
  /** The job is finished, though the partition does not stand beyond it yet. */
  finishedAhead(offset: number): void;
  isFinished(offset: number): boolean;
  /** The partition stands elsewhere. */
  moved(): void;
  pump(): void;
}

/** What lets a job go; what comes of it is told to whoever asked for that. */
export type Skip = (record: BufferedRecord) => () => Promise<boolean>;

/**
 * Has a job let go, into `topic` where one is named, once nothing is under way with it: `begin` begins that at once, since
 * others may wait for the same, or throws. Resolves once it is done. Throws a `NotBlockedError` where the partition does
 * not run, and what keeps the job from being let go.
 */
export async function skipWhenIdle(
  parts: RunnerParts,
  offset: number,
  topic: string | undefined,
  begin: (place: string, skip: Skip) => void,
): Promise<void> {
  const { partition, attempts, notRunning } = parts;
  // Again, since whoever waited too and came first may have begun what this one knows nothing of.
  while (notRunning() === undefined && attempts.works(offset)) await attempts.idle(offset);
  const place = placeText({ topic: parts.topic, partition, offset });
  const stopped = notRunning();
  if (stopped !== undefined) throw new NotBlockedError(place, `this worker does not run its partition (${stopped})`);
  let isSkipped = false;
  let problem: unknown = new NotBlockedError(place, "its partition was taken from this worker meanwhile");
  begin(place, (record) => {
    const end = parts.failures.skip(record, topic);
    return async () => {
      try {
        isSkipped = await end();
      } catch (error) {
        problem = error;
      }
      return isSkipped;
    };
  });
  await attempts.idle(offset);
  if (!isSkipped) throw problem;
}

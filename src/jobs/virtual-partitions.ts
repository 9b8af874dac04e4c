import { checkOptions, describe, optionalFunction, optionalInteger, within } from "./check-options.ts";
import { MAX_FAILING } from "./commit-metadata.ts";
import { InvalidOptionError } from "./errors.ts";
import type { JobHeaders } from "./headers.ts";
import type { PartitionerResult } from "./key.ts";

/** A job that was fetched, as what shares jobs out over lanes sees it. */
export interface ArrivedJob {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** What its enqueueing partitioner gave; undefined where it has none. */
  readonly key: string | undefined;
  readonly headers: JobHeaders;
  readonly enqueuedAt: Date;
  readonly partition: number;
  readonly offset: number;
  /** As it was enqueued: before a schema or `upgrade` has seen it. Read when it is asked for. */
  readonly payload: unknown;
}

/** Lanes: parts of a partition's keys that run beside each other (semantics S5). */
export interface VirtualPartitionsOptions {
  /** How many lanes a partition has, from 1 to 64. */
  readonly max: number;
  /**
   * What order is kept for: jobs with the same result share a lane. Runs synchronously, once for each job that is fetched.
   * Where it throws, or gives no text, number or such, the batch runs in one lane, and an `error` event says why. Default:
   * the job's key; jobs without one are spread.
   */
  readonly partitioner?: ((job: ArrivedJob) => PartitionerResult) | undefined;
  /**
   * The lane of a key, from 0 up to, not including, `max`; asked once for each key of a batch. Default: the lane with the
   * fewest jobs so far.
   */
  readonly reducer?: ((key: string, max: number) => number) | undefined;
}

/** Checked. */
export interface VirtualPartitions {
  readonly max: number;
  readonly partitioner: ((job: ArrivedJob) => unknown) | undefined;
  readonly reducer: ((key: string, max: number) => unknown) | undefined;
}

const OPTIONS = ["max", "partitioner", "reducer"] as const;

export function resolveVirtualPartitions(value: unknown, path: string): VirtualPartitions | undefined {
  if (value === undefined) return undefined;
  const { max, partitioner, reducer } = checkOptions(value, path, OPTIONS);
  const at = within(path, "max");
  if (max === undefined) throw new InvalidOptionError(at, "missing: it says how many lanes a partition has");
  return {
    max: optionalInteger(max, at, 1, MAX_FAILING)!,
    partitioner: optionalFunction(partitioner, within(path, "partitioner")) as VirtualPartitions["partitioner"],
    reducer: optionalFunction(reducer, within(path, "reducer")) as VirtualPartitions["reducer"],
  };
}

/** What a reducer gave, as the number of a lane. */
export function checkLane(value: unknown, key: string, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < max) return value;
  throw new InvalidOptionError(
    "virtualPartitions.reducer",
    `gave ${describe(value)} for key "${key}": the number of a lane, from 0 to ${max - 1}, is expected`,
  );
}

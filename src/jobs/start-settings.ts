import { checkOptions, describe, optionalInteger, type RawOptions, within } from "./check-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";

export interface ThrottleOptions {
  /** How many starts, from 1 to 1,000,000. Each is remembered for the interval, in 8 bytes. */
  readonly limit: number;
  /** At least 1 ms. */
  readonly interval: Duration;
}

/** When the jobs of a queue may start. All is judged when a job would start, not when it is fetched. */
export interface StartOptions {
  /**
   * At most `limit` starts of one partition in any `interval`: each start counts for so long, and nothing starts while
   * `limit` of them count. A retry is a start as well. Each worker counts for itself: one that takes a partition over
   * knows nothing of earlier starts. Jobs that wait hold no slot. Default: no limit.
   */
  readonly throttle?: ThrottleOptions | undefined;
  /**
   * No job starts before it is so old, by the time of its enqueue (its record's timestamp) and the worker's clock; those
   * behind it wait, with virtual partitions those of its lane. A worker waits for a job no longer than this, whatever the
   * clocks say. Default: none.
   */
  readonly delay?: Duration | undefined;
  /**
   * A job that is older at its start, by the same clocks, ends without being run: `afterDiscard` is called with a
   * `JobTooOldError`, and an `expired` event tells of it. It is judged before each start: one that has failed may expire
   * before it is tried again, and no dead letter is made of it; one that was parked and is released does not. Longer than
   * `delay`. Default: never.
   */
  readonly expire?: Duration | undefined;
  /** How many jobs of the queue run at once in one worker, within the worker's own `concurrency`. Default: no limit of its own. */
  readonly concurrency?: number | undefined;
  /**
   * The queue's share of a worker's starts while queues wait for free slots, from 0.01 to 100: one of weight 2 starts
   * twice as many jobs as one of weight 1. Every queue has its turn. Default 1.
   */
  readonly weight?: number | undefined;
}

export interface ThrottleSettings {
  readonly limit: number;
  /** Milliseconds. */
  readonly interval: number;
}

/** Checked. Times in milliseconds. */
export interface StartSettings {
  /** Undefined: there is none. */
  readonly throttle: ThrottleSettings | undefined;
  readonly delay: number;
  /** Infinity: never. */
  readonly expire: number;
  /** Infinity: no limit of its own. */
  readonly concurrency: number;
  readonly weight: number;
}

export const START_OPTIONS = ["throttle", "delay", "expire", "concurrency", "weight"] as const;

const THROTTLE_OPTIONS = ["limit", "interval"] as const;
const MOST_STARTS = 1_000_000;
const MOST_JOBS = 1_000_000;
const LEAST_WEIGHT = 0.01;
const MOST_WEIGHT = 100;

export function resolveStartSettings(options: RawOptions, path: string): StartSettings {
  const delay = parseDuration(options.delay ?? 0, within(path, "delay"));
  return {
    throttle: resolveThrottle(options.throttle, within(path, "throttle")),
    delay,
    expire: resolveExpire(options.expire, delay, within(path, "expire")),
    concurrency:
      optionalInteger(options.concurrency, within(path, "concurrency"), 1, MOST_JOBS) ?? Number.POSITIVE_INFINITY,
    weight: resolveWeight(options.weight, within(path, "weight")),
  };
}

function resolveThrottle(value: unknown, path: string): ThrottleSettings | undefined {
  if (value === undefined) return undefined;
  const options = checkOptions(value, path, THROTTLE_OPTIONS);
  const limit = optionalInteger(options.limit, within(path, "limit"), 1, MOST_STARTS);
  if (limit === undefined) {
    throw new InvalidOptionError(within(path, "limit"), "missing: it says how many jobs may start in an interval");
  }
  const interval = parseDuration(options.interval, within(path, "interval"));
  if (interval < 1)
    throw new InvalidOptionError(within(path, "interval"), `${interval} ms given, at least 1 is expected`);
  return { limit, interval };
}

function resolveExpire(value: unknown, delay: number, path: string): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  const expire = parseDuration(value, path);
  if (expire > delay) return expire;
  throw new InvalidOptionError(path, `${expire} ms is no longer than delay, ${delay} ms: no job would ever be run`);
}

function resolveWeight(value: unknown, path: string): number {
  if (value === undefined) return DEFAULTS.weight;
  if (typeof value === "number" && value >= LEAST_WEIGHT && value <= MOST_WEIGHT) return value;
  throw new InvalidOptionError(
    path,
    `${describe(value)} given, a number from ${LEAST_WEIGHT} to ${MOST_WEIGHT} is expected`,
  );
}

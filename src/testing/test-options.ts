import { checkOptions, describe, optionalInteger } from "../jobs/check-options.ts";
import { type Duration, parseDuration } from "../jobs/duration.ts";
import { InvalidOptionError } from "../jobs/errors.ts";
import { resolveWorkOptions, type WorkOptions } from "../jobs/work-options.ts";

/** What `testApp` takes. */
export interface TestOptions {
  /** Where chance comes from: ids, jitter, and what depends on them. The same seed gives the same run. Default 1. */
  readonly seed?: number | undefined;
  /** The first instant, as a date or in milliseconds since 1970. Default: in January 2027, always the same. */
  readonly start?: Date | number | undefined;
  /** The queues that are worked on. Default: those of all jobs. */
  readonly queues?: readonly string[] | undefined;
  /** How many workers there are, each as in a process of its own. Default 1. */
  readonly workers?: number | undefined;
  /** How they work. Defaults: those of `app.work`. */
  readonly work?: Omit<WorkOptions, "queues" | "signal"> | undefined;
  /** How long, in real time, a running job may show no sign of progress. Default 5 s. */
  readonly patience?: Duration | undefined;
}

/** The options, checked and filled in; times in milliseconds. */
export interface TestSettings {
  readonly seed: number;
  readonly start: number | undefined;
  readonly queues: readonly string[] | undefined;
  readonly workers: number;
  readonly work: WorkOptions;
  readonly patience: number;
  /** How much of the test's time may pass without any progress: more than it takes the group to miss a worker. */
  readonly stuckAfter: number;
}

const OPTIONS = ["seed", "start", "queues", "workers", "work", "patience"] as const;
const MOST_WORKERS = 100;
const DEFAULT_PATIENCE = 5_000;
const STUCK_AFTER = 300_000;

export function resolveTestOptions(value: unknown): TestSettings {
  const options = checkOptions(value, "testApp", OPTIONS);
  const work = checkWork(options.work);
  const { sessionTimeout, rebalanceTimeout } = resolveWorkOptions(work, ["any"]);
  return {
    seed: optionalInteger(options.seed, "testApp.seed", 0, 0xffff_ffff) ?? 1,
    start: checkStart(options.start),
    queues: options.queues as readonly string[] | undefined,
    workers: optionalInteger(options.workers, "testApp.workers", 1, MOST_WORKERS) ?? 1,
    work,
    patience: parseDuration(options.patience ?? DEFAULT_PATIENCE, "testApp.patience"),
    stuckAfter: Math.max(STUCK_AFTER, 2 * (sessionTimeout + rebalanceTimeout)),
  };
}

function checkStart(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const ms = value instanceof Date ? value.getTime() : value;
  if (typeof ms === "number" && Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new InvalidOptionError(
    "testApp.start",
    `${describe(value)} given, a date or milliseconds since 1970 are expected`,
  );
}

function checkWork(value: unknown): WorkOptions {
  const options = checkOptions(value, "testApp.work", Object.keys((value as object | null | undefined) ?? {}));
  for (const name of ["queues", "signal"]) {
    if (!Object.hasOwn(options, name)) continue;
    const instead = name === "queues" ? "give testApp the queues" : "the test's own close ends the workers";
    throw new InvalidOptionError(`testApp.work.${name}`, `no such option here: ${instead}`);
  }
  return options;
}

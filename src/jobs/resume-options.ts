import { checkOptions, optionalBoolean, optionalInteger, type RawOptions, within } from "./check-options.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";

/** How a job with steps goes on after an interruption. */
export interface ResumeOptions {
  /** How long it waits before it goes on. Default 0. */
  readonly wait?: Duration | undefined;
  /**
   * Whether it keeps its place: no later job of its key overtakes it, and what it has done is kept in the group's state
   * topic, where it outlives a kill. Without that it goes on behind the jobs that were enqueued meanwhile, and a `wait` of
   * its own needs a `scheduledMessagesTopic`. Default: whether the job has a key.
   */
  readonly hold?: boolean | undefined;
}

/** Checked. */
export interface ResumeSettings {
  /** Milliseconds. */
  readonly wait: number;
  /** Undefined: what has a key does. */
  readonly hold: boolean | undefined;
  /** Whether the job's options say anything of it. */
  readonly isDeclared: boolean;
  /** Infinity: no limit. */
  readonly maxResumptions: number;
}

/** Checks a job's `resumeOptions` and `maxResumptions`. `path`: the job's. */
export function resolveResumeOptions(options: RawOptions, path: string): ResumeSettings {
  const own = within(path, "resumeOptions");
  const given = checkOptions(options.resumeOptions, own, ["wait", "hold"]);
  const wait = parseDuration(given.wait ?? 0, within(own, "wait"));
  const hold = optionalBoolean(given.hold, within(own, "hold"));
  const maxResumptions =
    optionalInteger(options.maxResumptions, within(path, "maxResumptions"), 0, Number.MAX_SAFE_INTEGER) ??
    Number.POSITIVE_INFINITY;
  const isHeld = hold ?? options.partitioner !== undefined;
  if (!isHeld && wait > 0 && options.scheduledMessagesTopic === undefined) {
    const why = "a job that does not hold its place waits in a schedule topic";
    throw new InvalidOptionError(within(own, "wait"), `${why}: name a scheduledMessagesTopic, or set hold: true`);
  }
  return { wait, hold, isDeclared: options.resumeOptions !== undefined, maxResumptions };
}

/** Whether a job that its options say so of may resume in place. */
export function holdsPlace({ hold }: ResumeSettings, isOrdered: boolean): boolean {
  return hold ?? isOrdered;
}

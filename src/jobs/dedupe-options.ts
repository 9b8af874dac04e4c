import { checkOptions, within } from "./check-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";

/**
 * Which jobs are the same: of those with one id, in one partition, a job is a duplicate where another was enqueued at
 * most `window` before it. It is finished without being run, and a `duplicate` event tells of it. It does not matter
 * what has become of the other, nor whether that one was a duplicate itself; retries and redriven jobs are never
 * duplicates, nor do they make any.
 *
 * So a key belongs to an id: only jobs of one partition are compared, whatever their names. One without a key goes to
 * the partition of its id. Times are those of the records; one that is written later than two minutes after its time may
 * be taken for new. Jobs that the topic no longer has are not compared with: it has to keep them for `window`.
 */
export interface DedupeOptions {
  /**
   * From 1 ms. Default 10 min. A worker keeps the ids of its partitions for about as long and two minutes: some 70 bytes
   * for one of 36 characters. An owner first reads back as much of the log as that.
   */
  readonly window?: Duration | undefined;
}

const OPTIONS = ["window"] as const;

/** The window in milliseconds; undefined: jobs are not compared. */
export function resolveDedupe(value: unknown, path: string): number | undefined {
  if (value === undefined) return undefined;
  const at = within(path, "window");
  const window = parseDuration(checkOptions(value, path, OPTIONS).window ?? DEFAULTS.dedupeWindow, at);
  if (window < 1) throw new InvalidOptionError(at, `${window} ms is too short: nothing would be a duplicate`);
  return window;
}

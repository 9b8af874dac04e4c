import { describe, within } from "./check-options.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";

/** When something is to happen, at the soonest: one of the two. */
export interface DueOptions {
  /** So long from the call on. Zero: at once. */
  readonly wait?: Duration | undefined;
  /** An instant, as a Date or in milliseconds since 1970. A past one: at once. */
  readonly waitUntil?: Date | number | undefined;
}

/** Milliseconds from now, or since 1970. Neither: at once. */
export interface Due {
  readonly wait: number | undefined;
  readonly waitUntil: number | undefined;
}

const DAY = 86_400_000;
/** Kafka would keep it for as long as one likes; what is further off was meant otherwise. */
const FURTHEST = 36_525 * DAY;
/** In March 1973: a smaller number of milliseconds is one of seconds. */
const SMALLEST = 100_000_000_000;
const HINT = "were seconds given, where milliseconds are expected, or microseconds?";

/** Whether it says when. */
export function isTimed({ wait, waitUntil }: Partial<Due>): boolean {
  return wait !== undefined || waitUntil !== undefined;
}

/** Throws an {@link InvalidOptionError} for what is no time. */
export function checkDue({ wait, waitUntil }: DueOptions, path: string): Due {
  if (wait !== undefined && waitUntil !== undefined)
    throw new InvalidOptionError(path, "wait and waitUntil are both given: one of them is expected");
  return {
    wait: wait === undefined ? undefined : parseDuration(wait, within(path, "wait")),
    waitUntil: waitUntil === undefined ? undefined : checkInstant(waitUntil, within(path, "waitUntil")),
  };
}

/** Milliseconds since 1970. */
export function checkInstant(value: unknown, path: string): number {
  const isDate = value instanceof Date;
  const ms = isDate ? value.getTime() : value;
  if (typeof ms !== "number" || !Number.isFinite(ms)) {
    const given = isDate ? "an invalid date" : describe(value);
    throw new InvalidOptionError(path, `${given} given, a Date or milliseconds since 1970 are expected`);
  }
  if (!isDate && ms > 0 && ms < SMALLEST)
    throw new InvalidOptionError(path, `${ms} would be ${new Date(ms).toISOString()}: ${HINT}`);
  return ms;
}

/**
 * Milliseconds since 1970, whole ones: never too early. Throws an {@link InvalidOptionError} for more than 100 years off.
 * `instant`: what the option is called that gives an instant.
 */
export function dueTime({ wait, waitUntil }: Due, now: number, path: string, instant = "waitUntil"): number {
  const due = Math.ceil(waitUntil ?? now + (wait ?? 0));
  if (Math.abs(due - now) <= FURTHEST) return due;
  const option = within(path, waitUntil === undefined ? "wait" : instant);
  throw new InvalidOptionError(option, `${waitUntil ?? wait} ms is more than 100 years off: ${HINT}`);
}

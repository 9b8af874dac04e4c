import type { Duration } from "./duration.ts";

/** How long a failed job waits before it is tried again: a series that doubles from `initial` to `max`. */
export interface BackoffOptions {
  /** The first wait. Default 1 s. */
  readonly initial?: Duration | undefined;
  /** What the doubling stops at. Default 30 s. */
  readonly max?: Duration | undefined;
  /** The share by which chance makes a wait longer or shorter, from 0 to 1. Default 0.2: from 80 % to 120 %. */
  readonly jitter?: number | undefined;
}

/** A backoff with its durations in milliseconds. */
export interface Backoff {
  readonly initial: number;
  readonly max: number;
  readonly jitter: number;
}

const MOST_DOUBLINGS = 64;

/**
 * Milliseconds to wait after the `failures`-th failed attempt in a row (from 1): the first wait is `initial`, not twice
 * it. `random` is a number from 0 up to, not including, 1.
 */
export function backoffWait(backoff: Backoff, failures: number, random: number): number {
  // Past this everything is at its maximum; doubled on without end, a wait of 0 would become no number at all.
  const doublings = Math.min(Math.max(0, failures - 1), MOST_DOUBLINGS);
  const base = Math.min(backoff.max, backoff.initial * 2 ** doublings);
  return base * (1 + backoff.jitter * (2 * random - 1));
}

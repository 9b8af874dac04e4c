import type { Clock } from "../net/clock.ts";

export interface BackoffOptions {
  /** Milliseconds before the first repetition. */
  readonly initial: number;
  /** Milliseconds that no wait exceeds, before jitter. */
  readonly max: number;
}

const JITTER = 0.2;

/** Milliseconds to wait after `failures` failures in a row: doubling, with jitter so that clients do not come back together. */
export function backoffDelay(options: BackoffOptions, failures: number, clock: Clock): number {
  const base = Math.min(options.max, options.initial * 2 ** Math.min(failures - 1, 30));
  return base * (1 - JITTER + 2 * JITTER * clock.random());
}

/** How long (ms) the two clocks are compared. */
const COMPARED = 3;
/** Readings that lie farther apart (ms) have been interrupted. */
const AT_ONCE = 0.05;

/**
 * The time in milliseconds since 1970, with fractions, the same in all processes of a machine; it never goes back.
 * `performance.timeOrigin` would not do: it is off by as long as a process had to wait for its turn while it started,
 * which on a busy machine has been a second.
 */
export function wallClock(
  date: () => number = Date.now,
  monotonic: () => number = () => performance.now(),
): () => number {
  const end = monotonic() + COMPARED;
  let origin = Number.NEGATIVE_INFINITY;
  for (let before = monotonic(); before < end || !Number.isFinite(origin); ) {
    const whole = date();
    const after = monotonic();
    // The date comes in whole milliseconds: the largest difference is the one that was read as it changed.
    if (after - before < AT_ONCE) origin = Math.max(origin, whole - before);
    before = after;
  }
  return () => origin + monotonic();
}

/** The time of this machine. */
export const now: () => number = wallClock();

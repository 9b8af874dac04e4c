/** Readings that lie farther apart (ms) have been interrupted; a machine that never reads faster is given longer and longer. */
const AT_ONCE = 0.02;
const LONGER = 1.05;

/**
 * The time in milliseconds since 1970, with fractions, the same in all processes of a machine; it never goes back.
 * `performance.timeOrigin` would not do: it is off by as long as a process had to wait for its turn while it started,
 * which on a busy machine has been a second. Dates come in whole milliseconds: so it is waited until one changes, without
 * an interruption just then.
 */
export function wallClock(
  date: () => number = Date.now,
  monotonic: () => number = () => performance.now(),
): () => number {
  let atOnce = AT_ONCE;
  let last = Number.NaN;
  let [earlier, before] = [monotonic(), monotonic()];
  for (;;) {
    const whole = date();
    const after = monotonic();
    if (whole > last) {
      if (after - earlier < atOnce) return () => whole - before + monotonic();
      atOnce *= LONGER;
    }
    [last, earlier, before] = [whole, before, after];
  }
}

/** The time of this machine. */
export const now: () => number = wallClock();

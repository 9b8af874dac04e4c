/** Milliseconds that are the same in every process of a machine. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

import type { Clock } from "../net/clock.ts";

/**
 * Settles as `work` does, or after `ms` milliseconds, or when `signal` aborts, with what `late` throws or gives. `work`
 * goes on, and what becomes of it then is nobody's concern.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  late: () => T,
  signal?: AbortSignal | undefined,
): Promise<T> {
  let give!: () => void;
  const end = new Promise<"late">((resolve) => {
    give = () => resolve("late");
  });
  const timer = clock.timer(ms, give);
  signal?.addEventListener("abort", give);
  if (signal?.aborted) give();
  try {
    const first = await Promise.race([work.then((value) => ({ value })), end]);
    return first === "late" ? late() : first.value;
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", give);
  }
}

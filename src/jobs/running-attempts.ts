import type { Attempt } from "./attempt.ts";
import type { Leftovers } from "./leftovers.ts";
import { placeText } from "./record-place.ts";

/** An attempt that runs, or did until just now. */
export interface AttemptPlace {
  /** The job's name; undefined where its record gives none. */
  readonly job: string | undefined;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since it was started. */
  readonly since: number;
}

/** A partition's part in this. */
export interface AttemptSource {
  readonly topic: string;
  readonly partition: number;
  readonly running: ReadonlySet<Attempt>;
  /** The attempts that were started and that ended last. */
  readonly last: readonly (Attempt | undefined)[];
}

/** The attempts that run now. `now`: monotonic ms. */
export function runningNow(executors: Iterable<AttemptSource>, leftovers: Leftovers, now: number): AttemptPlace[] {
  return startedSince(executors, leftovers, Number.POSITIVE_INFINITY, now);
}

/** The attempts that run now, and those that were the last of their partition and ran after `then` (monotonic ms). */
export function startedSince(
  executors: Iterable<AttemptSource>,
  leftovers: Leftovers,
  then: number,
  now: number,
): AttemptPlace[] {
  const places: AttemptPlace[] = [];
  const add = (topic: string, partition: number, { job, offset, startedAt }: Attempt): void =>
    void places.push({ job, topic, partition, offset, since: now - startedAt });
  for (const { topic, partition, running, last } of executors) {
    const recent = last.filter((attempt) => attempt !== undefined && attempt.lastedTo(now) >= then) as Attempt[];
    for (const attempt of new Set([...running, ...recent])) add(topic, partition, attempt);
  }
  for (const [key, attempt] of leftovers) {
    const slash = key.lastIndexOf("/");
    add(key.slice(0, slash), Number(key.slice(slash + 1)), attempt);
  }
  return places;
}

/** For people. */
export function attemptText(attempt: AttemptPlace): string {
  return `${attempt.job ?? "an unreadable job"} (${placeText(attempt)})`;
}

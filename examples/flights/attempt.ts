import type { RunEvent } from "./run-log.ts";

/** One run of one job by one worker. */
export interface Attempt {
  readonly worker: string;
  readonly key: string;
  readonly partition: number;
  readonly offset: number;
  readonly start: number;
  /** Undefined: its worker was killed meanwhile. */
  readonly end: number | undefined;
  /** Whether it changed its key's state. */
  readonly changed: boolean;
  /** Undefined in the job's first attempt. */
  readonly previous: Attempt | undefined;
}

/** All attempts in the order of their starts. */
export function attemptsOf(events: readonly RunEvent[]): Attempt[] {
  const open = new Map<string, Attempt>();
  const last = new Map<string, Attempt>();
  const attempts: Attempt[] = [];
  // The sort is stable, and each worker's events come in its own order.
  for (const { event, at, changed, ...what } of events.toSorted((a, b) => a.at - b.at)) {
    const job = `${what.partition}/${what.offset}`;
    if (event === "start") {
      const attempt: Attempt = { ...what, start: at, end: undefined, changed: false, previous: last.get(job) };
      open.set(`${what.worker} ${job}`, attempt);
      last.set(job, attempt);
      attempts.push(attempt);
    } else {
      const attempt = open.get(`${what.worker} ${job}`);
      if (attempt === undefined) throw new Error(`worker ${what.worker} ended ${job} without having started it`);
      Object.assign(attempt, { end: at, changed });
    }
  }
  return attempts;
}

/**
 * What goes against the order of any key: a job that was first started before an earlier one of its key, and two
 * attempts that ran at the same time. `deaths` tells when workers were killed: their open attempts ended then.
 */
export function disorderOf(attempts: readonly Attempt[], deaths: ReadonlyMap<string, number>): string[] {
  const problems: string[] = [];
  const keys = new Map<string, { offset: number; end: number }>();
  for (const attempt of attempts) {
    const { key, offset, worker, start } = attempt;
    const before = keys.get(key) ?? { offset: -1, end: Number.NEGATIVE_INFINITY };
    const end = attempt.end ?? deaths.get(worker) ?? Number.POSITIVE_INFINITY;
    if (start < before.end) problems.push(`${key}: worker ${worker} started ${offset} while another job of it ran`);
    if (attempt.previous === undefined && offset < before.offset) {
      problems.push(`${key}: ${offset} was started after ${before.offset}`);
    }
    keys.set(key, { offset: Math.max(offset, before.offset), end: Math.max(end, before.end) });
  }
  return problems;
}

/** The first attempt of another worker in a partition that was the killed one's. */
export function takeOverOf(attempts: readonly Attempt[], killed: { worker: string; at: number }): Attempt | undefined {
  const owners = new Map<number, string>();
  for (const attempt of attempts) {
    if (attempt.start > killed.at && owners.get(attempt.partition) === killed.worker) return attempt;
    owners.set(attempt.partition, attempt.worker);
  }
  return undefined;
}

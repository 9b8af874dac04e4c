import type { LedgerEntry, Owned } from "../support/ledger.ts";
import { GRACES } from "./fault-run.ts";

type Of<W extends LedgerEntry["what"]> = Extract<LedgerEntry, { readonly what: W }>;

/** An attempt that has ended well. */
interface Done {
  readonly start: Of<"start">;
  readonly endedAt: number;
}

/**
 * S3.1, S6.1: what has ended well at a worker that then let go of the partition in good order was committed before that,
 * and does not run again. One line for each job that did.
 */
export function rerunsAfterRelease(entries: readonly LedgerEntry[]): string[] {
  const open = new Map<string, Of<"start">>();
  const done = new Map<string, Done>();
  const owners = new Map<number, Owned>();
  const problems: string[] = [];
  for (const entry of entries) {
    if (entry.what === "assigned") owners.set(entry.partition, entry);
    if (entry.what !== "start" && entry.what !== "end") continue;
    const place = `${entry.partition}/${entry.offset}`;
    const attempt = `${entry.by}/${place}`;
    if (entry.what === "end") {
      if (entry.ok) done.set(place, { start: open.get(attempt)!, endedAt: entry.at });
      continue;
    }
    open.set(attempt, entry);
    const before = done.get(place);
    if (before !== undefined && !isExcused(entries, before, owners.get(entry.partition)!))
      problems.push(`S6.1 ${place} had ended at ${before.start.by}: ${JSON.stringify(entry)}`);
  }
  return problems;
}

/**
 * Whether the worker of the attempt has died, lost the partition, maybe without learning of it, kept it beyond its grace,
 * or has said that its commit did not get through.
 */
function isExcused(entries: readonly LedgerEntry[], { start, endedAt }: Done, next: Owned): boolean {
  const { by, partition, at } = start;
  const own = entries.filter((entry) => {
    if (!("by" in entry) || entry.by !== by) return false;
    return entry.what === "died" || entry.what === "closing" || ("topic" in entry && entry.partition === partition);
  });
  const release = own.find((entry) => entry.at >= at && (entry.what === "closing" || entry.what === "revoked"));
  if (next.by !== by && (release === undefined || release.at > next.at)) return true;
  return own.some((entry) => {
    if (entry.what === "died") return true;
    if (entry.what === "closing") return endedAt - entry.at > GRACES.shutdownTimeout;
    if (entry.at < at) return false;
    if (entry.what === "lost" || entry.what === "uncommitted") return true;
    return entry.what === "revoked" && endedAt - entry.at > GRACES.revokeGrace;
  });
}

/**
 * S4.1, S4.2, S4.8: the attempts at each of these jobs are counted, by whoever made them, and nothing is counted of
 * others. What its owner had no time to commit before it died or lost the partition is not known to the next one. One
 * line for each number that is wrong. `lastAttempt`, where brokers are hurt, too: the number of the last one, which counts
 * with the dead letter; whose owner could not write that, lets the next one make it again.
 */
export function miscounted(
  entries: readonly LedgerEntry[],
  jobs: ReadonlySet<string>,
  lastAttempt: number = Number.POSITIVE_INFINITY,
): string[] {
  const last = new Map<string, { readonly attempt: number; readonly owner: Owned }>();
  const owners = new Map<number, Owned>();
  return entries.flatMap((entry) => {
    if (entry.what === "assigned") owners.set(entry.partition, entry);
    if (entry.what !== "start") return [];
    const { attempt, partition, offset } = entry;
    const place = `${partition}/${offset}`;
    if (!jobs.has(place)) return attempt === 1 ? [] : [`S4.8 ${place} inherits: ${JSON.stringify(entry)}`];
    const owner = owners.get(partition)!;
    const before = last.get(place) ?? { attempt: 0, owner };
    last.set(place, { attempt, owner });
    const isAgain = attempt <= before.attempt && owner !== before.owner && !isReleased(entries, before.owner, owner.at);
    // Its count and its dead letter are one transaction.
    const isLastAgain = attempt === lastAttempt && before.attempt === lastAttempt && owner !== before.owner;
    if (attempt === before.attempt + 1 || isAgain || isLastAgain) return [];
    return [`S4.1 ${place}: ${before.attempt + 1} is the next attempt, not ${JSON.stringify(entry)}`];
  });
}

/** Whether a worker that was given a partition has let go of it in good order, before another was given it. */
function isReleased(entries: readonly LedgerEntry[], { by, partition, at }: Owned, nextAt: number): boolean {
  const end = entries.find((entry) => {
    if (!("by" in entry) || entry.by !== by || entry.at < at) return false;
    if (entry.what === "died" || entry.what === "closing") return true;
    return (entry.what === "lost" || entry.what === "revoked") && entry.partition === partition;
  });
  // One that was expelled may learn of it late, or close before.
  return end !== undefined && end.at <= nextAt && (end.what === "revoked" || end.what === "closing");
}

/** What a run came to, in words. */
export function figures(entries: readonly LedgerEntry[]): string {
  const count = (what: LedgerEntry["what"]): number => entries.filter((entry) => entry.what === what).length;
  const jobs = count("enqueued");
  const ended = new Set<string>();
  let again = 0;
  for (const entry of entries) {
    if (entry.what === "start" && ended.has(`${entry.partition}/${entry.offset}`)) again++;
    if (entry.what === "end" && entry.ok) ended.add(`${entry.partition}/${entry.offset}`);
  }
  const fates = `${count("died")} died, ${count("away")} frozen, ${count("closing")} closed`;
  return `${jobs} jobs, ${count("start")} starts, ${again} after an end, ${count("dead")} dead letters, ${count("stored")} commits; ${fates}`;
}

/** The longest time (ms) from `from` to `to` in which no job of one partition ended. */
export function longestStall(entries: readonly LedgerEntry[], from: number, to: number): number {
  const last = new Map<number, number>();
  let longest = 0;
  const heard = (partition: number, at: number): void => {
    longest = Math.max(longest, at - (last.get(partition) ?? from));
    last.set(partition, at);
  };
  for (const entry of entries)
    if (entry.what === "end" && entry.at >= from && entry.at <= to) heard(entry.partition, entry.at);
  for (const partition of last.keys()) heard(partition, to);
  return Math.round(longest);
}

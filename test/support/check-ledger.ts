import { partitionKey } from "../../src/client/topic-partition.ts";
import type { LedgerEntry, Owned } from "./ledger.ts";

/** How long running jobs may hold up the release of their partition, in milliseconds. */
export interface Graces {
  readonly revokeGrace: number;
  readonly shutdownTimeout: number;
}

/**
 * How long (ms) a shutdown may take beyond its deadline where brokers do not answer: the last commit, the goodbye to the
 * group, and transactions that are open have 5 s each.
 */
export const UNANSWERED = 15_000;

type Of<W extends LedgerEntry["what"]> = Extract<LedgerEntry, { readonly what: W }>;
type InPartition = Extract<LedgerEntry, { readonly topic: string }>;
type Say = (rule: string, problem: string) => void;

/** One partition as the notes so far tell of it. */
interface Log {
  /** Offsets of its jobs, ascending. */
  readonly jobs: number[];
  /** How many of the first of them are finished without a gap. */
  finishedFirst: number;
  readonly finished: Set<number>;
  readonly dead: Set<number>;
  /** Dead, or moved elsewhere: they are finished without having ended well. */
  readonly gone: Set<number>;
  /** The group's offset as far as the broker is known to have it. */
  stored: number;
  /** Offsets from there on that it has as finished. */
  storedFinished: ReadonlySet<number>;
  /** The latest to be told that the partition is his, and not told otherwise since. */
  owner: string | undefined;
  lastStart: Of<"start"> | undefined;
  lastEnded: boolean | undefined;
  readonly running: Map<string, Of<"start">>;
  /** When each worker was told to give it up. */
  readonly revokedAt: Map<string, number>;
  /** Who was told, at any time of the run, that it was lost, and when: he may have been expelled long before. */
  readonly losses: { readonly by: string; readonly at: number }[];
}

/**
 * What of S8.1-5 does not hold in a run without lanes: one line for each violation. And of S8.6, where the ledger tells
 * of dead letters and of what the broker has stored.
 */
export function checkLedger(entries: readonly LedgerEntry[], graces: Graces): string[] {
  return check(entries, graces, BETWEEN);
}

/** What of a worker may stand between an assignment that it acts on and its first start. */
const BETWEEN: ReadonlySet<LedgerEntry["what"]> = new Set(["commit", "uncommitted", "away"]);
/** One with lanes that closes starts what is left of the batch in hand. */
const BETWEEN_IN_LANES: ReadonlySet<LedgerEntry["what"]> = new Set([...BETWEEN, "closing"]);

function check(entries: readonly LedgerEntry[], graces: Graces, between: ReadonlySet<LedgerEntry["what"]>): string[] {
  const logs = gather(entries);
  const mayRunOn = exceptions(entries, graces);
  const problems: string[] = [];
  for (const [i, entry] of entries.entries()) {
    const say: Say = (rule, problem) => void problems.push(`${rule} #${i} ${problem}: ${JSON.stringify(entry)}`);
    if (entry.what === "died") for (const log of logs.values()) log.running.delete(entry.by);
    if ("topic" in entry && !(entry.what === "assigned" && isStale(entries, i, between)))
      judge(entry, logs.get(partitionKey(entry.topic, entry.partition))!, say, mayRunOn);
  }
  return [...problems, ...unfinished(entries, logs)];
}

/** The same of a run with lanes, where order is kept for each key, and a partition's jobs of different keys run beside each other. */
export function checkLaneLedger(entries: readonly LedgerEntry[], graces: Graces): string[] {
  const keys = new Map<string, string>();
  for (const entry of entries)
    if ((entry.what === "enqueued" || entry.what === "start") && entry.key !== undefined)
      keys.set(placeOf(entry, entry.offset), entry.key);
  return [...new Set(keys.values())].flatMap((key) => {
    const isOf = (at: OfPartition, offset: number): boolean => keys.get(placeOf(at, offset)) === key;
    const own = entries.flatMap((entry): LedgerEntry[] => {
      if (entry.what === "stored")
        return [{ ...entry, finished: entry.finished?.filter((offset) => isOf(entry, offset)) ?? [] }];
      return isOfJob(entry) && !isOf(entry, entry.offset) ? [] : [entry];
    });
    return check(own, graces, BETWEEN_IN_LANES).map((problem) => `${key}: ${problem}`);
  });
}

type OfJob = Of<"enqueued" | "start" | "end" | "dead" | "moved">;
type OfPartition = Pick<OfJob, "topic" | "partition">;
const OF_JOBS: ReadonlySet<LedgerEntry["what"]> = new Set(["enqueued", "start", "end", "dead", "moved"]);

function isOfJob(entry: LedgerEntry): entry is OfJob {
  return OF_JOBS.has(entry.what);
}

function placeOf({ topic, partition }: OfPartition, offset: number): string {
  return `${partitionKey(topic, partition)}/${offset}`;
}

/** Whether an assignment reached a worker too late to be acted on, as after a pause: it started nothing before it knew. */
function isStale(entries: readonly LedgerEntry[], at: number, between: ReadonlySet<LedgerEntry["what"]>): boolean {
  const { by, topic, partition } = entries[at] as Owned;
  const next = entries.slice(at + 1).find((entry) => {
    if (between.has(entry.what) || !("by" in entry) || entry.by !== by) return false;
    return !("topic" in entry) || (entry.topic === topic && entry.partition === partition && entry.what !== "end");
  });
  return next?.what !== "start";
}

type MayRunOn = (log: Log, attempt: Of<"start">, now: number) => boolean;

/**
 * When an attempt may run on beside one of a new owner: its worker was expelled (it learns of that later, or never if it
 * dies or closes first), or it kept the partition beyond its grace.
 */
function exceptions(entries: readonly LedgerEntry[], { revokeGrace, shutdownTimeout }: Graces): MayRunOn {
  const notes = (what: "away" | "closing" | "died", by: string): LedgerEntry[] =>
    entries.filter((entry) => entry.what === what && entry.by === by);
  return (log, { by, at }, now) => {
    const expelled = log.losses.some((loss) => loss.by === by && loss.at >= at);
    const isOver = notes("died", by).length > 0 || notes("closing", by).length > 0;
    const unheard = isOver && notes("away", by).some((away) => away.at <= now);
    const overdue = now - (log.revokedAt.get(by) ?? Number.POSITIVE_INFINITY) >= revokeGrace;
    const closed = notes("closing", by).some((closing) => now - closing.at >= shutdownTimeout);
    return expelled || unheard || overdue || closed;
  };
}

/** The jobs and losses of each partition: their notes may come later than what they bear on. */
function gather(entries: readonly LedgerEntry[]): Map<string, Log> {
  const logs = new Map<string, Log>();
  const jobs = new Map<string, Set<number>>();
  for (const entry of entries) {
    if (!("topic" in entry)) continue;
    const key = partitionKey(entry.topic, entry.partition);
    const log = logs.get(key) ?? emptyLog();
    logs.set(key, log);
    if (entry.what === "enqueued" || entry.what === "start" || entry.what === "dead" || entry.what === "moved")
      jobs.set(key, (jobs.get(key) ?? new Set()).add(entry.offset));
    if (entry.what === "lost") log.losses.push(entry);
  }
  for (const [key, offsets] of jobs) logs.get(key)!.jobs.push(...[...offsets].sort((a, b) => a - b));
  return logs;
}

function emptyLog(): Log {
  return {
    jobs: [],
    finishedFirst: 0,
    finished: new Set(),
    dead: new Set(),
    gone: new Set(),
    stored: 0,
    storedFinished: new Set(),
    owner: undefined,
    lastStart: undefined,
    lastEnded: undefined,
    running: new Map(),
    revokedAt: new Map(),
    losses: [],
  };
}

function judge(entry: InPartition, log: Log, say: Say, mayRunOn: MayRunOn): void {
  switch (entry.what) {
    case "assigned":
      log.owner = entry.by;
      log.lastStart = undefined;
      // What runs on from before was told then: that it is owned anew does not begin its grace again.
      if (!log.running.has(entry.by)) log.revokedAt.delete(entry.by);
      return;
    case "revoked":
    case "lost":
      if (log.owner === entry.by) log.owner = undefined;
      if (entry.what === "revoked" && !log.revokedAt.has(entry.by)) log.revokedAt.set(entry.by, entry.at);
      return;
    case "start":
      for (const [by, other] of log.running) {
        if (by === entry.by || !mayRunOn(log, other, entry.at))
          say("S8.3", `the job at ${other.offset} still runs at ${by}`);
      }
      log.running.set(entry.by, entry);
      return judgeStart(entry, log, say);
    case "end":
      log.running.delete(entry.by);
      if (entry.ok) log.finished.add(entry.offset);
      if (log.lastStart?.by === entry.by && log.lastStart.offset === entry.offset) log.lastEnded = entry.ok;
      return;
    case "dead":
      if (log.dead.has(entry.offset)) say("S8.6", "it was a dead letter before");
      if (entry.offset < log.stored) say("S8.6", `the group's offset was ${log.stored} before: it was done`);
      log.dead.add(entry.offset);
      log.gone.add(entry.offset);
      log.finished.add(entry.offset);
      return;
    case "moved":
      if (entry.offset < log.stored) say("S8.6", `the group's offset was ${log.stored} before: it was done`);
      log.gone.add(entry.offset);
      log.finished.add(entry.offset);
      return;
    case "stored":
      return judgeStored(entry, log, say);
    case "commit":
      judgeCommit(entry.offset, log, say);
  }
}

function judgeStored({ offset, finished = [] }: Of<"stored">, log: Log, say: Say): void {
  if (offset < log.stored) say("S3.7", `the group's offset was ${log.stored} before`);
  for (const each of finished) if (!log.finished.has(each)) say("S8.1", `the job at ${each} is not finished`);
  log.stored = offset;
  log.storedFinished = new Set(finished);
  judgeCommit(offset, log, say);
}

function judgeCommit(committed: number, log: Log, say: Say): void {
  const passed = firstUnfinished(log);
  if (passed !== undefined && passed < committed) say("S8.1", `the commit passes the unfinished job at ${passed}`);
}

/** What is finished stays so: each job is passed once. */
function firstUnfinished(log: Log): number | undefined {
  while (log.finishedFirst < log.jobs.length && log.finished.has(log.jobs[log.finishedFirst]!)) log.finishedFirst++;
  return log.jobs[log.finishedFirst];
}

function judgeStart(entry: Of<"start">, log: Log, say: Say): void {
  if (log.owner !== entry.by)
    say("S8.4", `the partition is ${log.owner === undefined ? "nobody's" : `${log.owner}'s`}`);
  const skipped = firstUnfinished(log);
  if (skipped !== undefined && skipped < entry.offset) say("S8.2", `the job at ${skipped} has not ended`);
  if (entry.offset < log.stored) say("S8.2", `it is finished: the group's offset is ${log.stored}`);
  if (log.storedFinished.has(entry.offset)) say("S8.2", "it is finished, as what is committed says");
  const { lastStart, lastEnded } = log;
  if (lastStart !== undefined && lastStart.by === entry.by) {
    const isOver = lastEnded === true || log.gone.has(lastStart.offset);
    const next = log.jobs.find((offset) => offset > lastStart.offset && !log.gone.has(offset));
    if (isOver && entry.offset !== next) say("S8.2", `after the end of ${lastStart.offset}, ${next} is next`);
    if (!isOver && entry.offset !== lastStart.offset) say("S8.2", `${lastStart.offset} has not ended well`);
  }
  log.lastStart = entry;
  log.lastEnded = undefined;
}

function unfinished(entries: readonly LedgerEntry[], logs: ReadonlyMap<string, Log>): string[] {
  return entries.flatMap((entry) => {
    if (entry.what !== "enqueued") return [];
    const log = logs.get(partitionKey(entry.topic, entry.partition))!;
    return log.finished.has(entry.offset)
      ? []
      : [`S8.5 the acknowledged job never ended well: ${JSON.stringify(entry)}`];
  });
}

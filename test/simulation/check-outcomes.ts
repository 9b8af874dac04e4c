import { groupBy } from "../../src/client/group-by.ts";
import { placeText } from "../../src/jobs/record-place.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import type { EntryRecord, JobHistory, QueuedRecord } from "./job-tracker.ts";
import { ends, type Plan, rowsOf } from "./plan.ts";
import { MOST_ATTEMPTS } from "./shape.ts";
import type { Asked, SimulatedWorld } from "./world.ts";

/** What of S8.5 and S8.6 does not hold at the end of a run, where nothing is under way any more: one line for each thing. */
export function checkOutcomes(world: SimulatedWorld): string[] {
  const { tracker, book, asked, ledger } = world;
  const runs = readRuns(ledger.entries);
  const problems = [...tracker.problems, ...tracker.ticks.problems, ...book.problems, ...world.problems];
  for (const one of asked) {
    const history = tracker.history(one.plan.n);
    problems.push(...checkPresence(one, history));
    if (one.kind === "job") problems.push(...checkEnd(world, one.plan, history, runs));
  }
  for (const one of asked) if (one.plan.next !== undefined) problems.push(...checkChild(world, one.plan));
  problems.push(...checkTogether(world), ...checkOrderOfCalls(asked));
  if (tracker.parked > 0) problems.push(`S8.6 ${tracker.parked} jobs are parked still`);
  for (const place of tracker.saved) problems.push(`S7.9 progress of ${place} is left behind`);
  return problems;
}

/** Of each place in a queue where a job was started: how many of its runs were cut short by a death. */
type Runs = ReadonlyMap<string, number>;

function readRuns(entries: readonly LedgerEntry[]): Runs {
  const runs = new Map<string, number>();
  for (const entry of entries) {
    if (entry.what !== "start" && entry.what !== "end") continue;
    const place = placeText(entry);
    runs.set(place, (runs.get(place) ?? 0) + (entry.what === "start" ? 1 : -1));
  }
  return runs;
}

/** Records that nothing was moved to: what the enqueue itself wrote. */
function firsts({ queued, entries, plain }: JobHistory): number {
  const own = entries.filter(({ isMoved }) => !isMoved);
  return (
    queued.filter(({ isMoved }) => !isMoved).length +
    new Set(own.map(({ entry }) => entry)).size +
    (own.length > 0 ? 0 : plain.length)
  );
}

function checkPresence({ plan: { n }, answer, kind }: Asked, history: JobHistory): string[] {
  const count = firsts(history);
  if (count > 1) return [`S8.6 ${kind} ${n} was enqueued ${count} times`];
  if (answer === undefined) return [];
  if (count === 0) return [`S8.5 ${kind} ${n} was acknowledged and is lost`];
  if (answer.state !== "enqueued") return [];
  const { topic, partition, offset } = answer;
  const isThere = history.queued.some(
    (queued) => queued.topic === topic && queued.partition === partition && queued.offset === offset,
  );
  return isThere ? [] : [`S2.1 job ${n} is not where its acknowledgement says: ${JSON.stringify(answer)}`];
}

function wasCancelled(entries: readonly EntryRecord[]): boolean {
  return entries.some(({ verdict }) => verdict === "cancelled");
}

/** Whether the job counts, and was to be run. */
function isToRun(history: JobHistory): boolean {
  return (
    firsts(history) > 0 && !wasCancelled(history.entries) && !history.queued.some(({ isDuplicate }) => isDuplicate)
  );
}

function checkEnd(world: SimulatedWorld, plan: Plan, history: JobHistory, runs: Runs): string[] {
  const problems: string[] = [];
  const { n } = plan;
  const { queued, letters } = history;
  for (const counters of repeated(queued.map((each) => each.counters)))
    problems.push(`S8.6 job ${n} was moved twice in one way (${counters})`);
  for (const redrive of repeated(letters)) problems.push(`S8.6 job ${n} died twice (${redrive})`);
  if (!isToRun(history)) {
    if (queued.some((each) => runs.has(placeText(each)))) problems.push(`S8.6 job ${n} was not to run, and did`);
    return problems;
  }
  if (isDead(history)) return mayDie(world, plan, queued, runs) ? problems : [...problems, `S8.6 job ${n} is dead`];
  if (letters.length !== redrives(history) - 1)
    problems.push(`S8.6 job ${n} has ${letters.length} dead letters, and was redriven ${redrives(history) - 1} times`);
  if (ends(plan) === "never") problems.push(`S8.6 job ${n} can never end, and is not dead`);
  else if (!hasEnded(world, plan)) problems.push(`S8.5 job ${n} never ended`);
  if (world.book.rows(n) !== rowsOf(plan))
    problems.push(`S7.7 job ${n} did ${world.book.rows(n)} of ${rowsOf(plan)} rows`);
  return problems;
}

/** One that hands over has ended with that, though its process may have died before it knew. */
function hasEnded({ book, tracker }: SimulatedWorld, { n, next }: Plan): boolean {
  return book.hasEnded(n) || (next !== undefined && firsts(tracker.history(next)) > 0);
}

/** How often the job was begun anew, the first time included. */
function redrives({ queued }: JobHistory): number {
  return new Set(queued.map(({ counters }) => counters.split("/").at(-1))).size;
}

/** Whether its last end is a dead letter. */
function isDead(history: JobHistory): boolean {
  return history.letters.length === redrives(history);
}

/** A job that fails for ever dies, and one that was running at many a death of a process (S4.8). */
function mayDie({ shape }: SimulatedWorld, plan: Plan, queued: readonly QueuedRecord[], runs: Runs): boolean {
  if (plan.fails === null) return true;
  const cutShort = queued.reduce((sum, each) => sum + (runs.get(placeText(each)) ?? 0), 0);
  return (plan.hasRule ? 0 : plan.fails) + cutShort >= MOST_ATTEMPTS[shape.whenExhausted];
}

/** What a job hands over counts if and only if the job has ended. */
function checkChild({ tracker }: SimulatedWorld, plan: Plan): string[] {
  const history = tracker.history(plan.n);
  const wanted = isToRun(history) && !isDead(history) && ends(plan) === "well" ? 1 : 0;
  const count = firsts(tracker.history(plan.next!));
  return count === wanted ? [] : [`S8.6 job ${plan.n} handed over ${count} times, ${wanted} is right`];
}

/** Of what was enqueued in a transaction all counts, or nothing. */
function checkTogether({ asked, tracker }: SimulatedWorld): string[] {
  const groups = groupBy(
    asked.filter(({ together }) => together !== undefined),
    ({ together }) => together,
  );
  return [...groups.values()].flatMap((group) => {
    const count = group.filter(({ plan }) => firsts(tracker.history(plan.n)) > 0).length;
    return count === 0 || count === group.length
      ? []
      : [`${count} of ${group.length} jobs of one transaction count (${group[0]!.plan.n})`];
  });
}

/** Calls of one process that were not awaited, and went to one partition. */
function checkOrderOfCalls(asked: readonly Asked[]): string[] {
  const last = new Map<string, { readonly n: number; readonly offset: number }>();
  const problems: string[] = [];
  for (const { plan, by, together, answer } of asked) {
    if (together !== undefined || answer?.state !== "enqueued") continue;
    const place = `${by}/${answer.topic}/${answer.partition}`;
    const before = last.get(place);
    if (before !== undefined && before.offset > answer.offset)
      problems.push(`S2.3 job ${plan.n} was enqueued after ${before.n} and comes before it`);
    last.set(place, { n: plan.n, offset: answer.offset });
  }
  return problems;
}

function repeated(values: readonly string[]): Set<string> {
  return new Set(values.filter((value, i) => values.indexOf(value) !== i));
}

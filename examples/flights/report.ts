import { isDeepStrictEqual } from "node:util";
import type { Airport } from "./airport.ts";
import { type Attempt, disorderOf, takeOverOf } from "./attempt.ts";
import { type Mark, picture } from "./picture.ts";
import type { Run } from "./run.ts";
import type { Terminal } from "./terminal.ts";

/** The worker that was killed, and when it was gone. */
export interface Killed {
  readonly worker: string;
  readonly at: number;
}

/** What is known when all is done. */
export interface Outcome {
  readonly run: Run;
  readonly jobs: number;
  readonly attempts: readonly Attempt[];
  readonly killed: Killed;
  /** The airports as the jobs left them. */
  readonly airports: ReadonlyMap<string, Airport>;
  /** The airports as a plain loop leaves them. */
  readonly expected: ReadonlyMap<string, Airport>;
}

/** Tells what happened. Returns whether all that was promised has held. */
export function printReport(outcome: Outcome, terminal: Terminal): boolean {
  const { attempts, killed, run } = outcome;
  terminal.print();
  terminal.print(terminal.paint("bold", "Who ran which partition, when"));
  for (const line of picture(attempts, run.partitions, marksOf(attempts, killed), terminal)) terminal.print(line);
  terminal.print(terminal.paint("gray", "A letter: that worker ran jobs; in lower case: again. A dot: jobs waited."));
  terminal.print();
  terminal.print(terminal.paint("bold", throughput(attempts, killed)));
  terminal.print(`  ${shares(attempts, killed.worker)}`);
  for (const line of rerunLines(attempts, killed.worker)) terminal.print(`  ${line}`);
  terminal.print();
  const checks = checksOf(outcome);
  for (const check of checks) printCheck(check, terminal);
  terminal.print();
  terminal.print(`  ${latest(outcome.airports)}`);
  return checks.every(({ problems }) => problems.length === 0);
}

function marksOf(attempts: readonly Attempt[], killed: Killed): Mark[] {
  const mark = { ...killed, text: `${killed.worker} killed` };
  const takeOver = takeOverOf(attempts, killed);
  if (takeOver === undefined) return [mark];
  return [mark, { worker: takeOver.worker, at: takeOver.start, text: `${takeOver.worker} takes over` }];
}

interface Check {
  readonly holds: string;
  readonly fails: string;
  readonly problems: readonly string[];
}

function checksOf({ jobs, attempts, killed, airports, expected }: Outcome): Check[] {
  const ended = new Set(attempts.filter(({ end }) => end !== undefined).map(jobOf)).size;
  const keys = new Set(attempts.map(({ key }) => key)).size;
  return [
    {
      holds: `no job lost: all ${count(jobs)} have ended`,
      fails: "jobs lost",
      problems: ended === jobs ? [] : [`${count(jobs)} were enqueued, ${count(ended)} have ended`],
    },
    {
      holds: `order held for all ${keys} airports: each one's jobs in order, never two at a time`,
      fails: "order not held",
      problems: disorderOf(attempts, new Map([[killed.worker, killed.at]])),
    },
    {
      holds: `state equal to that of a plain loop over the file, for all ${expected.size} airports`,
      fails: "state not equal to that of a plain loop over the file",
      problems: differencesOf(airports, expected),
    },
  ];
}

/** Where the airports that the jobs made differ from those of the plain loop. */
export function differencesOf(actual: ReadonlyMap<string, Airport>, expected: ReadonlyMap<string, Airport>): string[] {
  return [...new Set([...expected.keys(), ...actual.keys()])]
    .filter((key) => !isDeepStrictEqual(actual.get(key), expected.get(key)))
    .map((key) => `${key}: ${JSON.stringify(actual.get(key))} instead of ${JSON.stringify(expected.get(key))}`);
}

/** Why jobs ran more than once. */
export interface Reruns {
  /** They had ended in the killed worker, but it had not committed them yet. */
  readonly uncommitted: number;
  /** The kill came in the middle of them. */
  readonly cutOff: number;
  /** Their earlier attempt was with a worker that nobody killed. */
  readonly unexplained: number;
}

export function rerunsOf(attempts: readonly Attempt[], killed: string): Reruns {
  const earlier = attempts.flatMap(({ previous }) => (previous === undefined ? [] : [previous]));
  const ofKilled = earlier.filter(({ worker }) => worker === killed);
  const uncommitted = ofKilled.filter(({ end }) => end !== undefined).length;
  return { uncommitted, cutOff: ofKilled.length - uncommitted, unexplained: earlier.length - ofKilled.length };
}

function rerunLines(attempts: readonly Attempt[], killed: string): string[] {
  const { uncommitted, cutOff, unexplained } = rerunsOf(attempts, killed);
  const lines = [
    `${count(uncommitted + cutOff)} jobs ran again because of the kill:`,
    `  ${count(cutOff)} were cut off in the middle, at most one a partition;`,
    `  ${count(uncommitted)} had ended in ${killed} after its last commit: a worker commits once a second`,
    "  (commitInterval), so a kill repeats no more than that. Each of them found",
    "  its own offset in the state, and changed nothing.",
  ];
  if (unexplained > 0) lines.push(`${count(unexplained)} jobs ran again for other reasons.`);
  return lines;
}

function throughput(attempts: readonly Attempt[], killed: Killed): string {
  const begin = Math.min(...attempts.map(({ start }) => start));
  const seconds = (Math.max(...attempts.map(({ start, end }) => end ?? start)) - begin) / 1000;
  const jobs = new Set(attempts.map(jobOf)).size;
  const before = attempts.filter(({ start }) => start < killed.at).length / ((killed.at - begin) / 1000);
  const rate = (jobsPerSecond: number): string => count(Math.round(jobsPerSecond));
  return `${count(jobs)} jobs in ${seconds.toFixed(1)} s: ${rate(jobs / seconds)} a second, ${rate(before)} before the kill`;
}

function shares(attempts: readonly Attempt[], killed: string): string {
  const workers = [...new Set(attempts.map(({ worker }) => worker))].sort();
  return workers
    .map((worker) => {
      const runs = attempts.filter((attempt) => attempt.worker === worker).length;
      return `${worker} ran ${count(runs)}${worker === killed ? " until it was killed" : ""}`;
    })
    .join(" · ");
}

function printCheck({ holds, fails, problems }: Check, terminal: Terminal): void {
  if (problems.length === 0) return terminal.print(`${terminal.paint("green", "✓")} ${holds}`);
  terminal.print(`${terminal.paint("red", "✗")} ${fails}`);
  for (const problem of problems.slice(0, 5)) terminal.print(`    ${problem}`);
  if (problems.length > 5) terminal.print(`    and ${count(problems.length - 5)} more`);
}

/** What the jobs were for. */
function latest(airports: ReadonlyMap<string, Airport>): string {
  const ranked = [...airports].sort(([, a], [, b]) => b.longestLateRow - a.longestLateRow).slice(0, 3);
  const rows = ranked.map(([name, airport]) => `${name} ${airport.longestLateRow}`);
  return `Most flights in a row that were over 15 minutes late: ${rows.join(", ")}`;
}

function jobOf({ partition, offset }: Attempt): string {
  return `${partition}/${offset}`;
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

import { isDeepStrictEqual } from "node:util";
import type { Attempt } from "../flights/attempt.ts";
import { type Mark, picture } from "../flights/picture.ts";
import { count } from "../flights/report.ts";
import type { Terminal } from "../flights/terminal.ts";
import { disorderOf, type End, type History, overlapsOf, repeatsOf, unexplainedOf } from "./history.ts";
import { nameOf } from "./imports.ts";
import { readStrikes } from "./strikes.ts";

/** Tells what happened. Returns whether all that was promised has held. */
export function printReport(
  histories: readonly History[],
  ends: readonly End[],
  checkpointInterval: number,
  terminal: Terminal,
): boolean {
  terminal.print();
  terminal.print(terminal.paint("bold", "Who imported whose rows, when"));
  const users = [...new Set(histories.map((each) => each.import.user))];
  const marks = ends.map(({ kind, worker, at }): Mark => {
    return {
      worker,
      at,
      text: `${worker} ${{ kill: "killed", redeploy: "redeployed", lost: "taken for dead" }[kind]}`,
    };
  });
  const attempts = attemptsOf(histories, users);
  for (const line of picture(attempts, users.length, marks, terminal, (user) => nameOf(users[user]!).slice(0, 12)))
    terminal.print(line);
  terminal.print(
    terminal.paint("gray", "A letter: that worker processed rows; in lower case: again. A dot: they waited."),
  );
  terminal.print();
  for (const line of endLines(histories, ends)) terminal.print(line);
  const [saved, rows] = [`${checkpointInterval / 1000} s`, histories.reduce((sum, { runs }) => sum + rowsOf(runs), 0)];
  terminal.print(`  A worker saves how far its imports are every ${saved} here (checkpointInterval), and`);
  terminal.print("  as it ends in good order: so a kill repeats what was not saved, a deploy nothing.");
  terminal.print();
  const checks = checksOf(histories, ends, rows);
  for (const check of checks) printCheck(check, terminal);
  terminal.print();
  terminal.print(`  ${dearest(histories)}`);
  return checks.every(({ problems }) => problems.length === 0);
}

/** Rows that were processed, each as often as it was. */
function rowsOf(runs: History["runs"]): number {
  return runs.reduce((sum, run) => sum + run.rows.length, 0);
}

/** Rows as the picture of the flights has its jobs. */
function attemptsOf(histories: readonly History[], users: readonly string[]): Attempt[] {
  return histories.flatMap(({ import: { id, user }, runs }) => {
    const seen = new Map<number, Attempt>();
    return runs.flatMap(({ worker, rows }) =>
      rows.map(({ row, at }) => {
        const place = { partition: users.indexOf(user), offset: row, key: id };
        const attempt = { ...place, worker, start: at, end: at, changed: true, previous: seen.get(row) };
        seen.set(row, attempt);
        return attempt;
      }),
    );
  });
}

const SAID = { kill: "killed (SIGKILL)", redeploy: "redeployed (SIGTERM)", lost: "taken for dead" } as const;

/** What each end of a worker came to. */
function endLines(histories: readonly History[], ends: readonly End[]): string[] {
  const began = Math.min(...histories.flatMap(({ runs }) => runs.map(({ at }) => at)));
  const repeats = histories.flatMap(repeatsOf);
  return ends.map(({ kind, worker, at }) => {
    const own = repeats.filter((each) => each.worker === worker);
    const rows = own.reduce((sum, each) => sum + each.rows, 0);
    const time = `${((at - began) / 1000).toFixed(1)} s`.padStart(7);
    const what = `${worker} was ${SAID[kind]}`;
    const oldest = Math.max(0, ...own.map(({ span }) => span));
    const last = rows < 2 ? "" : `, those of its last ${count(Math.round(oldest))} ms`;
    return `${time}  ${what.padEnd(27)} ${count(rows)} row${rows === 1 ? "" : "s"} again${last}`;
  });
}

interface Check {
  readonly holds: string;
  readonly fails: string;
  readonly problems: readonly string[];
}

function checksOf(histories: readonly History[], ends: readonly End[], rows: number): Check[] {
  const total = histories.reduce((sum, { import: { from, to } }) => sum + to - from, 0);
  return [
    {
      holds: `ended once: each of the ${histories.length} imports`,
      fails: "ended once: not all",
      problems: histories
        .filter(({ finished }) => finished.length !== 1)
        .map((each) => `${each.import.id} has ended ${each.finished.length} times`),
    },
    {
      holds: `in order, none left out: the ${count(total)} rows; each user's files one after the other`,
      fails: "not in order",
      problems: [...disorderOf(histories), ...overlapsOf(histories)],
    },
    {
      holds: `processed again: ${count(rows - total)} rows, all of killed workers, since their last checkpoint`,
      fails: "processed again without a reason",
      problems: unexplainedOf(histories, ends),
    },
    {
      holds: "added up as a plain loop does it: what each import cost",
      fails: "added up wrongly",
      problems: sums(histories),
    },
  ];
}

function sums(histories: readonly History[]): string[] {
  const strikes = readStrikes();
  return histories.flatMap(({ import: { id, user, from, to }, finished }) => {
    const cost = strikes
      .get(user)!
      .slice(from, to)
      .reduce((sum, each) => sum + each.cost, 0);
    const told = finished.map((each) => each.cost);
    return told.every((each) => isDeepStrictEqual(each, cost)) ? [] : [`${id}: ${told.join()} instead of ${cost}`];
  });
}

function printCheck({ holds, fails, problems }: Check, terminal: Terminal): void {
  if (problems.length === 0) return terminal.print(`${terminal.paint("green", "✓")} ${holds}`);
  terminal.print(`${terminal.paint("red", "✗")} ${fails}`);
  for (const problem of problems.slice(0, 5)) terminal.print(`    ${problem}`);
  if (problems.length > 5) terminal.print(`    and ${count(problems.length - 5)} more`);
}

/** What the imports were for. */
function dearest(histories: readonly History[]): string {
  const costs = new Map<string, number>();
  for (const {
    import: { user },
    finished,
  } of histories)
    costs.set(user, (costs.get(user) ?? 0) + (finished[0]?.cost ?? 0));
  const ranked = [...costs].sort(([, a], [, b]) => b - a).slice(0, 3);
  return `Dearest birds: ${ranked.map(([user, cost]) => `${nameOf(user)} $${count(cost)}`).join(", ")}`;
}

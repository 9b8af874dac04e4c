import { groupBy } from "../../src/client/group-by.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import type { Evidence } from "./evidence.ts";

interface Work {
  /** The row that is to be done next, as far as anybody has noted. */
  next: number;
  readonly runs: Map<string, { readonly since: number; last: number | undefined }>;
}

/**
 * S7.7, S8.8: each run of a job with steps begins at the latest where the one before it was, and not before what was saved
 * by then; within a run row follows row; in the end all are done.
 */
export function checkRows({ entries, jobs, saved }: Pick<Evidence, "entries" | "jobs" | "saved">): string[] {
  const problems: string[] = [];
  const works = new Map<string, Work>();
  const savedOf = groupBy(saved, ({ place }) => place);
  for (const job of jobs)
    if (job.task.does === "steps") works.set(`${job.partition}/${job.offset}`, { next: 0, runs: new Map() });
  for (const entry of entries) {
    if (entry.what !== "start" && entry.what !== "row") continue;
    const place = `${entry.partition}/${entry.offset}`;
    const work = works.get(place);
    if (work === undefined) continue;
    if (entry.what === "start") {
      work.runs.set(entry.by, { since: entry.at, last: undefined });
      continue;
    }
    const { row, by } = entry;
    const run = work.runs.get(by)!;
    if (run.last === undefined)
      problems.push(...judgeFirst(place, entry, work.next, run.since, savedOf.get(place) ?? []));
    else if (row !== run.last + 1) problems.push(`S7.7 ${place}: ${by} does row ${row} after ${run.last}`);
    run.last = row;
    work.next = Math.max(work.next, row + 1);
  }
  for (const { partition, offset, task } of jobs) {
    const work = works.get(`${partition}/${offset}`);
    if (work !== undefined && work.next !== task.rows)
      problems.push(`S7.7 ${partition}/${offset}: ${work.next} of ${task.rows} rows are done`);
  }
  return problems;
}

type Row = Extract<LedgerEntry, { readonly what: "row" }>;

function judgeFirst(place: string, { row, by }: Row, next: number, since: number, saved: Evidence["saved"]): string[] {
  const problems: string[] = [];
  if (row > next) problems.push(`S7.7 ${place}: ${by} begins at row ${row}, ${next} is next`);
  const checkpoint = saved.findLast(({ at }) => at < since)?.rows ?? 0;
  if (row < checkpoint) problems.push(`S8.8 ${place}: ${by} begins at row ${row}, ${checkpoint} rows were saved`);
  return problems;
}

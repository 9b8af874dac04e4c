import { AssertionError } from "node:assert";
import type { JobDefinition } from "../jobs/job-options.ts";
import type { JobLog, LoggedRun, SeenJob, SeenRun } from "./job-log.ts";
import { asText, matches } from "./match.ts";
import { describeRun, disorderOf, gatherByKey } from "./run-order.ts";

/** How many entries a message lists. */
const SHOWN = 10;

/** Payloads that are asked for: none, or whatever a job is to have. */
type Wanted = readonly [payload?: unknown];

export function assertEnqueued(log: JobLog, job: JobDefinition, wanted: Wanted): void {
  const found = log.enqueuedOf(job);
  if (found.some(({ payload }) => isWanted(payload, wanted))) return;
  fail(`${nameOf(job, wanted)} was not enqueued${listOf(found, log.enqueued)}`);
}

export function assertNotEnqueued(log: JobLog, job: JobDefinition, wanted: Wanted): void {
  const found = log.enqueuedOf(job).filter(({ payload }) => isWanted(payload, wanted));
  if (found.length === 0) return;
  fail(`${nameOf(job, wanted)} should not have been enqueued, and was:${linesOf(found.map(describeJob))}`);
}

export function assertPerformed(log: JobLog, job: JobDefinition, wanted: Wanted): void {
  const runs = log.runsOf(job);
  if (completed(runs).some(({ payload }) => isWanted(payload, wanted))) return;
  const ofIt = runs.length === 0 ? "" : `. Runs of it:${linesOf(runs.map(describeOutcome))}`;
  const enqueued = runs.length === 0 ? listOf(log.enqueuedOf(job), log.enqueued) : "";
  fail(`${nameOf(job, wanted)} was not performed${ofIt}${enqueued}`);
}

export function assertNotPerformed(log: JobLog, job: JobDefinition, wanted: Wanted): void {
  const runs = completed(log.runsOf(job)).filter(({ payload }) => isWanted(payload, wanted));
  if (runs.length === 0) return;
  fail(`${nameOf(job, wanted)} should not have been performed, and was:${linesOf(runs.map(describeOutcome))}`);
}

export function assertPerformedInOrder(log: JobLog, job: JobDefinition, keyOf: (run: SeenRun) => unknown): void {
  const runs = log.runsOf(job);
  if (completed(runs).length === 0) {
    fail(`no job "${job.name}" was performed, so nothing can be said of order${listOf([], log.enqueued)}`);
  }
  const keyed = gatherByKey(log.runnableOf(job), runs, (each) => keyOf(each as SeenRun), job.schema === undefined);
  for (const group of keyed) {
    const problem = disorderOf(group);
    if (problem === undefined) continue;
    const lines = linesOf(group.runs.map((run) => `${describeRun(run)}: ${asText(run.payload)} ${run.state}`));
    fail(`job "${job.name}" was not performed in order for key ${asText(group.key)}: ${problem}. Its runs:${lines}`);
  }
}

export function completed(runs: readonly LoggedRun[]): LoggedRun[] {
  return runs.filter(({ state }) => state === "completed");
}

function isWanted(payload: unknown, wanted: Wanted): boolean {
  return wanted.length === 0 || matches(payload, wanted[0]);
}

function nameOf({ name }: JobDefinition, wanted: Wanted): string {
  return wanted.length === 0 ? `job "${name}"` : `job "${name}" with ${asText(wanted[0])}`;
}

function listOf(ofIt: readonly SeenJob[], all: readonly SeenJob[]): string {
  if (ofIt.length > 0) return `. What was, of it:${linesOf(ofIt.map(describeJob))}`;
  if (all.length === 0) return ". Nothing was enqueued.";
  const counts = new Map<string, number>();
  for (const { name } of all) counts.set(name, (counts.get(name) ?? 0) + 1);
  return `. What was enqueued: ${[...counts].map(([name, count]) => `${count} × "${name}"`).join(", ")}`;
}

function describeJob({ payload, queue, partition, offset, dueAt }: SeenJob): string {
  const way = dueAt === undefined ? `on its way to ${queue}` : `scheduled for ${dueAt.toISOString()}`;
  const place = partition < 0 ? way : `at ${queue}/${partition}/${offset}`;
  return `${asText(payload)} ${place}`;
}

function describeOutcome(run: LoggedRun): string {
  const error = run.state === "failed" ? `: ${String(run.error)}` : "";
  return `${asText(run.payload)}, attempt ${run.attempt} ${run.state}${error}`;
}

function linesOf(lines: readonly string[]): string {
  const more = lines.length > SHOWN ? [`… and ${lines.length - SHOWN} more`] : [];
  return [...lines.slice(0, SHOWN), ...more].map((line) => `\n  ${line}`).join("");
}

function fail(message: string): never {
  throw new AssertionError({ message, operator: "fail", stackStartFn: fail });
}

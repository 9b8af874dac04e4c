import { partitionForKey } from "../../protocol/murmur2.ts";
import { GRACES } from "../kill/fault-run.ts";
import { miscounted, rerunsAfterRelease } from "../kill/run-checks.ts";
import { checkLedger, UNANSWERED } from "../support/check-ledger.ts";
import { checkSchedules } from "../support/check-schedules.ts";
import { MAX_RETRIES } from "./chaos-run.ts";
import { checkRows } from "./check-rows.ts";
import type { Evidence, LoggedJob } from "./evidence.ts";

/** What is checked of a round, by the number of the promise. A problem's line begins with it. */
export const CHECKED: Readonly<Record<string, string>> = {
  "S2.1": "What was acknowledged is in the log, at the place that its enqueuer was told.",
  "S2.2": "The key decides the partition, by a number of partitions that the queue has had by then.",
  "S2.3": "Calls of one producer are in the log in their order, none twice; those of one transaction all or none.",
  "S3.1":
    "What ended well at a worker that let go of its partition in good order was committed, and does not run again.",
  "S3.7": "The group's offset never goes back.",
  "S3.9": "A job that hands over does so exactly once, in one transaction with its own end.",
  "S4.1": "Attempts are counted through kills, rebalances and restarts; nobody else's are.",
  "S4.5": "Jobs that fail for good are dead letters, each once, and no other job is.",
  "S7.2": "Scheduled jobs of one key that fall due together leave in the order of scheduling.",
  "S7.4": "No scheduled job is given up.",
  "S7.5": "Of a dispatch, a cancellation and a move, one counts, and the asker was told which.",
  "S7.7": "Steps go on where they were: no row is skipped, and all are done.",
  "S8.1": "No commit passes an unfinished job.",
  "S8.2": "Jobs of a partition start in order, none is skipped, and none that is finished starts again.",
  "S8.3": "One attempt at a time, but where a worker was expelled or kept a partition beyond its grace.",
  "S8.4": "After a revocation or loss nothing of the partition starts.",
  "S8.5": "Every acknowledged job has ended.",
  "S8.6": "Every job has one committed outcome.",
  "S8.7": "Scheduled jobs are never early, are dispatched once, and run.",
  "S8.8": "A job with steps resumes at or after its last saved checkpoint.",
  "S8.9": "A worker that is told to stop ends within its deadline, or 15 s later where brokers do not answer.",
};

/** What does not hold. */
export function checkEvidence(evidence: Evidence): string[] {
  const entries = evidence.entries.filter(({ what }) => what !== "row");
  const poison = new Set(evidence.jobs.filter(isPoison).map(placeOf));
  return [
    ...checkLedger(entries, GRACES),
    ...rerunsAfterRelease(entries).map((problem) => problem.replace(/^S6\.1/, "S3.1")),
    ...miscounted(entries, poison, MAX_RETRIES + 1).map((problem) => problem.replace(/^S4\.8/, "S4.1")),
    ...checkLetters(evidence, poison),
    ...checkCalls(evidence),
    ...checkHanded(evidence),
    ...checkSchedules(evidence.asked, evidence.scheduleLogs, evidence.ranOfScheduled),
    ...checkRows(evidence),
    ...checkClosings(evidence),
  ];
}

const isPoison = ({ task }: LoggedJob): boolean => task.does === "fail" || task.does === "kill";
const placeOf = ({ partition, offset }: { partition: number; offset: number }): string => `${partition}/${offset}`;

function checkLetters({ letters }: Evidence, poison: ReadonlySet<string>): string[] {
  const dead = new Set(letters.map(({ origin }) => placeOf(origin!)));
  return [
    ...[...poison].filter((place) => !dead.has(place)).map((place) => `S4.5 ${place} is no dead letter`),
    ...[...dead]
      .filter((place) => !poison.has(place))
      .map((place) => `S4.5 ${place} is a dead letter, and never failed`),
  ];
}

/** What the enqueuer was told is so, and the log is in the order of its calls. */
export function checkCalls({ calls, jobs, growths }: Pick<Evidence, "calls" | "jobs" | "growths">): string[] {
  const problems: string[] = [];
  const found = new Map<number, LoggedJob>();
  const lasts = new Map<number, number>();
  for (const job of jobs) {
    const i = job.task.i!;
    const call = calls[i];
    if (call === undefined) {
      problems.push(`S2.3 ${placeOf(job)} was never called for`);
      continue;
    }
    if (found.has(i)) problems.push(`S2.3 call ${i} is at ${placeOf(found.get(i)!)} and at ${placeOf(job)}`);
    found.set(i, job);
    const counts = growths.filter(({ at }, nth) => nth === 0 || at <= call.endedAt).map(({ partitions }) => partitions);
    const key = new TextEncoder().encode(job.task.key);
    if (!counts.some((count) => partitionForKey(key, count) === job.partition))
      problems.push(`S2.2 ${job.task.key} is at ${placeOf(job)}, of ${counts.join(" or ")} partitions`);
    // A transaction has a producer of its own.
    if (call.together !== undefined) continue;
    const last = lasts.get(job.partition) ?? -1;
    if (last > i) problems.push(`S2.3 call ${i} is at ${placeOf(job)}, behind call ${last}`);
    lasts.set(job.partition, Math.max(last, i));
  }
  const parts = new Map<number, number[]>();
  for (const { i, state, place, together } of calls) {
    const job = found.get(i);
    if (state === "open") problems.push(`S2.8 call ${i} has not ended`);
    if (state === "acked" && (job === undefined || placeOf(job) !== placeOf(place!)))
      problems.push(
        `S2.1 call ${i} is not at ${placeOf(place!)}${job === undefined ? "" : `, but at ${placeOf(job)}`}`,
      );
    if (together !== undefined) parts.set(together, [...(parts.get(together) ?? []), job === undefined ? 0 : 1]);
  }
  for (const [together, own] of parts)
    if (new Set(own).size > 1) problems.push(`S2.3 of transaction ${together} some jobs are there, some not`);
  return problems;
}

function checkHanded({ jobs, handed }: Pick<Evidence, "jobs" | "handed">): string[] {
  const counts = new Map<string, number>();
  for (const place of handed.map(placeOf)) counts.set(place, (counts.get(place) ?? 0) + 1);
  const own = jobs.filter(({ task }) => task.does === "hand").map(placeOf);
  const known = new Set(own);
  return [
    ...own
      .filter((place) => counts.get(place) !== 1)
      .map((place) => `S3.9 ${place} has handed over ${counts.get(place) ?? 0} times`),
    ...[...counts.keys()].filter((place) => !known.has(place)).map((place) => `S3.9 ${place} had nothing to hand over`),
  ];
}

/** A busy machine takes its time (ms) to end a process. */
const CLOSING_SLACK = 2_000;

function checkClosings({ closings }: Pick<Evidence, "closings">): string[] {
  return closings
    .filter((ms) => ms > GRACES.shutdownTimeout + UNANSWERED + CLOSING_SLACK)
    .map((ms) => `S8.9 a worker took ${ms} ms to close`);
}

import type { LedgerEntry } from "../support/ledger.ts";
import type { ChaosRun } from "./chaos-run.ts";
import { FAULTS } from "./choose-faults.ts";
import type { Passage } from "./do-fault.ts";
import type { Evidence } from "./evidence.ts";
import { activity, costOf, type Rerun, reruns, throughput } from "./round-figures.ts";
import type { PassageRecord, RerunRecord, RoundCounts, RoundRecord } from "./round-record.ts";

/** Problems of which the text is kept. */
const MOST_PROBLEMS = 20;
/** Re-runs of which the age is kept, of each kind. */
const MOST_RERUNS = 100;

export type RoundFrame = Pick<RoundRecord, "round" | "seed" | "versions" | "commit">;

/** What is kept of a round that began at `began` and ended at `to`, as all processes have the time. */
export function makeRecord(
  run: ChaosRun,
  frame: RoundFrame,
  seen: { readonly began: number; readonly to: number; readonly passages: readonly Passage[] },
  evidence: Evidence,
  problems: readonly string[],
): RoundRecord {
  const { began, to } = seen;
  const { entries } = evidence;
  const times = activity(entries);
  const isOutside = ({ faults }: Passage): boolean =>
    faults.some(({ kind }) => FAULTS[kind].where === "brokers" || FAULTS[kind].where === "network");
  const again = reruns(entries, seen.passages.filter(isOutside));
  return {
    ...frame,
    ...{ began: Math.round(began), took: Math.round(to - began), groupProtocol: run.plan.groupProtocol },
    ...{ partitions: [run.plan.partitions, run.partitions], workers: run.plan.workers },
    counts: countAll(run, evidence, again.length),
    byRuntime: byRuntime(run, entries),
    failures: Object.fromEntries(run.load.failures),
    verdicts: Object.fromEntries(run.schedules.verdicts),
    passages: seen.passages.map((passage): PassageRecord => {
      const { faults, from, over, to } = passage;
      return {
        faults: faults.map(({ kind, ms, reach }) => ({
          ...{ kind, ms },
          ...(FAULTS[kind].where === "network" ? { reach } : {}),
        })),
        ...{ from: Math.round(from - began), over: Math.round(over - began), to: Math.round(to - began) },
        ...costOf(times, passage),
      };
    }),
    throughput: throughput(entries, began, to),
    reruns: sample(again),
    closings: run.closings,
    problems: countBy(problems, (problem) => /^S\d+\.\d+/.exec(problem)?.[0] ?? "other"),
    firstProblems: problems.slice(0, MOST_PROBLEMS),
  };
}

function countAll(run: ChaosRun, evidence: Evidence, again: number): RoundCounts {
  const { entries, calls, jobs, scheduleLogs } = evidence;
  const count = (what: LedgerEntry["what"]): number => entries.filter((entry) => entry.what === what).length;
  const rows = new Set(entries.flatMap((e) => (e.what === "row" ? [`${e.partition}/${e.offset}/${e.row}`] : [])));
  return {
    ...{ calls: calls.length, failedCalls: calls.filter(({ state }) => state === "failed").length },
    ...{ enqueued: jobs.length, scheduled: evidence.asked.length, dispatched: scheduleLogs.queue.length },
    ...{ starts: count("start"), ended: entries.filter((entry) => entry.what === "end" && entry.ok).length },
    ...{ reruns: again, dead: count("dead"), handed: evidence.handed.length },
    steps: jobs.filter(({ task }) => task.does === "steps").length,
    ...{ rowsAgain: count("row") - rows.size, commits: count("stored"), assignments: count("assigned") },
    ...{ hired: run.runtimeOf.size, died: count("died"), closed: count("closing") },
  };
}

function byRuntime(run: ChaosRun, entries: readonly LedgerEntry[]): Record<string, number> {
  const ended = entries.flatMap((entry) => (entry.what === "end" && entry.ok ? [run.runtimeOf.get(entry.by)!] : []));
  return countBy(ended, (name) => name);
}

function countBy<T>(all: readonly T[], name: (one: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[name(one)] = (counts[name(one)] ?? 0) + 1;
  return counts;
}

function sample(again: readonly Rerun[]): RerunRecord {
  const ages = (isSudden: boolean): number[] => {
    const all = again.flatMap((each) => (each.isSudden === isSudden ? [Math.round(each.age)] : []));
    all.sort((a, b) => a - b);
    if (all.length <= MOST_RERUNS) return all;
    // With the least and the most.
    return Array.from({ length: MOST_RERUNS }, (_, i) => all[Math.round((i * (all.length - 1)) / (MOST_RERUNS - 1))]!);
  };
  return { sudden: ages(true), others: ages(false) };
}

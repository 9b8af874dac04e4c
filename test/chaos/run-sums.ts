import { FAULT_KINDS, type FaultKind } from "./choose-faults.ts";
import type { RoundCounts, RoundRecord } from "./round-record.ts";
import { playedOf, type StateLine } from "./run-state.ts";

/** What one kind of fault did, over all rounds. Times in milliseconds. */
export interface KindSums {
  readonly kind: FaultKind;
  readonly alone: number;
  readonly together: number;
  /** Of those that came alone, sorted. */
  readonly recoveries: readonly number[];
  /** Of those that came with others. */
  readonly recoveriesTogether: readonly number[];
  readonly longestStall: number;
  readonly longestStallTogether: number;
}

/** What a run has come to. */
export interface RunSums {
  readonly played: readonly RoundRecord[];
  readonly broken: number;
  readonly took: number;
  readonly counts: RoundCounts;
  readonly faults: number;
  readonly kinds: readonly KindSums[];
  readonly byRuntime: ReadonlyMap<string, number>;
  readonly failures: ReadonlyMap<string, number>;
  readonly verdicts: ReadonlyMap<string, number>;
  readonly problems: ReadonlyMap<string, number>;
  readonly closings: readonly number[];
  /** As {@link RoundRecord.reruns}. */
  readonly sudden: readonly number[];
  readonly others: readonly number[];
}

const ascending = (a: number, b: number): number => a - b;

export function sumUp(rounds: readonly StateLine[]): RunSums {
  const played = playedOf(rounds);
  const passages = played.flatMap((round) => round.passages);
  const counts: Record<string, number> = {};
  for (const round of played) addAll(counts, round.counts);
  const maps = (of: (round: RoundRecord) => Readonly<Record<string, number>>): ReadonlyMap<string, number> => {
    const sums: Record<string, number> = {};
    for (const round of played) addAll(sums, of(round));
    return new Map(Object.entries(sums).sort(([, a], [, b]) => b - a));
  };
  return {
    ...{ played, broken: rounds.length - played.length },
    took: played.reduce((sum, { took }) => sum + took, 0),
    counts: { ...NOTHING, ...counts },
    faults: passages.reduce((sum, { faults }) => sum + faults.length, 0),
    kinds: FAULT_KINDS.map((kind) => sumKind(kind, passages)),
    ...{ byRuntime: maps((round) => round.byRuntime), failures: maps((round) => round.failures) },
    ...{ verdicts: maps((round) => round.verdicts), problems: maps((round) => round.problems) },
    closings: played.flatMap(({ closings }) => closings).sort(ascending),
    sudden: played.flatMap(({ reruns }) => reruns.sudden).sort(ascending),
    others: played.flatMap(({ reruns }) => reruns.others).sort(ascending),
  };
}

const NOTHING: RoundCounts = {
  ...{ calls: 0, failedCalls: 0, enqueued: 0, scheduled: 0, dispatched: 0, starts: 0, ended: 0, reruns: 0, dead: 0 },
  ...{ handed: 0, steps: 0, rowsAgain: 0, commits: 0, assignments: 0, hired: 0, died: 0, closed: 0 },
};

function addAll(sums: Record<string, number>, more: object): void {
  for (const [name, value] of Object.entries(more) as [string, number][]) sums[name] = (sums[name] ?? 0) + value;
}

function sumKind(kind: FaultKind, passages: RoundRecord["passages"]): KindSums {
  const own = passages.filter(({ faults }) => faults.some((fault) => fault.kind === kind));
  const alone = own.filter(({ faults }) => faults.length === 1);
  const together = own.filter(({ faults }) => faults.length > 1);
  return {
    ...{ kind, alone: alone.length, together: together.length },
    recoveries: alone.map(({ recovery }) => recovery).sort(ascending),
    recoveriesTogether: together.map(({ recovery }) => recovery).sort(ascending),
    longestStall: Math.max(0, ...alone.map(({ stall }) => stall)),
    longestStallTogether: Math.max(0, ...together.map(({ stall }) => stall)),
  };
}

/** Of sorted numbers. NaN: there are none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}

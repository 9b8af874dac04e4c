import { type GrowthRule, type Point, type Trend, trendOf } from "./growth.ts";
import type { Sample } from "./probe.ts";

/** A sample, as it was heard of. */
export interface SeenSample extends Sample {
  /** How late timers were meanwhile in a process that did next to nothing: what the machine has to do with it. */
  readonly idleDelay: number;
}

/** What the worker says more than any process. */
export interface WorkerSample extends SeenSample {
  /** Jobs that it has run so far. */
  readonly ran: number;
  readonly lag: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface Judgement {
  readonly of: string;
  readonly measure: string;
  readonly unit: string;
  readonly rule: GrowthRule;
  /** Undefined: there was too little to judge by. */
  readonly trend: Trend | undefined;
}

interface Measure<S> {
  readonly measure: string;
  readonly unit: string;
  readonly rule: GrowthRule;
  /** Of a sample and the one before. Undefined: it does not tell. */
  value(sample: S, before: S): number | undefined;
}

const MB = 1_000_000;
const rises = (tolerance: number, floor: number): GrowthRule => ({ bad: "rise", tolerance, floor });

const OF_ALL: readonly Measure<SeenSample>[] = [
  // Before, it is what the collector has not come to give back yet.
  { measure: "RSS after gc", unit: "MB", rule: rises(0.15, 15), value: ({ rss, heap }) => heap && rss / MB },
  { measure: "heap after gc", unit: "MB", rule: rises(0.1, 3), value: ({ heap }) => heap && heap / MB },
  {
    ...{ measure: "outside of the heap after gc", unit: "MB", rule: rises(0.25, 4) },
    value: ({ external, heap }) => heap && external / MB,
  },
  { measure: "outside of the heap", unit: "MB", rule: rises(0.25, 16), value: ({ external }) => external / MB },
  { measure: "handles", unit: "", rule: rises(0.2, 5), value: ({ handles }) => handles },
  { measure: "open files", unit: "", rule: rises(0.2, 4), value: ({ files }) => files },
  {
    ...{ measure: "event loop delay, p99", unit: "ms", rule: rises(0.5, 25) },
    value: ({ delay, idleDelay }) => Math.max(0, delay - idleDelay),
  },
];
const OF_WORKER: readonly Measure<WorkerSample>[] = [
  ...OF_ALL,
  {
    ...{ measure: "throughput", unit: "jobs/s", rule: { bad: "fall", tolerance: 0.1, floor: 0 } },
    value: throughput,
  },
  {
    ...{ measure: "processor time of a job", unit: "ms", rule: rises(0.3, 0.1) },
    value: (sample, before) => (sample.cpu - before.cpu) / Math.max(1, sample.ran - before.ran),
  },
  { measure: "lag", unit: "jobs", rule: rises(1, 500), value: ({ lag }) => lag },
];

export function throughput(sample: WorkerSample, before: WorkerSample): number {
  return ((sample.ran - before.ran) / (sample.at - before.at)) * 1_000;
}

export function judge(worker: readonly WorkerSample[], broker: readonly SeenSample[]): Judgement[] {
  return [...judgements("worker", worker, OF_WORKER), ...judgements("broker", broker, OF_ALL)];
}

function judgements<S extends SeenSample>(
  of: string,
  samples: readonly S[],
  measures: readonly Measure<S>[],
): Judgement[] {
  if (samples.length === 0) return [];
  return measures.flatMap(({ measure, unit, rule, value }) => {
    const points = samples.slice(1).flatMap((sample, i): Point[] => {
      const found = value(sample, samples[i]!);
      return found === undefined ? [] : [{ at: sample.at, value: found }];
    });
    // What a runtime does not tell of.
    if (points.every((point) => point.value === 0)) return [];
    return [{ of, measure, unit, rule, trend: trendOf(points, rule) }];
  });
}

export function tableOf(judgements: readonly Judgement[]): string {
  const rows = judgements.map(({ of, measure, unit, rule, trend }) => {
    const limit = `${rule.bad === "rise" ? "+" : "−"}${Math.round(rule.tolerance * 100)} %`;
    if (trend === undefined) return [of, measure, "", "", "", limit, "too few samples"];
    const { level, change, steadiness, isBad } = trend;
    const share = level === 0 ? "" : `${((change / level) * 100).toFixed(1)} %`;
    const text = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`.trimEnd();
    return [of, measure, text(level), text(change), share, limit, isBad ? `✗ (${steadiness.toFixed(2)})` : "✓"];
  });
  const all = [["", "", "level", "change", "", "limit", ""], ...rows];
  const widths = all[0]!.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return all.map((row) => line(row).trimEnd()).join("\n");
}

import { chanceOf } from "../../src/testing/chance.ts";
import { chooseFaults, FAULT_KINDS, FAULTS } from "./choose-faults.ts";
import type { RoundRecord } from "./round-record.ts";

/** A round as it could have been. */
export function madeRound(round: number, changes: Partial<RoundRecord> = {}): RoundRecord {
  const random = chanceOf(round);
  const took = 160_000 + Math.floor(random() * 90_000);
  const passages: RoundRecord["passages"][number][] = [];
  for (let from = 4_000; from < took - 40_000; ) {
    const faults = chooseFaults(random, { kinds: FAULT_KINDS, session: 3_000 });
    const over = from + Math.max(...faults.map(({ ms }) => ms));
    const recovery = Math.floor(random() ** 3 * 12_000);
    const to = over + recovery + 500;
    passages.push({
      faults: faults.map(({ kind, ms, reach }) => ({
        kind,
        ms,
        ...(FAULTS[kind].where === "network" ? { reach } : {}),
      })),
      ...{ from, over, to, stall: Math.floor(recovery * random()) + 200, recovery },
    });
    from = to + 1_000 + Math.floor(random() * 3_000);
  }
  const ages = (most: number): number[] =>
    Array.from({ length: 40 }, () => Math.floor(random() * most)).sort((a, b) => a - b);
  return {
    ...{
      round,
      seed: 7,
      began: 1_700_000_000_000 + round * 250_000,
      took,
      groupProtocol: round % 2 ? "classic" : "consumer",
    },
    ...{ partitions: [6, round % 3 ? 6 : 8], workers: 4, commit: "0123456789ab" },
    versions: { kafka: "Apache Kafka 4.3.0", node: "24.0.0", deno: "2.0.0", bun: "1.0.0" },
    counts: {
      ...{
        calls: 20_000,
        failedCalls: 12,
        enqueued: 19_990,
        scheduled: 1_000,
        dispatched: 940,
        starts: 21_500,
        ended: 20_900,
      },
      ...{
        reruns: 160,
        dead: 180,
        handed: 490,
        steps: 160,
        rowsAgain: 40,
        commits: 4_000,
        assignments: 210,
        hired: 34,
      },
      ...{ died: 12, closed: 18 },
    },
    byRuntime: { node: 7_000, deno: 6_900, bun: 7_000 },
    failures: { REQUEST_TIMED_OUT: 12 },
    verdicts: { cancelled: 50, rescheduled: 61, tooLate: 4 },
    passages,
    throughput: Array.from({ length: Math.ceil(took / 1_000) }, (_, i) =>
      Math.floor(i > took / 1_000 - 10 ? 5 : 90 + 80 * random()),
    ),
    reruns: { sudden: ages(260), others: ages(9_000) },
    closings: [120, 300, 900],
    ...{ problems: {}, firstProblems: [] },
    ...changes,
  };
}

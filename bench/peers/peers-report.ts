import { spread } from "../growth/figures.ts";
import { aligned } from "../growth/render/aligned.ts";
import { spreadText } from "../growth/render/format.ts";
import type { Outcome } from "./cost-of.ts";

/** By scenario, then by peer: what each round has found. */
export type PeerOutcomes = ReadonlyMap<string, ReadonlyMap<string, readonly Outcome[]>>;

const UNITS: Readonly<Record<string, string>> = { rate: "a second", p50: "ms, p50", p99: "ms, p99" };

/** A table a measure: medians with the least and the most, and how many times as good as the best of the others. */
export function peersReport(outcomes: PeerOutcomes, own: string): string {
  return [...outcomes].map(([scenario, peers]) => scenarioReport(scenario, peers, own)).join("\n");
}

function scenarioReport(scenario: string, peers: ReadonlyMap<string, readonly Outcome[]>, own: string): string {
  const keys = Object.keys([...peers.values()][0]?.[0]?.found ?? {});
  const head = [scenario, ...keys.flatMap((key) => [UNITS[key] ?? key, "of the best peer"]), "CPU s per million", "MB"];
  const rows = [...peers].map(([name, all]) => {
    const measured = keys.flatMap((key) => {
      const best = bestOf(
        [...peers].filter(([peer]) => peer !== own),
        key,
      );
      const { median } = spread(all.map(({ found }) => found[key]!))!;
      return [told(all.map(({ found }) => found[key]!)), best === undefined ? "–" : `× ${(median / best).toFixed(2)}`];
    });
    return [name, ...measured, told(all.map(({ cpu }) => cpu)), told(all.map(({ memory }) => memory))];
  });
  const lines = aligned([head, ...rows]).map((cells) => cells.join("  "));
  return `${lines.join("\n")}\n`;
}

/** The highest rate, but the lowest latency. */
function bestOf(peers: readonly (readonly [string, readonly Outcome[]])[], key: string): number | undefined {
  const medians = peers.map(([, all]) => spread(all.map(({ found }) => found[key]!))!.median);
  if (medians.length === 0) return undefined;
  return key === "rate" ? Math.max(...medians) : Math.min(...medians);
}

function told(samples: readonly number[]): string {
  return spreadText(spread(samples)!);
}

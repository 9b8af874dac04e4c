import { CHECKED } from "./check-evidence.ts";
import { FAULTS } from "./choose-faults.ts";
import type { StateLine } from "./run-state.ts";
import { quantile, sumUp } from "./run-sums.ts";
import { minutes, number, seconds } from "./words.ts";

/** The report in some lines of text. */
export function summary(rounds: readonly StateLine[]): string {
  const { played, broken, took, counts, faults, kinds, problems, sudden, others } = sumUp(rounds);
  if (played.length === 0) return "no round has come to its end yet";
  const lines = [
    `${minutes(took)} in ${played.length} rounds${broken > 0 ? ` (${broken} broken off)` : ""}: ${faults} faults, ${number(counts.enqueued)} jobs enqueued, ${number(counts.scheduled)} scheduled, ${number(counts.starts)} attempts, ${number(counts.dead)} dead letters`,
    `${number(counts.reruns)} re-runs: those of workers that died or froze had ended ${seconds(quantile(sudden, 1))} before at most, others ${seconds(quantile(others, 1))}`,
    ...kinds
      .filter(({ alone, together }) => alone + together > 0)
      .map(({ kind, alone, together, recoveries, longestStall }) => {
        const times =
          alone === 0
            ? ""
            : `: recovery ${seconds(quantile(recoveries, 0.5))}, at most ${seconds(quantile(recoveries, 1))}; longest stall ${seconds(longestStall)}`;
        return `  ${FAULTS[kind].text}: ${alone} alone, ${together} with others${times}`;
      }),
    problems.size === 0
      ? `✓ ${Object.keys(CHECKED).length} promises held`
      : `✗ ${[...problems].map(([id, count]) => `${id}: ${count}`).join(", ")}`,
  ];
  return lines.map((line) => line.replaceAll("\u{2009}", " ")).join("\n");
}

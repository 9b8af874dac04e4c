import { type Html, html } from "../../bench/plot/html.ts";
import { ticks } from "../../bench/plot/scale.ts";
import { FAULTS } from "./choose-faults.ts";
import { type KindSums, quantile } from "./run-sums.ts";
import { seconds } from "./words.ts";

const WIDTH = 960;
const LEFT = 330;
const ROW = 26;
const MOST_DOTS = 150;

/** One row a kind of fault: a dot for each time that it took until all went on, hollow where it came with others. */
export function plotRecoveries(kinds: readonly KindSums[]): Html {
  const seen = kinds.filter(({ alone, together }) => alone + together > 0);
  const most = ticks(Math.max(1_000, ...seen.flatMap((each) => [...each.recoveries, ...each.recoveriesTogether])), 8);
  const x = (ms: number): number => LEFT + (ms / most.at(-1)!) * (WIDTH - LEFT - 34);
  const bottom = seen.length * ROW + 6;
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${bottom + 20}" role="img" aria-label="Recovery times by kind of fault">
${most.map((ms) => html`<line class="grid" x1="${x(ms).toFixed(1)}" x2="${x(ms).toFixed(1)}" y1="0" y2="${bottom}"/><text class="tick" x="${x(ms).toFixed(1)}" y="${bottom + 14}" text-anchor="middle">${seconds(ms)}</text>`)}
${seen.map((each, i) => row(each, i * ROW + ROW / 2, x))}
</svg>`;
}

function row({ kind, recoveries, recoveriesTogether }: KindSums, y: number, x: (ms: number) => number): Html {
  const { text, where } = FAULTS[kind];
  const dots = (all: readonly number[], className: string): Html[] =>
    evenly(all).map(
      (ms, i) =>
        html`<circle class="${className}" cx="${x(ms).toFixed(1)}" cy="${(y + ((i % 3) - 1) * 4).toFixed(1)}" r="3.6"><title>${seconds(ms)}</title></circle>`,
    );
  const median = quantile(recoveries, 0.5);
  const bar = Number.isNaN(median)
    ? html``
    : html`<line class="median" x1="${x(median).toFixed(1)}" x2="${x(median).toFixed(1)}" y1="${y - 10}" y2="${y + 10}"/>`;
  return html`<text class="name" x="${LEFT - 14}" y="${y + 4}" text-anchor="end">${text}</text>${dots(recoveriesTogether, `hollow ${where}`)}${dots(recoveries, where)}${bar}`;
}

/** Of many some, with the least and the most. */
function evenly(all: readonly number[]): readonly number[] {
  if (all.length <= MOST_DOTS) return all;
  return Array.from({ length: MOST_DOTS }, (_, i) => all[Math.round((i * (all.length - 1)) / (MOST_DOTS - 1))]!);
}

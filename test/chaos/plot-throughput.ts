import { type Html, html } from "../../bench/plot/html.ts";
import { thinned, ticks } from "../../bench/plot/scale.ts";
import { FAULTS } from "./choose-faults.ts";
import type { PassageRecord, RoundRecord } from "./round-record.ts";
import { minutes, number, seconds } from "./words.ts";

const WIDTH = 960;
const LEFT = 62;
const HEIGHT = 150;
const LANES = ["workers", "brokers", "network", "work"] as const;
const LANE = 13;
const MOST_POINTS = 600;
/** With more rounds they are neither told apart, nor is each fault described: there are plots of single ones. */
const MOST_TOLD = 12;
const BOTTOM = HEIGHT + LANES.length * LANE + 8;

/** A round, and where it begins on the axis, in milliseconds. */
interface Placed {
  readonly round: RoundRecord;
  readonly start: number;
}

/** Jobs a second over the time of some rounds, one after the other, and below them when which faults were there. */
export function plotThroughput(rounds: readonly RoundRecord[], title: string): Html {
  const placed: Placed[] = [];
  let whole = 0;
  for (const round of rounds) {
    placed.push({ round, start: whole });
    whole += round.took;
  }
  const isTold = rounds.length <= MOST_TOLD;
  const span = Math.max(1, whole);
  const most = ticks(Math.max(1, ...rounds.flatMap(({ throughput }) => tops(throughput, rounds.length))), 4);
  const x = (ms: number): number => LEFT + (ms / span) * (WIDTH - LEFT - 4);
  const y = (rate: number): number => HEIGHT - (rate / most.at(-1)!) * (HEIGHT - 8);
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${BOTTOM + 20}" role="img" aria-label="${title}">
${most.map((rate) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - 4}" y1="${y(rate).toFixed(1)}" y2="${y(rate).toFixed(1)}"/><text class="tick" x="${LEFT - 6}" y="${(y(rate) + 3.5).toFixed(1)}" text-anchor="end">${number(rate)}</text>`)}
${placed.map(({ round, start }) => curve(round, start, x, y, Math.ceil(MOST_POINTS / rounds.length)))}
${LANES.map((lane, i) => html`<text class="tick" x="${LEFT - 6}" y="${HEIGHT + 8 + (i + 0.75) * LANE}" text-anchor="end">${lane}</text>`)}
${placed.map((each) => marks(each, x, isTold))}
${isTold ? placed.slice(1).map(({ start }) => html`<line class="border" x1="${x(start).toFixed(1)}" x2="${x(start).toFixed(1)}" y1="8" y2="${BOTTOM}"/>`) : []}
${timeMarks(span).map((ms) => html`<text class="tick" x="${x(ms).toFixed(1)}" y="${BOTTOM + 14}" text-anchor="${ms === 0 ? "start" : "middle"}">${ms === 0 ? "0" : span < 600_000 ? `${Math.round(ms / 1_000)} s` : minutes(ms)}</text>`)}
</svg>`;
}

/** What is as high as it gets once points are taken together. */
function tops(throughput: readonly number[], rounds: number): number[] {
  return thinned(throughput, Math.ceil(MOST_POINTS / rounds)).values;
}

function curve(
  { throughput, took }: RoundRecord,
  start: number,
  x: (ms: number) => number,
  y: (rate: number) => number,
  points: number,
): Html {
  const { values, each } = thinned(throughput, Math.max(8, points));
  const at = (i: number): string => x(start + Math.min(took, (i + 0.5) * each * 1_000)).toFixed(1);
  const path = values.map((value, i) => `${at(i)},${y(value).toFixed(1)}`).join(" ");
  const area = `${x(start).toFixed(1)},${y(0)} ${path} ${x(start + took).toFixed(1)},${y(0)}`;
  return html`<polygon class="area" points="${area}"/><polyline class="line" points="${path}"/>`;
}

function marks({ round, start }: Placed, x: (ms: number) => number, isTold: boolean): Html[] {
  return round.passages.flatMap((passage) =>
    passage.faults.map(({ kind }) => {
      const { where } = FAULTS[kind];
      const [left, right] = [x(start + passage.from), x(start + passage.over)];
      const top = HEIGHT + 8 + LANES.indexOf(where) * LANE;
      return html`<rect class="${where}" x="${left.toFixed(1)}" y="${top}" width="${Math.max(1.5, right - left).toFixed(1)}" height="${LANE - 3}" rx="1">${isTold ? html`<title>${describe(round, passage)}</title>` : html``}</rect>`;
    }),
  );
}

function describe(round: Pick<RoundRecord, "round">, { faults, from, stall, recovery }: PassageRecord): string {
  const what = faults.map(({ kind, ms, reach }) => {
    const of = reach === undefined ? "" : reach === "all" ? " (everything)" : ` (one ${reach})`;
    return `${FAULTS[kind].text}${of}${ms > 0 ? `, ${seconds(ms)}` : ""}`;
  });
  return `round ${round.round}, at ${seconds(from)}: ${what.join("; ")}. Longest stall ${seconds(stall)}, recovered after ${seconds(recovery)}`;
}

function timeMarks(span: number): number[] {
  const unit = [10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 86_400_000].find(
    (each) => span / each <= 9,
  )!;
  return Array.from({ length: Math.floor((0.97 * span) / (unit ?? span)) + 1 }, (_, i) => i * (unit ?? span));
}

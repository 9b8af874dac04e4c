import { type Html, html } from "../../bench/plot/html.ts";
import { ticks } from "../../bench/plot/scale.ts";
import { number, seconds } from "./words.ts";

const WIDTH = 460;
const HEIGHT = 150;
const LEFT = 40;
const BINS = 24;

/** How many jobs that ran again had ended how long before, and the `promised` window, in milliseconds. */
export function plotReruns(ages: readonly number[], promised: number, title: string): Html {
  const scale = ticks(Math.max(promised * 1.5, ...ages), 5);
  const most = scale.at(-1)!;
  const bins = new Array<number>(BINS).fill(0);
  for (const age of ages) bins[Math.min(BINS - 1, Math.floor((age / most) * BINS))]! += 1;
  const counts = ticks(Math.max(1, ...bins), 3).filter(Number.isInteger);
  const x = (ms: number): number => LEFT + (ms / most) * (WIDTH - LEFT - 30);
  const y = (count: number): number => HEIGHT - (count / counts.at(-1)!) * (HEIGHT - 12);
  const width = (x(most) - x(0)) / BINS;
  return html`<svg class="plot half" viewBox="0 0 ${WIDTH} ${HEIGHT + 20}" role="img" aria-label="${title}">
${counts.map((count) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - 30}" y1="${y(count).toFixed(1)}" y2="${y(count).toFixed(1)}"/><text class="tick" x="${LEFT - 6}" y="${(y(count) + 3.5).toFixed(1)}" text-anchor="end">${number(count)}</text>`)}
${bins.map((count, i) => (count === 0 ? html`` : html`<rect class="bar" x="${(x(0) + i * width + 0.5).toFixed(1)}" y="${y(count).toFixed(1)}" width="${(width - 1).toFixed(1)}" height="${(y(0) - y(count)).toFixed(1)}"><title>${number(count)} from ${seconds((i * most) / BINS)} to ${seconds(((i + 1) * most) / BINS)}</title></rect>`))}
<line class="promise" x1="${x(promised).toFixed(1)}" x2="${x(promised).toFixed(1)}" y1="4" y2="${HEIGHT}"/>
<text class="tick" x="${(x(promised) + 4).toFixed(1)}" y="12">commits every ${seconds(promised)}</text>
${scale.map((ms) => html`<text class="tick" x="${x(ms).toFixed(1)}" y="${HEIGHT + 14}" text-anchor="middle">${seconds(ms)}</text>`)}
</svg>`;
}

import { Html, html } from "../../plot/html.ts";
import { type MeasureFigures, type Spread, spread } from "../figures.ts";
import type { Measure, Panel } from "../measure.ts";
import { type Axis, linearAxis, logAxis, sizeAxis } from "./axis.ts";
import { figure } from "./format.ts";
import { COLORS, STYLE } from "./plot-style.ts";

const WIDTH = 470;
const HEIGHT = 300;
const LEFT = 52;
const RIGHT = 12;
const BOTTOM = 46;
const LEGEND_ROW = 16;
const HEAD = 26;

/** One series of a panel: a column at each point. */
interface Series {
  readonly title: string;
  readonly color: string;
  readonly at: readonly { readonly x: number; readonly name: string; readonly found: Spread }[];
}

/** A plot that needs nothing else, on light and dark pages: the medians, with a line from the least to the most. */
export function plot(measure: Measure, figures: MeasureFigures): string {
  const { panels, title } = measure;
  const width = panels.length * WIDTH;
  return `${
    html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" width="${width}" height="${HEIGHT}" role="img" aria-label="${describe(measure, figures)}">
<title>${title}</title><style>${new Html(STYLE)}</style>
${panels.map((panel, i) => html`<g transform="translate(${i * WIDTH} 0)">${drawPanel(measure, figures, panel)}</g>\n`)}</svg>`
      .text
  }\n`;
}

/** For who does not see it. */
function describe(measure: Measure, { points }: MeasureFigures): string {
  const each = measure.panels.flatMap(({ keys, title }) =>
    keys.map((key) => {
      const ends = [points[0], points.at(-1)].map((point) => {
        const found = spread(point?.samples[key]);
        return found === undefined ? "" : `${figure(found.median)} at ${point!.label ?? figure(point!.x)}`;
      });
      const column = measure.columns.find((one) => one.key === key)!;
      return `${column.title} (${title}): ${ends.join(" to ")}`;
    }),
  );
  return `${measure.title}, by ${measure.axis.title}. ${each.join("; ")}.`;
}

function drawPanel(measure: Measure, figures: MeasureFigures, panel: Panel): Html {
  const isNamed = measure.axis.kind === "names";
  const all = seriesOf(measure, figures, panel);
  const values = all.flatMap(({ at }) => at.flatMap(({ found }) => [found.least, found.most]));
  const axis = panel.log ? logAxis(values) : linearAxis(values);
  // The same in all panels, so that they stand level.
  const top = HEAD + Math.max(...measure.panels.map(({ keys }) => keys.length)) * LEGEND_ROW;
  const bottom = HEIGHT - BOTTOM;
  const y = (value: number): number => bottom - axis.at(value) * (bottom - top);
  const across = (part: number): number => LEFT + part * (WIDTH - LEFT - RIGHT);
  const sizes = isNamed
    ? nameAxis(figures)
    : sizeAxis(
        figures.points.map(({ x }) => x),
        measure.axis.kind === "log",
      );
  const x = (value: number): number => across(sizes.at(value));
  return html`<text class="head" x="${LEFT}" y="16">${panel.title}</text>
${all.map(({ title, color }, i) => html`<rect x="${LEFT}" y="${HEAD + i * LEGEND_ROW - 4}" width="9" height="9" rx="2" fill="${color}"/><text x="${LEFT + 15}" y="${HEAD + i * LEGEND_ROW + 4}">${title}</text>`)}
${axis.ticks.map(({ at, text }) => gridLine(bottom - at * (bottom - top), text))}
${sizes.ticks.map(({ at, text }) => html`<text class="tick" x="${across(at).toFixed(1)}" y="${bottom + 15}" text-anchor="middle">${text}</text>`)}
<text class="tick" x="${across(0.5).toFixed(1)}" y="${bottom + 34}" text-anchor="middle">${measure.axis.title}</text>
${all.map((series, i) => (isNamed ? bars(series, i, all.length, x, y) : line(series, x, y)))}`;
}

function seriesOf(measure: Measure, { points }: MeasureFigures, { keys }: Panel): Series[] {
  return keys.map((key, i) => ({
    title: measure.columns.find((column) => column.key === key)!.title,
    color: COLORS[i % COLORS.length]!,
    at: points.flatMap(({ x, label, samples }) => {
      const found = spread(samples[key]);
      return found === undefined ? [] : [{ x, name: label ?? figure(x), found }];
    }),
  }));
}

function nameAxis({ points }: MeasureFigures): Axis {
  const at = (x: number): number => (points.findIndex((point) => point.x === x) + 0.5) / points.length;
  return { at, ticks: points.map(({ x, label }) => ({ at: at(x), text: label ?? figure(x) })) };
}

function gridLine(y: number, text: string): Html {
  return html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/><text class="tick" x="${LEFT - 6}" y="${(y + 3.5).toFixed(1)}" text-anchor="end">${text}</text>`;
}

function line({ at, color, title }: Series, x: (value: number) => number, y: (value: number) => number): Html {
  const path = at.map((point) => `${x(point.x).toFixed(1)},${y(point.found.median).toFixed(1)}`).join(" ");
  return html`<polyline fill="none" stroke="${color}" stroke-width="2" stroke-linejoin="round" points="${path}"/>
${at.map(({ x: size, name, found }) => html`${range(x(size), found, color, y)}<circle cx="${x(size).toFixed(1)}" cy="${y(found.median).toFixed(1)}" r="3.5" fill="${color}"><title>${told(title, name, found)}</title></circle>`)}`;
}

function bars(
  { at, color, title }: Series,
  index: number,
  count: number,
  x: (value: number) => number,
  y: (value: number) => number,
): Html {
  const room = (WIDTH - LEFT - RIGHT) / Math.max(1, at.length);
  const width = (room * 0.7) / count;
  return html`${at.map(({ x: size, name, found }) => {
    const left = x(size) - room * 0.35 + index * width;
    const top = y(found.median);
    return html`<rect x="${(left + 1).toFixed(1)}" y="${top.toFixed(1)}" width="${(width - 2).toFixed(1)}" height="${Math.max(0, HEIGHT - BOTTOM - top).toFixed(1)}" fill="${color}"><title>${told(title, name, found)}</title></rect>${range(left + width / 2, found, "currentColor", y)}`;
  })}`;
}

function range(x: number, { least, most }: Spread, color: string, y: (value: number) => number): Html {
  if (least === most) return html``;
  return html`<line class="range" stroke="${color}" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${y(least).toFixed(1)}" y2="${y(most).toFixed(1)}"/>`;
}

function told(title: string, name: string, { median, least, most }: Spread): string {
  return `${title}, ${name}: ${figure(median)} (${figure(least)} to ${figure(most)})`;
}

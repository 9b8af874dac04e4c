import { type MeasuredPoint, type MeasureFigures, spread } from "../figures.ts";
import type { Measure } from "../measure.ts";
import { figure } from "./format.ts";

/** A row a point, a column each thing that is told of it: the median, with the least and the most. */
export function markdownTable(measure: Measure, { points }: MeasureFigures): string {
  const head = [measure.axis.title, ...measure.columns.map(({ title, unit }) => `${title}, ${unit}`)];
  const rows = points.map((point) => [
    point.label ?? figure(point.x),
    ...measure.columns.map(({ key }) => cell(point, key)),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

function cell({ samples }: MeasuredPoint, key: string): string {
  const found = spread(samples[key]);
  if (found === undefined) return "–";
  const { median, least, most } = found;
  return least === most ? figure(median) : `${figure(median)} (${figure(least)}–${figure(most)})`;
}

import { type MeasuredPoint, type MeasureFigures, spread } from "../figures.ts";
import type { Measure } from "../measure.ts";
import { aligned } from "./aligned.ts";
import { figure, spreadText } from "./format.ts";

/** A row a point, a column each thing that is told of it: the median, with the least and the most. */
export function markdownTable(measure: Measure, { points }: MeasureFigures): string {
  const head = [measure.axis.title, ...measure.columns.map(({ title, unit }) => `${title}, ${unit}`)];
  const rows = points.map((point) => [
    point.label ?? figure(point.x),
    ...measure.columns.map(({ key }) => cell(point, key)),
  ]);
  const [titles, ...cells] = aligned([head, ...rows]) as [string[], ...string[][]];
  const rule = titles.map(({ length }, column) => (column === 0 ? "-".repeat(length) : `${"-".repeat(length - 1)}:`));
  return [titles, rule, ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function cell({ samples }: MeasuredPoint, key: string): string {
  const found = spread(samples[key]);
  return found === undefined ? "–" : spreadText(found);
}

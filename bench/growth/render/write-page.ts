import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Figures } from "../figures.ts";
import type { Measure } from "../measure.ts";
import { emptyPage, generatedPart, withParts } from "./page-parts.ts";
import { plot } from "./plot.ts";

/** Makes the tables of performance.md in a folder, and the plots beside it, from figures. */
export function writePage(folder: string, figures: Figures, measures: readonly Measure[]): void {
  mkdirSync(join(folder, "performance"), { recursive: true });
  const path = join(folder, "performance.md");
  const page = existsSync(path) ? readFileSync(path, "utf8") : emptyPage(measures);
  writeFileSync(
    path,
    withParts(page, measures, (measure) => generatedPart(measure, figures[measure.name])),
  );
  for (const measure of measures) {
    const own = figures[measure.name];
    if (own !== undefined) writeFileSync(join(folder, "performance", `${measure.name}.svg`), plot(measure, own));
  }
}

import type { MeasureFigures } from "../figures.ts";
import type { Measure } from "../measure.ts";
import { markdownTable } from "./markdown-table.ts";

/** What stands between a measure's marks. */
export function generatedPart(measure: Measure, figures: MeasureFigures | undefined): string {
  if (figures === undefined) return `Not measured yet: \`npm run bench:growth -- --only ${measure.name}\`.`;
  const { environment, rounds, isQuick } = figures;
  const { runtime, broker, machine, date, commit } = environment;
  const warning = isQuick ? ["**In its short form (`--quick`), which says nothing of how fast anything is.**", ""] : [];
  const many = rounds === 1 ? "One round" : `Medians of ${rounds} rounds (least–most)`;
  return [
    `![${measure.title}](performance/${measure.name}.svg)`,
    "",
    markdownTable(measure, figures),
    "",
    ...warning,
    `${many}; ${runtime}; ${broker}; ${machine}; ${date}, commit ${commit}.`,
  ].join("\n");
}

const begin = (name: string): string => `<!-- ${name}: made by npm run bench:growth -->`;
const end = (name: string): string => `<!-- /${name} -->`;

/** The page with all its generated parts made anew; throws where it has no place for one. */
export function withParts(page: string, measures: readonly Measure[], partOf: (measure: Measure) => string): string {
  return measures.reduce((text, measure) => {
    const [first, last] = [begin(measure.name), end(measure.name)];
    const [from, to] = [text.indexOf(first), text.indexOf(last)];
    if (from < 0 || to < from) throw new Error(`the page needs these lines, one after the other: ${first} ${last}`);
    return `${text.slice(0, from)}${first}\n\n${partOf(measure)}\n\n${text.slice(to)}`;
  }, page);
}

/** A page that has nothing else. */
export function emptyPage(measures: readonly Measure[]): string {
  const parts = measures.map(({ name, title }) => `## ${title}\n\n${begin(name)}\n${end(name)}\n`);
  return `# Performance\n\n${parts.join("\n")}`;
}

import { join } from "node:path";
import process from "node:process";
import { endWith } from "../usage-error.ts";
import { readEnvironment } from "./environment.ts";
import { type Figures, readFigures, writeFigures } from "./figures.ts";
import { createGrowthBench, type GrowthCluster, openGrowthCluster, stopOnSignals } from "./growth-bench.ts";
import { type GrowthOptions, parseGrowthOptions, usage } from "./growth-options.ts";
import type { Measure } from "./measure.ts";
import { measureRounds } from "./measure-rounds.ts";
import { MEASURES } from "./measures.ts";
import { markdownTable } from "./render/markdown-table.ts";
import { writePage } from "./render/write-page.ts";
import { buildPrograms, findRuntimes, ownCommand } from "./runtime-command.ts";

async function main(): Promise<void> {
  const options = parseGrowthOptions(process.argv.slice(2), MEASURES);
  if (options === undefined) return console.log(usage(MEASURES));
  const path = join(options.folder, "performance", "figures.json");
  if (options.onlyRenders) return writePage(options.folder, readFigures(path), MEASURES);
  buildPrograms();
  const cluster = await openGrowthCluster();
  try {
    await measureAll(options, cluster, path);
  } finally {
    await cluster.close();
  }
}

async function measureAll(options: GrowthOptions, { kafka, brokers }: GrowthCluster, path: string): Promise<void> {
  const { isQuick, rounds, resumes } = options;
  const { found: runtimes, missing } = findRuntimes();
  const environment = await readEnvironment(kafka, ownCommand().name, options.broker);
  console.log(`${environment.runtime}, ${environment.machine}, ${environment.broker}\n`);
  const bench = createGrowthBench({ kafka, brokers, isQuick, runtimes });
  const leave = stopOnSignals(bench);
  let figures: Figures = readFigures(path);
  try {
    for (const measure of options.measures) {
      const last = figures[measure.name];
      if (resumes && last?.environment.commit === environment.commit && last.isQuick === isQuick) {
        console.log(`${measure.title}: measured before, at this commit\n`);
        continue;
      }
      if (measure.runtimes && missing.length > 0) console.log(`not on the PATH, so left out: ${missing.join(", ")}`);
      const began = performance.now();
      const points = await measureRounds(measure, bench, rounds);
      const runtime = measure.runtimes ? runtimes.map(({ name }) => name).join(", ") : environment.runtime;
      figures = { ...figures, [measure.name]: { environment: { ...environment, runtime }, isQuick, rounds, points } };
      writeFigures(path, figures);
      writePage(options.folder, figures, MEASURES);
      tell(measure, figures, performance.now() - began);
    }
  } finally {
    leave();
    await bench.close();
  }
}

function tell(measure: Measure, figures: Figures, ms: number): void {
  console.log(`${measure.title} (${Math.round(ms / 1_000)} s)\n`);
  console.log(`${markdownTable(measure, figures[measure.name]!)}\n`);
}

await endWith(main);

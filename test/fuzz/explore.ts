/**
 * Fuzzes one target, guided by coverage, in a process of its own: `explore.ts TARGET SEED INPUTS MINUTES`. What gets
 * anywhere new, and what fails, is added to the corpus.
 */
import process from "node:process";
import { readCorpus, writeCorpus } from "./corpus.ts";
import { Coverage } from "./coverage.ts";
import { Fuzzer } from "./fuzzer.ts";
import { targets } from "./targets.ts";
import { Watchdog } from "./watchdog.ts";

const [name, seed, inputs, minutes] = process.argv.slice(2);
const target = targets.find((one) => one.name === name)!;
const coverage = new Coverage((url) => target.watched.test(url));
const watchdog = new Watchdog(target.name);
const fuzzer = new Fuzzer(target, coverage, Number(seed), (input) => watchdog.runs(input));
const end = performance.now() + Number(minutes) * 60_000;
const { inputs: kept, found } = readCorpus(target.name);
await fuzzer.begin(kept, found);
const before = coverage.blocks;
while (performance.now() < end && fuzzer.inputs < Number(inputs) && fuzzer.findings.length === 0) await fuzzer.step();
await watchdog.stop();

writeCorpus(target.name, { inputs: fuzzer.kept, found: [...found, ...fuzzer.findings.map(({ input }) => input)] });
const blocks = `${coverage.blocks} blocks (${before} before)`;
console.log(`${target.name}: ${fuzzer.inputs} inputs, ${blocks}, ${fuzzer.kept.length} kept, seed ${seed}`);
for (const { input, error } of fuzzer.findings) {
  console.log(`✗ ${target.name}: ${error instanceof Error ? error.stack : String(error)}`);
  console.log(`  npm run fuzz -- --target ${target.name} --input ${Buffer.from(input).toString("hex")}`);
}
process.exitCode = fuzzer.findings.length === 0 ? 0 : 1;

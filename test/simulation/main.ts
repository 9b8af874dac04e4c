import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { numberOption } from "../support/number-option.ts";
import { RUNTIME, RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";
import { playSeed, scriptOf } from "./seeds.ts";
import { type Script, type SimulationResult, simulate } from "./simulate.ts";
import { Trace } from "./trace.ts";

const USAGE = `Plays random scripts of jobs, workers, faults and crashes in memory, and checks what Ottla guarantees after each.

npm run simulate -- --seed S [--trace FILE]      one seed, again as it went before; the trace, line by line
npm run simulate -- --script FILE [--trace FILE] one script, as a failure prints it
npm run simulate -- --seeds N [--from S]         the next N seeds from S on; default: from one at random
npm run simulate -- --minutes M [--from S]       seeds for as long as that
      --processes P                              with --seeds or --minutes: so many beside each other; default 1
      --no-shrink                                a failure as it was found, not made as small as can be
`;

const { values } = parseArgs({
  options: {
    ...{ seed: { type: "string" }, script: { type: "string" }, trace: { type: "string" }, seeds: { type: "string" } },
    ...{ minutes: { type: "string" }, from: { type: "string" }, step: { type: "string" } },
    ...{ processes: { type: "string" }, "no-shrink": { type: "boolean" }, help: { type: "boolean" } },
  },
});

const MOST_SEEDS = 2 ** 31 - 1;
/** Virtual time, seeds and jobs are told so often, in ms. */
const TOLD_EACH = 10_000;

function numberOf(option: "seed" | "seeds" | "minutes" | "from" | "step" | "processes", fallback: number): number {
  return numberOption(option, values[option], fallback);
}

async function one(script: Script): Promise<boolean> {
  const result = await simulate(script, true);
  if (values.trace !== undefined) await writeFile(values.trace, `${result.trace.lines!.join("\n")}\n`);
  const hours = (result.duration / 3_600_000).toFixed(2);
  console.log(`${result.jobs} jobs, ${script.commands.length} commands, ${hours} virtual hours`);
  console.log(`trace ${result.trace.digest}`);
  for (const problem of result.problems) console.log(`✗ ${problem}`);
  if (result.problems.length > 0) for (const error of result.errors.slice(-10)) console.log(`  ${error}`);
  else console.log("✓ all that is guaranteed holds");
  return result.problems.length === 0;
}

async function many(): Promise<boolean> {
  const first = numberOf("from", Math.floor(Math.random() * (MOST_SEEDS / 2)));
  const step = numberOf("step", 1);
  const most = numberOf("seeds", values.minutes === undefined ? 100 : Number.POSITIVE_INFINITY);
  const began = performance.now();
  const end = began + numberOf("minutes", Number.POSITIVE_INFINITY) * 60_000;
  const sum = { seeds: 0, jobs: 0, duration: 0, trace: new Trace(false) };
  let toldAt = began;
  const tell = (): void => {
    const seconds = (performance.now() - began) / 1_000;
    const rate = (sum.seeds / seconds).toFixed(1);
    const hours = (sum.duration / 3_600_000).toFixed(1);
    console.log(
      `${sum.seeds} seeds from ${first}${step > 1 ? ` in steps of ${step}` : ""}: ${sum.jobs} jobs, ${hours} virtual hours, ${rate} seeds/s`,
    );
  };
  for (let seed = first; sum.seeds < most && performance.now() < end; seed += step) {
    const result = await playSeed(seed, values["no-shrink"] !== true);
    if ("seed" in result) {
      console.log(`✗ seed ${seed}: after the script below this does not hold:`);
      for (const problem of result.problems) console.log(`  ${problem}`);
      for (const error of result.errors.slice(-10)) console.log(`  (${error})`);
      console.log(JSON.stringify(result.script));
      return false;
    }
    count(sum, result);
    if (performance.now() - toldAt < TOLD_EACH) continue;
    toldAt = performance.now();
    tell();
  }
  tell();
  console.log(`traces ${sum.trace.digest}`);
  return true;
}

interface Sum {
  seeds: number;
  jobs: number;
  duration: number;
  readonly trace: Trace;
}

function count(sum: Sum, { jobs, duration, trace }: SimulationResult): void {
  sum.seeds++;
  sum.jobs += jobs;
  sum.duration += duration;
  sum.trace.add(trace.digest);
}

/** So many processes, each with every so manieth seed. */
async function inProcesses(processes: number): Promise<boolean> {
  const first = numberOf("from", Math.floor(Math.random() * (MOST_SEEDS / 2)));
  const seeds = values.seeds === undefined ? [] : ["--seeds", String(Math.ceil(numberOf("seeds", 0) / processes))];
  const minutes = values.minutes === undefined ? [] : ["--minutes", values.minutes];
  // With the flags that this one was given, of memory too.
  const flags = RUNTIME === "node" ? process.execArgv : RUNTIME_ARGUMENTS;
  const results = Array.from({ length: processes }, (_, i) => {
    const args = ["--from", String(first + i), "--step", String(processes), ...seeds, ...minutes];
    const child = spawn(process.execPath, [...flags, process.argv[1]!, ...args], { stdio: "inherit" });
    return new Promise<boolean>((resolve) => child.once("exit", (code) => resolve(code === 0)));
  });
  return (await Promise.all(results)).every(Boolean);
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  if (values.script !== undefined) return one(JSON.parse(await readFile(values.script, "utf8")) as Script);
  if (values.seed !== undefined) return one(scriptOf(numberOf("seed", 0)));
  const processes = numberOf("processes", 1);
  return processes > 1 ? inProcesses(processes) : many();
}

process.exitCode = (await main()) ? 0 : 1;

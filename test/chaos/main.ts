import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { lockFolder } from "../../src/broker/folder-lock.ts";
import { chanceOf } from "../../src/testing/chance.ts";
import { runProgram } from "../support/run-program.ts";
import type { Runtime } from "../support/runtime-arguments.ts";
import { findRuntime } from "../support/runtime-program.ts";
import { seedOfRound } from "./chance.ts";
import { type ChaosOptions, readOptions, USAGE } from "./chaos-options.ts";
import { BROKERS, type ChaosSite, realSite, SiteError } from "./chaos-site.ts";
import { checkPort } from "./check-port.ts";
import { endLeftOver } from "./left-over.ts";
import { playRound } from "./play-round.ts";
import { reportPage } from "./report.ts";
import type { RoundRecord } from "./round-record.ts";
import { RunState } from "./run-state.ts";
import { summary } from "./summary.ts";

const MINUTE = 60_000;
/** Minutes of faults in one round. */
const LEAST_ROUND = 2;
const MOST_ROUND = 4;
const PARTITIONS = 6;

async function main(): Promise<boolean> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === undefined) {
    process.stdout.write(USAGE);
    return true;
  }
  const folder = resolve(options.folder);
  mkdirSync(folder, { recursive: true });
  const unlock = lockFolder(folder, "chaos");
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  try {
    const state = new RunState(folder);
    await endLeftOver(folder, options.script);
    await checkPort(options.port);
    const runtimes = await installed(options);
    const cluster = { script: options.script, port: options.port, version: options.kafkaVersion };
    const site = await realSite(cluster, join(folder, "cluster"));
    try {
      return await play(options, { folder, state, site, runtimes, signal: stop.signal });
    } finally {
      await site.close();
    }
  } finally {
    unlock();
  }
}

type Installed = NonNullable<Awaited<ReturnType<typeof findRuntime>>>;

async function installed({ runtimes }: ChaosOptions): Promise<Installed[]> {
  const names: readonly Runtime[] = runtimes ?? ["node", "deno", "bun"];
  const found = await Promise.all(names.map(findRuntime));
  const missing = names.filter((_, i) => found[i] === undefined);
  if (runtimes !== undefined && missing.length > 0)
    throw new RangeError(`--runtimes ${runtimes.join(",")}: ${missing.join(", ")} cannot be run`);
  return found.filter((each) => each !== undefined);
}

interface Scene {
  readonly folder: string;
  readonly state: RunState;
  readonly site: ChaosSite;
  readonly runtimes: readonly Installed[];
  readonly signal: AbortSignal;
}

/** Round after round. False: something does not hold. */
async function play(options: ChaosOptions, scene: Scene): Promise<boolean> {
  const { folder, state, site, runtimes, signal } = scene;
  const seed = chosenSeed(options, state);
  const versions = {
    kafka: site.version,
    ...Object.fromEntries(runtimes.map(({ name, version }) => [name, version])),
  };
  const { output, code } = await runProgram("git", ["rev-parse", "--short=12", "HEAD"]);
  const commit = code === 0 ? output.trim() : "unknown";
  const end = performance.now() + options.minutes * MINUTE;
  for (let left = options.minutes; left > 0 && !signal.aborted; left = (end - performance.now()) / MINUTE) {
    const round = state.next;
    const own = seedOfRound(seed, round);
    const random = chanceOf(own);
    const lasts = Math.min(LEAST_ROUND + random() * (MOST_ROUND - LEAST_ROUND), left);
    state.begin(round, seed);
    console.log(`round ${round}, seed ${seed}: ${lasts.toFixed(1)} minutes of faults`);
    try {
      const record = await playRound(site, {
        ...{
          seed: own,
          name: `chaos-${seed}-${round}-${Date.now().toString(36)}`,
          partitions: PARTITIONS,
          runtimes,
          signal,
        },
        kinds: options.faults,
        ...{ workers: options.workers, folder: join(folder, "workers"), frame: { round, seed, versions, commit } },
        groupProtocol: random() < 0.5 ? "classic" : "consumer",
        ...{
          lasts: lasts * MINUTE,
          ledgerPath: join(folder, `ledger-${round}.json`),
          tell: (what) => console.log(`  ${what}`),
        },
      });
      state.add(record);
      tell(folder, state);
      if (isViolated(record)) {
        keepLogs(folder);
        return false;
      }
    } catch (error) {
      if (!signal.aborted && !(error instanceof SiteError)) throw error;
      state.add({ round, seed, broken: signal.aborted ? "stopped" : "brokers" });
      tell(folder, state);
      if (signal.aborted) return true;
      keepLogs(folder);
      throw error;
    }
  }
  return true;
}

/** What the brokers have said, where the script keeps that. */
function keepLogs(folder: string): void {
  for (let broker = 1; broker <= BROKERS; broker++) {
    const log = join(folder, "cluster", String(broker), "broker.log");
    if (existsSync(log)) copyFileSync(log, join(folder, `broker-${broker}.log`));
  }
}

function isViolated({ problems, firstProblems }: RoundRecord): boolean {
  for (const problem of firstProblems) console.log(`✗ ${problem}`);
  return Object.keys(problems).length > 0;
}

function chosenSeed({ seed, folder }: ChaosOptions, state: RunState): number {
  if (seed !== undefined && state.seed !== undefined && seed !== state.seed)
    throw new RangeError(`--seed ${seed}: ${folder} has rounds of seed ${state.seed}; give another --folder`);
  return seed ?? state.seed ?? Math.floor(Math.random() * 1_000_000);
}

function tell(folder: string, state: RunState): void {
  writeFileSync(join(folder, "report.html"), reportPage(state.rounds));
  console.log(summary(state.rounds));
}

process.exitCode = (await main()) ? 0 : 1;

import process from "node:process";
import { nextTurn } from "../../src/net/clock.ts";
import { checkLaneLedger, checkLedger } from "../support/check-ledger.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import { checkEntries } from "./check-entries.ts";
import { checkKeys } from "./check-keys.ts";
import { checkOutcomes } from "./check-outcomes.ts";
import type { Command } from "./command.ts";
import { execute } from "./execute.ts";
import { GRACES, GROUP, QUEUES, SESSION, type Shape, TICKS_END } from "./shape.ts";
import { Trace } from "./trace.ts";
import { SimulatedWorld } from "./world.ts";

/** A run, whole: the same script runs in the same way anywhere. */
export interface Script {
  /** Of all that is left to chance. */
  readonly chance: number;
  readonly shape: Shape;
  readonly commands: readonly Command[];
}

export interface SimulationResult {
  /** What of S8 did not hold. */
  readonly problems: readonly string[];
  readonly trace: Trace;
  /** What processes said had gone wrong: no problem by itself. */
  readonly errors: readonly string[];
  /** Virtual milliseconds. */
  readonly duration: number;
  readonly jobs: number;
}

/** Virtual milliseconds in which all has to have come to rest once nothing goes wrong any more. */
const MOST_TO_SETTLE = 1_800_000;
const RELEASE_INTERVAL = 20_000;

/** Plays a script, lets all come to rest, and says what of S8 did not hold. */
export async function simulate(script: Script, keepsTrace = false): Promise<SimulationResult> {
  const trace = new Trace(keepsTrace);
  const world = new SimulatedWorld(script.chance, script.shape, trace);
  const problems: string[] = [];
  const crashed = (error: unknown): void => {
    problems.push(`a process would crash: ${(error as Error | undefined)?.stack ?? String(error)}`);
  };
  process.on("unhandledRejection", crashed);
  try {
    await world.start();
    for (const command of script.commands) await execute(world, command);
    await settle(world);
    await world.stop();
    problems.push(...check(world));
  } catch (error) {
    problems.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  } finally {
    await nextTurn();
    process.off("unhandledRejection", crashed);
  }
  const { errors, asked, time } = world;
  return { problems, trace, errors, duration: time.elapsed, jobs: asked.length };
}

/** Heals everything, and lets the run go on until nothing is under way any more. */
async function settle(world: SimulatedWorld): Promise<void> {
  world.cluster.broker.faults.clear();
  world.slowness = 0;
  for (const process of world.living) process.heal();
  world.startWorker();
  const end = world.time.elapsed + MOST_TO_SETTLE;
  let nextRelease = 0;
  while (isBusy(world)) {
    if (world.time.elapsed > end)
      throw new Error(`not at rest after ${MOST_TO_SETTLE} virtual ms: ${situation(world)}`);
    if (world.tracker.parked > 0 && world.time.elapsed > nextRelease) {
      world.release();
      nextRelease = world.time.elapsed + RELEASE_INTERVAL;
    }
    await world.time.advance(1_000);
  }
  // Whoever was expelled meanwhile learns of it.
  await world.time.advance(SESSION);
}

function isBusy(world: SimulatedWorld): boolean {
  const { cluster, tracker, workers, shape, time } = world;
  world.look();
  if (shape.isTicking && (time.elapsed < TICKS_END || !tracker.ticks.isUpTo(time.time))) return true;
  if (world.isAsking || tracker.parked > 0) return true;
  const ends = cluster.partitions("later").map(({ log }) => log.endOffset);
  const owned = workers.flatMap(({ worker }) => [...(worker?.schedules ?? [])]);
  // One that has not read to the end does not know yet what waits.
  const isIdle = owned.every(
    ({ partition, state, entries, requests, position }) =>
      state === "running" && entries + requests === 0 && position >= ends[partition]!,
  );
  return owned.length !== ends.length || !isIdle || lag(world) > 0;
}

function lag({ cluster }: SimulatedWorld): number {
  let sum = 0;
  for (const topic of QUEUES)
    for (const [partition, { log }] of cluster.partitions(topic).entries())
      sum += log.endOffset - (cluster.committed(GROUP, topic, partition)?.offset ?? 0);
  return sum;
}

function situation(world: SimulatedWorld): string {
  const status = world.workers.map(({ name, worker }) => [name, worker?.status() ?? "not started"]);
  return `${JSON.stringify(status)}; lag ${lag(world)}; parked ${world.tracker.parked}; ${world.errors.slice(-5).join(" | ")}`;
}

function check(world: SimulatedWorld): string[] {
  const { entries } = world.ledger;
  const problems = [...checkKeys(entries), ...checkOutcomes(world), ...checkEntries(world)];
  const inPlace = entries.filter((entry) => !("isReleased" in entry));
  const of = (topic: string): LedgerEntry[] => inPlace.filter((entry) => !("topic" in entry) || entry.topic === topic);
  const checkJobs = world.shape.lanes === undefined ? checkLedger : checkLaneLedger;
  return [...problems, ...checkJobs(of("jobs"), GRACES), ...checkLedger(of("loose"), GRACES)];
}

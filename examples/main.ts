/**
 * Flights of 2001, each of them a job: jobs of one airport run in order, although three worker processes share them and
 * one is killed half-way. Run it with `npm start`, `deno task start` or `bun run start`.
 *
 * KAFKA_BROKERS=host:9092 uses a real cluster. OTTLA_EXAMPLE_QUICK=1 takes fewer flights. NO_COLOR=1 takes the colours.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { airportsOf } from "./flights/airport.ts";
import { attemptsOf } from "./flights/attempt.ts";
import { deleteTopic, openCluster } from "./flights/cluster.ts";
import { Crew, runtimeName } from "./flights/crew.ts";
import { type Flight, readFlights } from "./flights/flight.ts";
import { Progress } from "./flights/progress.ts";
import { openApp } from "./flights/record-flight.ts";
import { count, type Killed, printReport } from "./flights/report.ts";
import type { Run } from "./flights/run.ts";
import { runExample } from "./flights/run-example.ts";
import { RunLogs } from "./flights/run-log.ts";
import { readAirports } from "./flights/state-file.ts";
import { openTerminal } from "./flights/terminal.ts";
import { now } from "./flights/wall-clock.ts";

const isQuick = Boolean(process.env.OTTLA_EXAMPLE_QUICK);
const FLIGHTS = isQuick ? 2_000 : 10_000;
const BULK = 500;

const terminal = openTerminal(process.stdout, process.env);
/** What to undo at the end, last first: also after an error, and after Ctrl-C. */
const cleanup = new AsyncDisposableStack();
let keepsFiles = false;

async function example(): Promise<boolean> {
  const flights = readFlights(FLIGHTS);
  terminal.print(terminal.paint("bold", `${count(FLIGHTS)} flights, each of them a job; in order for every airport`));
  terminal.print();
  const run = await prepare();
  await enqueue(run, flights);
  const { progress, killed } = await work(run);
  const isWell = printReport(
    {
      run,
      jobs: FLIGHTS,
      attempts: attemptsOf(progress.events),
      killed,
      airports: await readAirports(run.states),
      expected: airportsOf(flights),
    },
    terminal,
  );
  if (!isWell) {
    keepsFiles = true;
    terminal.print(`\nThe states and the workers' logs are kept in ${dirname(run.states)}`);
  }
  return isWell;
}

/** A cluster, and a queue and files for this run alone. */
async function prepare(): Promise<Run> {
  const cluster = await openCluster(process.env.KAFKA_BROKERS);
  cleanup.defer(() => cluster.close());
  terminal.print(`Broker    ${cluster.description}`);
  const directory = await mkdtemp(join(tmpdir(), "ottla-flights-"));
  cleanup.defer(() => (keepsFiles ? undefined : rm(directory, { recursive: true, force: true })));
  const run: Run = {
    name: basename(directory),
    brokers: cluster.brokers,
    partitions: 9,
    states: join(directory, "states"),
    logs: join(directory, "logs"),
    work: isQuick ? 4 : 5,
    sessionTimeout: isQuick ? cluster.minSessionTimeout : 6_000,
  };
  await Promise.all([mkdir(run.states), mkdir(run.logs)]);
  return run;
}

/** Creates the queue's topic and enqueues every flight, in order. */
async function enqueue(run: Run, flights: readonly Flight[]): Promise<void> {
  const { app, recordFlight } = openApp(run);
  cleanup.defer(() => app.close());
  await app.topics.apply();
  cleanup.defer(() => deleteTopic(run.brokers, run.name));
  const began = now();
  for (let at = 0; at < flights.length; at += BULK) {
    const bulk = flights.slice(at, at + BULK);
    await app.performAllLater(bulk.map((flight) => recordFlight.of(flight)));
    const done = at + bulk.length;
    const rate = Math.round(done / ((now() - began) / 1000));
    terminal.progress("Enqueuing", done / flights.length, `${count(done)} jobs, ${count(rate)}/s`);
  }
}

/** Runs the jobs in three processes, kills one half-way and starts a fourth. Resolves when all have ended. */
async function work(run: Run): Promise<{ progress: Progress; killed: Killed }> {
  const crew = cleanup.use(new Crew(run));
  terminal.print(`Workers   A, B and C: three processes of ${runtimeName()}, one group`);
  await Promise.all(["A", "B", "C"].map((letter) => crew.start(letter)));

  const progress = new Progress(new RunLogs(run.logs), FLIGHTS, run.partitions, terminal);
  await progress.until(FLIGHTS / 2, () => crew.check());
  const worker = progress.busiest() ?? "A";
  await crew.kill(worker);
  const killed = { worker, at: now() };
  terminal.print(`Kill      ${worker} is gone by SIGKILL: no last commit, no goodbye. D starts instead.`);
  terminal.print(
    `          Its partitions wait until its session ends: ${run.sessionTimeout / 1000} s without heartbeat.`,
  );
  await crew.start("D");
  await progress.until(FLIGHTS, () => crew.check());
  await crew.close();
  return { progress, killed };
}

await runExample(
  example,
  cleanup,
  process.env.KAFKA_BROKERS ? "Without KAFKA_BROKERS, the example brings its own broker." : undefined,
);

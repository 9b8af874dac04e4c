/**
 * Imports of files with thousands of rows, each import one job with steps: workers are redeployed and killed in the middle
 * of them, five times altogether, and every import goes on where it was. Run it with
 * `node --conditions=ottla-source examples/import/main.ts`, `deno run -A …` or `bun …`.
 *
 * KAFKA_BROKERS=host:9092 uses a real cluster. OTTLA_EXAMPLE_QUICK=1 takes fewer rows, and holds them back while a worker is
 * replaced. NO_COLOR=1 takes the colours.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { deleteTopic, openCluster } from "../flights/cluster.ts";
import { Crew, runtimeName } from "../flights/crew.ts";
import { count } from "../flights/report.ts";
import { runExample } from "../flights/run-example.ts";
import { RunLogs } from "../flights/run-log.ts";
import { openTerminal } from "../flights/terminal.ts";
import { now } from "../flights/wall-clock.ts";
import { type End, historiesOf, lossesOf } from "./history.ts";
import { makeImports } from "./imports.ts";
import { openApp } from "./process-import.ts";
import { Progress } from "./progress.ts";
import { printReport } from "./report.ts";
import type { Import, Run } from "./run.ts";

const isQuick = Boolean(process.env.OTTLA_EXAMPLE_QUICK);
const IMPORTS = isQuick ? makeImports(4, 300) : makeImports(10, 2_000);
const ENDS: readonly ("redeploy" | "kill")[] = ["redeploy", "kill", "redeploy", "kill", "redeploy"];
/** In milliseconds: longer than it takes to find that a worker is dead. */
const LONGEST_HOLD = 15_000;
/**
 * Whoever is killed has this long to go with each of its imports, and ended the last one so long before, in milliseconds:
 * what ends as the kill is on its way is not committed, and ends again.
 */
const SAFE = 500;

const terminal = openTerminal(process.stdout, process.env);
/** What to undo at the end, last first: also after an error, and after Ctrl-C. */
const cleanup = new AsyncDisposableStack();

async function example(): Promise<boolean> {
  const rows = IMPORTS.reduce((sum, { from, to }) => sum + to - from, 0);
  const title = `${IMPORTS.length} files with ${count(rows)} rows, each file a job with steps; in order for every user`;
  terminal.print(terminal.paint("bold", title));
  terminal.print();
  const run = await prepare();
  await enqueue(run, IMPORTS);
  const { progress, ends } = await work(run);
  const all = [...ends, ...lossesOf(progress.events)].sort((a, b) => a.at - b.at);
  return printReport(historiesOf(IMPORTS, progress.events), all, run.checkpointInterval, terminal);
}

async function prepare(): Promise<Run> {
  const cluster = await openCluster(process.env.KAFKA_BROKERS);
  cleanup.defer(() => cluster.close());
  terminal.print(`Broker    ${cluster.description}`);
  const directory = await mkdtemp(join(tmpdir(), "ottla-import-"));
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const logs = join(directory, "logs");
  await mkdir(logs);
  return {
    name: basename(directory),
    brokers: cluster.brokers,
    partitions: 10,
    logs,
    hold: join(directory, "hold"),
    work: isQuick ? 15 : 5,
    checkpointInterval: 1_000,
    sessionTimeout: 6_000,
  };
}

/** Creates the queue's topic and enqueues every import, a user's in their order. */
async function enqueue(run: Run, imports: readonly Import[]): Promise<void> {
  const { app, processImport } = openApp(run);
  cleanup.defer(() => app.close());
  await app.topics.apply();
  cleanup.defer(() => deleteTopic(run.brokers, run.name));
  // The first worker makes it: there the group keeps how far its jobs have got.
  cleanup.defer(() => deleteTopic(run.brokers, `${run.name}-state`).catch(() => {}));
  await app.performAllLater(imports.map((each) => processImport.of(each)));
}

/** Runs the imports in three processes, of which five come to an end before they do. Resolves when all have ended. */
async function work(run: Run): Promise<{ progress: Progress; ends: End[] }> {
  const crew = cleanup.use(new Crew(run, new URL("worker.ts", import.meta.url)));
  terminal.print(`Workers   A, B and C: three processes of ${runtimeName()}, one group`);
  await Promise.all(["A", "B", "C"].map((letter) => crew.start(letter)));
  const progress = new Progress(new RunLogs(run.logs), IMPORTS, terminal);
  const check = (): void => crew.check();
  const ends: End[] = [];
  for (const [i, kind] of ENDS.entries()) {
    let worker: string | undefined;
    await progress.until(() => {
      worker = victimOf(progress, run, i);
      return worker !== undefined || progress.isFinished;
    }, check);
    if (worker === undefined) break;
    ends.push({ kind, worker, at: now() });
    await replace(run, crew, kind, worker, String.fromCharCode("D".charCodeAt(0) + i));
    const isTakenOver = (): boolean => progress.importsOf(worker!).length === 0;
    // An import that was at two deaths runs alone: it waits for those that are held here.
    const releasedAt = now() + LONGEST_HOLD;
    await progress.until(() => isTakenOver() || now() > releasedAt, check);
    await rm(run.hold, { force: true });
    await progress.until(isTakenOver, check);
  }
  await progress.until(() => progress.isFinished, check);
  await crew.close();
  return { progress, ends };
}

/** Ends a worker, and starts another. */
async function replace(run: Run, crew: Crew, kind: End["kind"], worker: string, replacement: string): Promise<void> {
  const isKill = kind === "kill";
  const ended = isKill ? crew.kill(worker) : crew.retire(worker);
  if (isQuick) await writeFile(run.hold, "");
  await ended;
  const how = isKill ? "is gone by SIGKILL: no goodbye, nothing saved." : "is told to end, by SIGTERM, as by a deploy.";
  terminal.print(`${isKill ? "Kill    " : "Redeploy"}  ${worker} ${how} ${replacement} starts instead.`);
  await crew.start(replacement);
}

/** The worker to end next: that with the most imports in the middle, once enough is done. */
function victimOf(progress: Progress, { work }: Run, ended: number): string | undefined {
  if (progress.done < (ended + 0.5) / (ENDS.length + 2)) return undefined;
  const isSafe = (worker: string, left: readonly number[]): boolean =>
    left.every((rows) => rows * work > SAFE) && now() - progress.lastEnd(worker) > 2 * SAFE;
  const workers = [...progress.underWay].filter(
    ([worker, left]) => progress.isAtWork(worker) && (ENDS[ended] !== "kill" || isSafe(worker, left)),
  );
  return workers.sort(([, a], [, b]) => b.length - a.length)[0]?.[0];
}

await runExample(example, cleanup);

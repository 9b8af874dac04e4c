import { patternsOf } from "../jobs/queue-patterns.ts";
import { attemptText } from "../jobs/running-attempts.ts";
import { nearest } from "../jobs/suggestion.ts";
import type { WorkOptions } from "../jobs/work-options.ts";
import type { Worker } from "../jobs/worker.ts";
import { ShutdownTimeoutError } from "../jobs/worker-errors.ts";
import { sleep, systemClock } from "../net/clock.ts";
import type { Arguments, OptionSpecs } from "./arguments.ts";
import { CliError, ModuleError, UsageError } from "./cli-error.ts";
import { EXIT } from "./exit-codes.ts";
import type { CliIo } from "./io.ts";
import type { LoadedApp } from "./load-app.ts";
import { choiceOption, durationOption, integerOption, listOption } from "./option-values.ts";
import { count, note } from "./output.ts";
import { placesOf } from "./partition-places.ts";
import { type Shutdown, shutdownAsked, watchShutdown } from "./shutdown.ts";

/** Options of every command that runs a worker. */
export const WORK_OPTIONS: OptionSpecs = {
  concurrency: { value: "N", help: "how many jobs run at once; default 100" },
  queues: { value: "A,B", help: "the queues to work on; default: all that the app's jobs name or its patterns match" },
  "instance-id": { value: "NAME", help: "a name that no other worker has now: a restart then moves no partitions" },
  "group-protocol": { value: "NAME", help: "classic or consumer; default: what the broker offers" },
  "shutdown-timeout": { value: "DURATION", help: "how long a shutdown waits for running jobs; default 60s" },
};

const MOST_JOBS = 1_000_000;
/** What is still being sent after a shutdown that timed out gets this long (ms). */
const LAST_WORDS = 5_000;

/** The worker's options, checked against the app, before anything connects. */
export function workOptions({ state, name, modules }: LoadedApp, args: Arguments): WorkOptions {
  const where = `app "${name}" of ${modules.join(", ")}`;
  const known = state.registry.queues;
  if (known.length === 0) throw new ModuleError(`${where} has no jobs: import the files that define them`);
  if (state.settings.group === undefined) {
    throw new ModuleError(`${where} has no group, which its workers need: createApp({ group: "my-workers", … })`);
  }
  const queues = listOption(args, "queues");
  for (const queue of queues ?? []) {
    if (known.includes(queue) || patternsOf(state.settings, queue).length > 0) continue;
    const meant = nearest(queue, known);
    const hint = meant === undefined ? `there are ${known.join(", ")}` : `did you mean "${meant}"?`;
    throw new UsageError(`no job of ${where} has queue "${queue}"; ${hint}`);
  }
  return {
    queues,
    concurrency: integerOption(args, "concurrency", 1, MOST_JOBS),
    instanceId: args.options.get("instance-id"),
    groupProtocol: choiceOption(args, "group-protocol", ["classic", "consumer"]),
    shutdownTimeout: durationOption(args, "shutdown-timeout"),
  };
}

/** Runs a worker until a signal or its own failure ends it. `prepare` comes first; false ends it before it began. */
export async function runWorker(
  loaded: LoadedApp,
  options: WorkOptions,
  io: CliIo,
  prepare: (signal: AbortSignal) => Promise<boolean>,
): Promise<number> {
  let worker: Worker | undefined;
  const shutdown = watchShutdown(io, (signal) => {
    const running = worker?.status().running ?? 0;
    note(
      io,
      `${signal}: closing${running === 0 ? "" : `; ${count(running, "job")} still running`}. Again: end at once.`,
    );
  });
  let isHurried = false;
  try {
    if (!(await prepare(shutdown.signal))) return EXIT.ok;
    worker = await startUnlessStopped(loaded, options, shutdown, io);
    if (worker === undefined) return EXIT.ok;
    await worker.ended;
    note(io, "closed");
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ShutdownTimeoutError)) throw error;
    isHurried = true;
    throw new CliError(error.message, EXIT.unfinishedJobs, { cause: error });
  } finally {
    const closing = loaded.app.close();
    await (isHurried ? Promise.race([closing, sleep(systemClock, LAST_WORDS)]) : closing);
    shutdown.remove();
  }
}

async function startUnlessStopped(
  { app }: LoadedApp,
  options: WorkOptions,
  shutdown: Shutdown,
  io: CliIo,
): Promise<Worker | undefined> {
  app.on("assigned", ({ partitions }) => note(io, `assigned ${placesOf(partitions)}`));
  app.on("revoked", ({ partitions }) => note(io, `revoked ${placesOf(partitions)}`));
  app.on("lost", ({ partitions }) => note(io, `lost ${placesOf(partitions)}`));
  app.on("scheduleLoading", ({ topic, partition, read, left }) => {
    note(io, `reading ${topic}/${partition}: ${read} of ${read + left}`);
  });
  app.on("scheduleLoaded", ({ topic, partition, entries }) => {
    note(io, `dispatching what is due in ${topic}/${partition}: ${entries} waiting`);
  });
  app.on("instanceIdBusy", busyTeller(io));
  app.on("shutdownDelayed", ({ jobs, left }) => {
    note(io, `waiting for ${jobs.map(attemptText).join(", ")}, for ${Math.ceil(left / 1_000)} s at most`);
  });
  const starting = app.work({ ...options, signal: shutdown.signal });
  const worker = await Promise.race([starting, shutdownAsked(shutdown)]);
  // Nobody waits for a start that was overtaken; the app's close ends what still comes of it.
  if (worker === undefined) starting.catch(() => {});
  return worker ?? undefined;
}

/** It is tried again and again: said once. */
function busyTeller(io: CliIo): (event: { readonly instanceId: string }) => void {
  let isTold = false;
  return ({ instanceId }) => {
    if (isTold) return;
    isTold = true;
    note(
      io,
      `the instance id "${instanceId}" is another worker's, or was until it died: waiting for its session to end`,
    );
  };
}

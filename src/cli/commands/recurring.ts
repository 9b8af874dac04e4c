import type { RecurringJobStatus } from "../../jobs/recurring-jobs.ts";
import { actionOf, withApp } from "../actions.ts";
import { APP_OPTIONS, CLUSTER_OPTIONS } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import { UsageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { describeResult } from "../describe-result.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import type { LoadedApp } from "../load-app.ts";
import { count, jsonLine, note, painter, table } from "../output.ts";
import { timeLeft } from "../time-left.ts";

const ACTIONS = ["list", "pause", "resume", "trigger"] as const;
type Action = (typeof ACTIONS)[number];

export const recurring: Command = {
  name: "recurring",
  usage: "list|pause|resume|trigger MODULE… [NAME…] [options]",
  summary: "look at recurring jobs, hold their ticks, or run them now",
  details: `list shows the recurring jobs of the app, as its modules define them, with what the workers' group knows of each.
pause has none of the NAMEs enqueued at its ticks until resume, in whichever process; resume goes on with the next tick.
Without a worker either waits for the next one. trigger enqueues the NAMEs now; their ticks stay as they are.`,
  options: { ...APP_OPTIONS, ...CLUSTER_OPTIONS, json: { help: "the result, as a line of JSON" } },
  examples: [
    "ottla recurring list worker.ts",
    "ottla recurring pause worker.ts nightly",
    "ottla recurring trigger worker.ts nightly weekly-report",
  ],
  run: runRecurring,
};

/** A module is a file with the ending of one, or in a folder that is named. */
const MODULE = /[/\\]|\.[cm]?[jt]sx?$/;

async function runRecurring(args: Arguments, io: CliIo): Promise<number> {
  const { action, rest } = actionOf(args, ACTIONS);
  const modules = rest.filter((text) => MODULE.test(text));
  const names = [...new Set(rest.filter((text) => !MODULE.test(text)))];
  if (action === "list" && names.length > 0) throw new UsageError("list takes no NAME: it shows all");
  if (action !== "list" && names.length === 0)
    throw new UsageError(`${action} takes the NAMEs of recurring jobs: list tells which there are`);
  return withApp(modules, args, io, (loaded) =>
    action === "list" ? list(loaded, args, io) : ask(loaded, action, names, args, io),
  );
}

async function list({ app, state }: LoadedApp, args: Arguments, io: CliIo): Promise<number> {
  const jobs = await app.recurringJobs.list();
  if (args.options.has("json")) io.stdout.write(jsonLine(jobs));
  else if (jobs.length > 0) {
    const now = state.slot.use().clock.now();
    const titles = ["NAME", "CRON", "TIME ZONE", "JOB", "QUEUE", "DONE UP TO", "NEXT", "IN"];
    io.stdout.write(
      table(
        titles,
        jobs.map((job) => row(job, now)),
        painter(io, io.stdout),
      ),
    );
  }
  note(io, count(jobs.length, "recurring job"));
  return EXIT.ok;
}

function row({ name, cron, timeZone, job, queue, last, next, isPaused }: RecurringJobStatus, now: number): string[] {
  const [at, left] =
    next === undefined ? [isPaused ? "paused" : "never", ""] : [next.toISOString(), timeLeft(next.getTime() - now)];
  return [name, cron, timeZone, job, queue, last?.toISOString() ?? "", at, left];
}

async function ask(
  { app }: LoadedApp,
  action: Exclude<Action, "list">,
  names: readonly string[],
  args: Arguments,
  io: CliIo,
): Promise<number> {
  // Whatever is none of the app's is told before anything is done.
  const jobs = names.map((name) => app.recurringJobs.get(name));
  const results: unknown[] = [];
  for (const job of jobs) {
    const result = (await job[action]()) ?? undefined;
    results.push({ name: job.name, ...result });
    if (args.options.has("json")) continue;
    io.stdout.write(
      result === undefined ? `${SAID[action]} ${job.name}: a worker does it\n` : describeResult(job.name, result),
    );
  }
  if (args.options.has("json")) io.stdout.write(jsonLine({ [action]: results }));
  return EXIT.ok;
}

const SAID = { pause: "pausing", resume: "resuming", trigger: "triggered" } as const;

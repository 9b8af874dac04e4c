import { APP_OPTIONS, brokersOf, CLUSTER_OPTIONS, openApp } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { describeApp } from "../describe-app.ts";
import type { CliIo } from "../io.ts";
import { durationOption, listOption } from "../option-values.ts";
import { reachBrokers } from "../reach-brokers.ts";
import { runWorker, WORK_OPTIONS, workOptions } from "../run-worker.ts";

const DEFAULT_TIMEOUT = 60_000;

export const worker: Command = {
  name: "worker",
  usage: "MODULE… [options]",
  summary: "run an app's jobs",
  details: `Loads the modules, finds the app among their exports, and runs its jobs as a member of its group.
SIGINT or SIGTERM lets running jobs end and commits what is finished; a second one ends it at once.`,
  options: {
    ...APP_OPTIONS,
    ...WORK_OPTIONS,
    ...CLUSTER_OPTIONS,
    json: { help: "what will be run, as a line of JSON" },
  },
  examples: ["ottla worker worker.ts", "ottla worker worker.ts --queues mails,reports --concurrency 20"],
  run: runWorkerCommand,
};

async function runWorkerCommand(args: Arguments, io: CliIo): Promise<number> {
  const timeout = durationOption(args, "timeout") ?? DEFAULT_TIMEOUT;
  const loaded = await openApp(args.positionals, args, io);
  const options = workOptions(loaded, args);
  const brokers = listOption(args, "brokers") ?? brokersOf(loaded);
  describeApp(loaded, options.queues, brokers, io, args.options.has("json"));
  return runWorker(loaded, options, io, (signal) => reachBrokers(loaded.state, timeout, io, signal));
}

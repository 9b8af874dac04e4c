import { Dispatcher } from "../../jobs/dispatcher.ts";
import { PreparedCall } from "../../jobs/job.ts";
import type { JobDefinition } from "../../jobs/job-options.ts";
import { nearest } from "../../jobs/suggestion.ts";
import { APP_OPTIONS, CLUSTER_OPTIONS, openApp } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import { ModuleError, UsageError } from "../cli-error.ts";
import type { Command } from "../command.ts";
import { describeResult } from "../describe-result.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import type { LoadedApp } from "../load-app.ts";
import { durationOption } from "../option-values.ts";
import { jsonLine } from "../output.ts";
import { parsePayload } from "../parse-payload.ts";
import { reachBrokers } from "../reach-brokers.ts";

const DEFAULT_TIMEOUT = 10_000;

export const enqueue: Command = {
  name: "enqueue",
  usage: "MODULE JOB [JSON] [options]",
  summary: "enqueue a job",
  details: `Enqueues JOB with the payload JSON, as its performLater would, and prints where it is. Without JSON the job gets no
payload. The key, and with it the partition, is what the job's partitioner makes of the payload.`,
  options: { ...APP_OPTIONS, ...CLUSTER_OPTIONS, json: { help: "the result, as a line of JSON" } },
  examples: [`ottla enqueue worker.ts update-user '{"userId":7,"attributes":{"name":"Ada"}}'`],
  run: runEnqueue,
};

async function runEnqueue(args: Arguments, io: CliIo): Promise<number> {
  const [module, name, json, ...extra] = args.positionals;
  if (module === undefined || name === undefined) throw new UsageError("MODULE and JOB are expected, and then JSON");
  if (extra.length > 0) {
    throw new UsageError(`${JSON.stringify(extra[0])} is one argument too many: quote the JSON, as '{"userId":7}'`);
  }
  const payload = json === undefined ? undefined : parsePayload(json);
  const timeout = durationOption(args, "timeout") ?? DEFAULT_TIMEOUT;
  const loaded = await openApp([module], args, io);
  try {
    const dispatcher = new Dispatcher(loaded.state);
    // Whatever can be wrong with the job itself is told before anything connects.
    const draft = dispatcher.draft(new PreparedCall(findJob(loaded, name), {}, payload));
    await reachBrokers(loaded.state, timeout, io);
    // Acknowledged, whatever the job's dispatchMethod says: the next thing is the process's end.
    const result = await dispatcher.dispatch(draft, "produceSync").result;
    io.stdout.write(args.options.has("json") ? jsonLine({ job: name, ...result }) : describeResult(name, result));
    return EXIT.ok;
  } finally {
    await loaded.app.close();
  }
}

function findJob({ state, modules, name: app }: LoadedApp, name: string): JobDefinition {
  const { registry } = state;
  const { names } = registry;
  if (names.includes(name)) return registry.get(name);
  const where = `app "${app}" of ${modules.join(", ")}`;
  if (names.length === 0) throw new ModuleError(`${where} has no jobs: import the files that define them`);
  const meant = nearest(name, names);
  const hint = meant === undefined ? "" : `Did you mean "${meant}"? `;
  throw new UsageError(`${where} has no job "${name}". ${hint}Its jobs: ${names.join(", ")}`);
}

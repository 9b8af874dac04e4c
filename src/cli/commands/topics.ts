import type { TopicPlan } from "../../jobs/topics.ts";
import { actionOf, withApp } from "../actions.ts";
import { APP_OPTIONS, CLUSTER_OPTIONS } from "../app-options.ts";
import type { Arguments } from "../arguments.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import { jsonLine, note, type Paint, painter, table } from "../output.ts";

const ACTIONS = ["plan", "apply"] as const;

export const topics: Command = {
  name: "topics",
  usage: "plan|apply MODULE… [options]",
  summary: "show or create the topics of an app's queues",
  details: `plan shows the topics that the app's queues need and what they lack, and changes nothing; apply creates those that are
missing. A topic with another number of partitions than declared is left alone: keys would move.
Exit code 3: after it, the topics differ from what the app declares.`,
  options: { ...APP_OPTIONS, ...CLUSTER_OPTIONS, json: { help: "a line of JSON" } },
  examples: ["ottla topics plan worker.ts", "ottla topics apply worker.ts --brokers kafka:9092"],
  run: runTopics,
};

async function runTopics(args: Arguments, io: CliIo): Promise<number> {
  const { action, rest } = actionOf(args, ACTIONS);
  return withApp(rest, args, io, async ({ app, name, modules }) => {
    const plans = await app.topics[action]();
    const isApplied = action === "apply";
    if (args.options.has("json")) io.stdout.write(jsonLine(plans));
    else printPlans(plans, isApplied, io);
    if (plans.length === 0) note(io, `app "${name}" of ${modules.join(", ")} names no queue`);
    const differs = plans.some((plan) => plan.action === "mismatch" || (plan.action === "create" && !isApplied));
    return differs ? EXIT.topicsDiffer : EXIT.ok;
  });
}

/** What was planned, or done, as a table. */
export function printPlans(plans: readonly TopicPlan[], isApplied: boolean, io: CliIo): void {
  if (plans.length === 0) return;
  const paint = painter(io, io.stdout);
  const rows = plans.map((plan) => [
    plan.topic,
    plan.partitions === undefined ? "broker's default" : `${plan.partitions}`,
    plan.actualPartitions === undefined ? (isApplied ? "" : "no topic") : `${plan.actualPartitions}`,
    describeAction(plan, isApplied, paint),
  ]);
  io.stdout.write(table(["TOPIC", "DECLARED PARTITIONS", "ACTUAL", isApplied ? "DONE" : "TO DO"], rows, paint));
}

function describeAction({ action }: TopicPlan, isApplied: boolean, paint: Paint): string {
  if (action === "none") return "nothing";
  if (action === "create") return paint("green", isApplied ? "created" : "create");
  return paint("yellow", "nothing: the number of partitions differs, and changing it would move keys");
}

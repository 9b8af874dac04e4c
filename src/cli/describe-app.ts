import type { CliIo } from "./io.ts";
import type { LoadedApp } from "./load-app.ts";
import { jsonLine, painter, table } from "./output.ts";

/** Prints what a worker will run: its jobs, each with its queue and whether it has a key, and what enqueues them by time. */
export function describeApp(
  { state, name, modules }: LoadedApp,
  queues: readonly string[] | undefined,
  brokers: readonly string[],
  io: CliIo,
  isJson: boolean,
): void {
  const { registry, settings } = state;
  const isWorkedOn = (queue: string): boolean => queues === undefined || queues.includes(queue);
  const jobs = registry.names
    .map((job) => registry.get(job))
    .filter(({ queue }) => isWorkedOn(queue))
    .map((job) => ({ name: job.name, queue: job.queue, isOrdered: job.partitioner !== undefined }));
  const queuePatterns = queues === undefined ? settings.queuePatterns.map(({ text }) => text) : [];
  const recurring = [...state.recurring.all]
    .filter(({ queue }) => isWorkedOn(queue))
    .map(({ name, cron, zone, call }) => ({ name, cron, timeZone: zone.name, job: call.definition.name }));
  const scheduledMessagesTopics = [...settings.scheduledMessagesTopics.keys()];
  if (isJson) {
    const { group } = settings;
    const all = { jobs, queues: queues ?? registry.queues, queuePatterns, scheduledMessagesTopics, recurring };
    io.stdout.write(jsonLine({ app: name, modules, group, brokers, ...all }));
    return;
  }
  const paint = painter(io, io.stdout);
  io.stdout.write(
    `${paint("bold", `app "${name}"`)} of ${modules.join(", ")}: group ${settings.group}, brokers ${brokers.join(", ")}\n`,
  );
  const rows = jobs.map((job) => [job.name, job.queue, job.isOrdered ? "per key" : "none"]);
  io.stdout.write(table(["JOB", "QUEUE", "ORDER"], rows, paint));
  if (queuePatterns.length > 0) io.stdout.write(`and every topic that ${queuePatterns.join(" or ")} matches\n`);
  if (scheduledMessagesTopics.length > 0) io.stdout.write(`and what is due in ${scheduledMessagesTopics.join(", ")}\n`);
  if (recurring.length === 0) return;
  const times = recurring.map((each) => [each.name, each.cron, each.timeZone, each.job]);
  io.stdout.write(`\n${table(["RECURRING", "CRON", "TIME ZONE", "JOB"], times, paint)}`);
}

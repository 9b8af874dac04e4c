import type { CliIo } from "./io.ts";
import type { LoadedApp } from "./load-app.ts";
import { jsonLine, painter, table } from "./output.ts";

/** Prints what a worker will run: its jobs, each with its queue and whether it has a key. */
export function describeApp(
  { state, name, modules }: LoadedApp,
  queues: readonly string[] | undefined,
  brokers: readonly string[],
  io: CliIo,
  isJson: boolean,
): void {
  const { registry, settings } = state;
  const jobs = registry.names
    .map((job) => registry.get(job))
    .filter(({ queue }) => queues === undefined || queues.includes(queue))
    .map((job) => ({ name: job.name, queue: job.queue, isOrdered: job.partitioner !== undefined }));
  const queuePatterns = queues === undefined ? settings.queuePatterns.map(({ text }) => text) : [];
  if (isJson) {
    const { group } = settings;
    io.stdout.write(
      jsonLine({ app: name, modules, group, brokers, jobs, queues: queues ?? registry.queues, queuePatterns }),
    );
    return;
  }
  const paint = painter(io, io.stdout);
  io.stdout.write(
    `${paint("bold", `app "${name}"`)} of ${modules.join(", ")}: group ${settings.group}, brokers ${brokers.join(", ")}\n`,
  );
  const rows = jobs.map((job) => [job.name, job.queue, job.isOrdered ? "per key" : "none"]);
  io.stdout.write(table(["JOB", "QUEUE", "ORDER"], rows, paint));
  if (queuePatterns.length > 0) io.stdout.write(`and every topic that ${queuePatterns.join(" or ")} matches\n`);
}

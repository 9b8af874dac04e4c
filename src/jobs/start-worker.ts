import type { AppState } from "./app-state.ts";
import { InvalidOptionError } from "./errors.ts";
import { namedError } from "./named-error.ts";
import { queueSettings } from "./options.ts";
import { checkPartitions } from "./partition-check.ts";
import { resolveWorkOptions } from "./work-options.ts";
import { Worker } from "./worker.ts";

/** Longest wait (ms) for the brokers' word on the queues' topics. */
const START_TIMEOUT = 60_000;

/**
 * Starts a worker, once every queue's topic is found to exist with the partitions declared. It resolves before
 * partitions are assigned: `assigned` events tell of those.
 */
export async function startWorker(app: AppState, options: unknown): Promise<Worker> {
  const settings = resolveWorkOptions(options, app.registry.queues);
  const { group } = app.settings;
  if (group === undefined) throw new InvalidOptionError("group", "missing: app.work() needs createApp({ group })");
  const { cluster } = app.slot.use().kafka;
  for (const queue of settings.queues) {
    try {
      const { partitions } = await cluster.topic(queue, START_TIMEOUT);
      checkPartitions(queueSettings(app.settings, queue), partitions.length);
    } catch (error) {
      throw namedError(error, "", queue);
    }
  }
  // The app may have been closed meanwhile: nobody would ever close this worker.
  app.slot.use();
  const worker = new Worker(app, cluster, group, settings);
  app.closers.add(worker.closer);
  worker.start();
  return worker;
}

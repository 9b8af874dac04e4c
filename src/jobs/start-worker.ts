import type { Cluster } from "../client/cluster.ts";
import type { AppState } from "./app-state.ts";
import { AppClosedError, InvalidOptionError } from "./errors.ts";
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
  await findQueues(app, cluster, settings.queues);
  const worker = new Worker(app, cluster, group, settings);
  app.closers.add(worker.closer);
  worker.start();
  return worker;
}

/** Throws an `AppClosedError` where the app is closed meanwhile: nobody would ever close the worker. */
async function findQueues(app: AppState, cluster: Cluster, queues: readonly string[]): Promise<void> {
  const stop = new AbortController();
  const closer = async (): Promise<void> => stop.abort();
  app.closers.add(closer);
  try {
    for (const queue of queues) {
      const { partitions } = await cluster.topic(queue, START_TIMEOUT, stop.signal).catch((error: unknown) => {
        throw stop.signal.aborted ? new AppClosedError() : namedError(error, "", queue);
      });
      checkPartitions(queueSettings(app.settings, queue), partitions.length);
    }
    if (stop.signal.aborted) throw new AppClosedError();
  } finally {
    app.closers.delete(closer);
  }
}

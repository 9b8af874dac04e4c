import type { AppState } from "./app-state.ts";
import { AppClosedError, InvalidOptionError } from "./errors.ts";
import { patternsOf } from "./queue-patterns.ts";
import { resolveWorkOptions } from "./work-options.ts";
import { Worker } from "./worker.ts";
import { WorkerTopics } from "./worker-topics.ts";

/**
 * Starts a worker, once every queue's topic is found to exist with the partitions declared. It resolves before
 * partitions are assigned: `assigned` events tell of those.
 */
export async function startWorker(app: AppState, options: unknown): Promise<Worker> {
  const { group, queuePatterns } = app.settings;
  const settings = resolveWorkOptions(options, app.registry.queues, {
    any: queuePatterns.length > 0,
    matches: (queue) => patternsOf(app.settings, queue).length > 0,
  });
  if (group === undefined) throw new InvalidOptionError("group", "missing: app.work() needs createApp({ group })");
  const { cluster } = app.slot.use().kafka;
  const topics = new WorkerTopics(app, cluster, settings);
  await findTopics(app, topics);
  const worker = new Worker(app, cluster, group, settings, topics);
  app.closers.add(worker.closer);
  worker.start();
  return worker;
}

/** Throws an `AppClosedError` where the app is closed meanwhile: nobody would ever close the worker. */
async function findTopics(app: AppState, topics: WorkerTopics): Promise<void> {
  let isClosed = false;
  const closer = async (): Promise<void> => {
    isClosed = true;
    topics.close();
  };
  app.closers.add(closer);
  try {
    await topics.find();
    if (isClosed) throw new AppClosedError();
  } catch (error) {
    topics.close();
    throw isClosed ? new AppClosedError() : error;
  } finally {
    app.closers.delete(closer);
  }
}

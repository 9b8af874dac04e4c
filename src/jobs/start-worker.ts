import type { Admin } from "../client/admin.ts";
import type { Cluster } from "../client/cluster.ts";
import { KafkaError } from "../client/errors.ts";
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
  await untilClosed(app, async (signal) => {
    await findQueues(app, cluster, settings.queues, signal);
    await findDeadLetterTopics(app, cluster, settings.queues, signal);
  });
  const worker = new Worker(app, cluster, group, settings);
  app.closers.add(worker.closer);
  app.workers.add(worker);
  worker.start();
  return worker;
}

/** Throws an `AppClosedError` where the app is closed meanwhile: nobody would ever close the worker. */
async function untilClosed(app: AppState, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const closer = async (): Promise<void> => stop.abort();
  app.closers.add(closer);
  try {
    await work(stop.signal);
    stop.signal.throwIfAborted();
  } catch (error) {
    throw stop.signal.aborted ? new AppClosedError() : error;
  } finally {
    app.closers.delete(closer);
  }
}

async function findQueues(
  app: AppState,
  cluster: Cluster,
  queues: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const queue of queues)
    checkPartitions(queueSettings(app.settings, queue), await countPartitions(cluster, queue, signal));
}

async function countPartitions(cluster: Cluster, topic: string, signal: AbortSignal): Promise<number> {
  try {
    return (await cluster.topic(topic, START_TIMEOUT, signal)).partitions.length;
  } catch (error) {
    throw namedError(error, "", topic);
  }
}

/** A dead letter has to have a place before the first job dies (S4.5). */
async function findDeadLetterTopics(
  app: AppState,
  cluster: Cluster,
  queues: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const admin = app.slot.use().kafka.admin();
  for (const queue of queues) {
    const { deadLetterTopic: topic } = queueSettings(app.settings, queue);
    if (topic === undefined) continue;
    const option = `queues.${queue}.deadLetterQueue.topic`;
    if (app.registry.queues.includes(topic) || app.settings.queues.has(topic))
      throw new InvalidOptionError(option, `"${topic}" is a queue of the app: what failed for good would be run again`);
    const [actual, wanted] = [
      await countPartitions(cluster, topic, signal),
      await countPartitions(cluster, queue, signal),
    ];
    if (actual < wanted) {
      const problem = `"${topic}" has ${actual} partitions, its queue has ${wanted}: a dead letter keeps its partition. Add partitions to it`;
      throw new InvalidOptionError(option, problem);
    }
    if (await isCompacted(admin, topic))
      throw new InvalidOptionError(
        option,
        `"${topic}" is compacted: of the dead letters of a key all but the last would be lost`,
      );
  }
}

/** Where nobody may ask, it is believed not to be. */
async function isCompacted(admin: Admin, topic: string): Promise<boolean> {
  try {
    const [found] = await admin.describeConfigs([{ type: "topic", name: topic }]);
    return found?.entries.get("cleanup.policy")?.value?.includes("compact") === true;
  } catch (error) {
    if (error instanceof KafkaError && error.code.endsWith("AUTHORIZATION_FAILED")) return false;
    throw error;
  }
}

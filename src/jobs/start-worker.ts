import type { AppState } from "./app-state.ts";
import { findDeadLetterTopics } from "./dead-letter-topics.ts";
import { AppClosedError, InvalidOptionError } from "./errors.ts";
import { findScheduleTopics } from "./find-schedule-topics.ts";
import { queueSettings } from "./options.ts";
import { patternsOf } from "./queue-patterns.ts";
import { holdsPlace } from "./resume-options.ts";
import { prepareStateTopic, stateTopic } from "./state-topic.ts";
import { resolveWorkOptions } from "./work-options.ts";
import { Worker } from "./worker.ts";
import { WorkerTopics } from "./worker-topics.ts";

/**
 * Starts a worker, once every queue's topic is found to exist with the partitions declared, and a topic for its dead
 * letters. It resolves before partitions are assigned: `assigned` events tell of those.
 */
export async function startWorker(app: AppState, options: unknown): Promise<Worker> {
  const { group, queuePatterns, scheduledMessagesTopics } = app.settings;
  const settings = resolveWorkOptions(options, app.registry.queues, {
    any: queuePatterns.length > 0,
    schedules: scheduledMessagesTopics.size > 0,
    matches: (queue) => patternsOf(app.settings, queue).length > 0,
  });
  if (group === undefined) throw new InvalidOptionError("group", "missing: app.work() needs createApp({ group })");
  const { cluster } = app.slot.use().kafka;
  const topics = new WorkerTopics(app, cluster, settings);
  let statePartitions: number | undefined;
  await untilClosed(app, topics, async (signal) => {
    await topics.find();
    await findDeadLetterTopics(app, cluster, topics.topics, signal);
    if (settings.scheduler) await findScheduleTopics(app, cluster, signal);
    const recurs = [...app.recurring.all].some(({ queue }) => topics.has(queue));
    if (recurs || parksAny(app, topics.topics) || holdsAny(app, topics.topics, settings.patterns))
      statePartitions = await prepareStateTopic(app, stateTopic(group));
  });
  const worker = new Worker(app, cluster, group, settings, topics, statePartitions);
  app.closers.add(worker.closer);
  app.workers.add(worker);
  worker.start();
  return worker;
}

/** Whether one of the queues parks jobs, or one may that a pattern matches later. */
function parksAny({ settings }: AppState, queues: readonly string[]): boolean {
  const of = queues.map((queue) => queueSettings(settings, queue));
  const byPattern = settings.queuePatterns.map((pattern) => pattern.settings);
  return [...of, ...byPattern].some(({ whenExhausted }) => whenExhausted === "park");
}

/** Whether a job is declared to resume in place that is of one of the queues, or may be of one that a pattern matches. */
function holdsAny({ registry }: AppState, queues: readonly string[], patterns: boolean): boolean {
  return registry.definitions.some(
    ({ resume, queue, partitioner }) =>
      resume.isDeclared && holdsPlace(resume, partitioner !== undefined) && (patterns || queues.includes(queue)),
  );
}

/** Throws an `AppClosedError` where the app is closed meanwhile: nobody would ever close the worker. */
async function untilClosed(
  app: AppState,
  topics: WorkerTopics,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const closer = async (): Promise<void> => {
    stop.abort();
    topics.close();
  };
  app.closers.add(closer);
  try {
    await work(stop.signal);
    stop.signal.throwIfAborted();
  } catch (error) {
    topics.close();
    throw stop.signal.aborted ? new AppClosedError() : error;
  } finally {
    app.closers.delete(closer);
  }
}

import { uuidv7 } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import type { DispatchedJob } from "./dispatched-job.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { InvalidOptionError } from "./errors.ts";
import { findTopics } from "./find-topics.ts";
import { nextTick } from "./next-tick.ts";
import { groupOf } from "./options.ts";
import { checkRecurring, type RecurringDefinition, type RecurringOptions } from "./recurring-definition.ts";
import { lastOf, type RecurringEntry } from "./recurring-record.ts";
import { homeOf } from "./recurring-registry.ts";
import { scanState } from "./scan-state.ts";
import type { StateScan } from "./state-scan.ts";
import { requestRecord, statePartition, stateTopic } from "./state-topic.ts";

/** A job that is enqueued again and again, as `app.recurring` defined it. */
export interface RecurringJob {
  readonly name: string;
  /**
   * Enqueues nothing at its ticks until `resume`, in whichever process. Resolves once the request is written: it stays in
   * force while no worker runs.
   */
  pause(): Promise<void>;
  /** Goes on with the next tick: those in between are not missed. */
  resume(): Promise<void>;
  /** Enqueues it now, as it would be at a tick. Its ticks are as they were. */
  trigger(): Promise<DispatchedJob>;
}

/** A recurring job, as its group knows it. */
export interface RecurringJobStatus {
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  /** Its job's. */
  readonly job: string;
  readonly queue: string;
  /** All ticks up to then have been dealt with. Undefined: no worker has seen it yet. */
  readonly last: Date | undefined;
  /** Undefined: it is paused, or never ticks again. */
  readonly next: Date | undefined;
  readonly isPaused: boolean;
}

/** All recurring jobs of an app. */
export interface RecurringJobs {
  /** In the order of their definition, with what the workers' group knows of them. */
  list(): Promise<RecurringJobStatus[]>;
  /** Throws an `InvalidOptionError` where the app has none of that name. */
  get(name: string): RecurringJob;
}

export function recurringJobs(app: AppState, dispatcher: Dispatcher): RecurringJobs {
  return { list: () => listRecurring(app), get: (name) => handle(app, dispatcher, find(app, name)) };
}

export function defineRecurring(app: AppState, dispatcher: Dispatcher, options: RecurringOptions): RecurringJob {
  const definition = checkRecurring(options);
  if (!app.registry.has(definition.call.definition))
    throw new InvalidOptionError(`recurring "${definition.name}".job`, "it belongs to another app");
  app.recurring.add(definition);
  return handle(app, dispatcher, definition);
}

function find(app: AppState, name: string): RecurringDefinition {
  const definition = app.recurring.get(name);
  if (definition !== undefined) return definition;
  const known = [...app.recurring.all].map((each) => each.name);
  throw new InvalidOptionError("recurring", `none is named "${name}" (${known.join(", ") || "there are none"})`);
}

function handle(app: AppState, dispatcher: Dispatcher, definition: RecurringDefinition): RecurringJob {
  return {
    name: definition.name,
    pause: () => request(app, definition, "pause"),
    resume: () => request(app, definition, "resume"),
    trigger: () => dispatcher.performLater(definition.call),
  };
}

function stateTopicOf({ settings }: AppState): string {
  return stateTopic(groupOf(settings, "recurring jobs need"));
}

async function request(app: AppState, definition: RecurringDefinition, kind: "pause" | "resume"): Promise<void> {
  const topic = stateTopicOf(app);
  const { queue, name } = definition;
  const found = await findTopics(app, [queue, topic]);
  const [home, state] = [found.get(queue), found.get(topic)];
  if (home === undefined || state === undefined)
    throw new InvalidOptionError(
      `recurring "${name}"`,
      `no worker has seen it yet: ${home === undefined ? queue : topic} does not exist`,
    );
  const place = { topic: queue, partition: homeOf(definition, home.partitions) };
  const runtime = app.slot.use();
  const key = { kind, ...place, id: uuidv7(runtime.clock) } as const;
  const to = { topic, partition: statePartition(place, state.partitions) };
  await runtime.producer(app.requests).send(requestRecord(key, name, to));
}

async function listRecurring(app: AppState): Promise<RecurringJobStatus[]> {
  const definitions = [...app.recurring.all];
  const topic = stateTopicOf(app);
  const found = await findTopics(app, [...new Set([...definitions.map(({ queue }) => queue), topic])]);
  const scans = await scanState(app, topic, found.get(topic)?.partitions ?? 0);
  return definitions.map((definition) => {
    const home = found.get(definition.queue);
    const place = { topic: definition.queue, partition: home === undefined ? 0 : homeOf(definition, home.partitions) };
    const scan: StateScan | undefined = scans[statePartition(place, Math.max(1, scans.length))];
    const entry = scan?.of(place).recurring.find(({ name }) => name === definition.name);
    return statusOf(app, definition, entry);
  });
}

function statusOf(
  app: AppState,
  definition: RecurringDefinition,
  entry: RecurringEntry | undefined,
): RecurringJobStatus {
  const { name, cron, zone, schedule, queue, call } = definition;
  const isPaused = entry?.isPaused === true;
  const last = lastOf(definition, entry) ?? app.slot.clock.now();
  const next = isPaused ? undefined : nextTick(schedule, last, zone);
  return {
    ...{ name, cron, timeZone: zone.name, job: call.definition.name, queue, isPaused },
    last: entry === undefined ? undefined : new Date(entry.last),
    next: next === undefined ? undefined : new Date(next),
  };
}

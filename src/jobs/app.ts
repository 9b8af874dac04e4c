import type { AppState } from "./app-state.ts";
import { enqueueTogether } from "./app-transaction.ts";
import { type BlockedJob, blockedJobs, type SkipOptions, skipJob } from "./blocked-jobs.ts";
import { enqueueAll } from "./bulk-enqueue.ts";
import { type ContextOptions, type ContextStore, Contexts } from "./contexts.ts";
import { type DeadLetters, deadLetters } from "./dead-letters.ts";
import type { DispatchedJob } from "./dispatched-job.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { DueOptions } from "./due-time.ts";
import type { AppTransaction } from "./enqueue-transaction.ts";
import { AppClosedError, InvalidOptionError } from "./errors.ts";
import { type AppEventName, type AppListener, EventHub } from "./events.ts";
import { type Job, type JobCalls, JobHandle } from "./job.ts";
import { checkJobOptions, type JobDefinition, type JobOptions } from "./job-options.ts";
import { JobRegistry } from "./job-registry.ts";
import { type AppProducer, LazyProducer } from "./lazy-producer.ts";
import { type Middleware, MiddlewareList } from "./middleware.ts";
import { type AppOptions, type AppSettings, resolveAppOptions } from "./options.ts";
import { type ParkedJobs, parkedJobs } from "./parked-jobs.ts";
import { performNow } from "./perform-now.ts";
import type { PreparedJob } from "./prepared-job.ts";
import type { RecordPlace } from "./record-place.ts";
import type { RecurringOptions } from "./recurring-definition.ts";
import { defineRecurring, type RecurringJob, type RecurringJobs, recurringJobs } from "./recurring-jobs.ts";
import { RecurringRegistry } from "./recurring-registry.ts";
import { RuntimeSlot } from "./runtime.ts";
import { type MessageToSchedule, type ScheduledMessage, scheduleMessage } from "./schedule-message.ts";
import {
  cancelScheduled,
  rescheduleScheduled,
  type ScheduledEntry,
  type ScheduledJobs,
  scheduledJobs,
} from "./scheduled-jobs.ts";
import type { InputOf, OutputOf, StandardSchemaV1 } from "./standard-schema.ts";
import { startWorker } from "./start-worker.ts";
import { type AppTopics, appTopics } from "./topics.ts";
import type { WorkOptions } from "./work-options.ts";
import type { Worker } from "./worker.ts";

/** Jobs, and the way to their queues. Nothing connects before the first use. */
export interface App {
  /** Defines a job. Its name is what records carry; a second one of that name is a `DuplicateJobError`. */
  job<P = void>(options: JobOptions<P> & { readonly schema?: undefined }): Job<P>;
  /** Defines a job whose payload a schema judges: its input is what is enqueued, its output what is performed. */
  job<S extends StandardSchemaV1>(
    options: JobOptions<InputOf<S>, OutputOf<S>> & { readonly schema: S },
  ): Job<InputOf<S>, OutputOf<S>>;
  /**
   * Enqueues many jobs: results in input order, and order per key as in the input. Where any fails, it rejects with a
   * `BulkEnqueueError` that holds every result. An asynchronous input is read no faster than its jobs get away.
   */
  performAllLater(jobs: Iterable<PreparedJob> | AsyncIterable<PreparedJob>): Promise<DispatchedJob[]>;
  /**
   * Enqueues all that `work` asks for, or nothing: in one Kafka transaction, which is opened once `work` has ended, so
   * that it is never open for longer than sending takes. Resolves with what `work` gave, once all is committed. Where
   * `work` throws, or a job cannot be enqueued, nothing is, and it rejects with that. A transaction that is aborted is
   * repeated while that may help; where nobody says in time how it ended, that is a `TransactionOutcomeUnknownError`, and
   * all of the jobs are enqueued or none. Jobs are in the order of the calls, and sent with the settings of `app.producer`
   * whatever their own choice of producer. It is a producer of its own: await one before you enqueue what must be behind it.
   */
  transaction<T>(work: (transaction: AppTransaction) => T | Promise<T>): Promise<T>;
  /** Goes around each enqueue, each run, or both, inside of what was used before. Returns its remover. */
  use(middleware: Middleware): () => void;
  /**
   * Carries what `store` holds when a job is enqueued to where it is performed: there it is what the record says, or
   * nothing, whatever other jobs hold. It has to be JSON, else the enqueue is refused. By name, which has to be the same
   * in every process of the app; a second one of that name is a `DuplicateContextError`.
   */
  context<T>(store: ContextStore<T>, options: ContextOptions): void;
  /** What jobs are sent with, and what variants are made of: `app.producer.with({ compression: "gzip" })`. */
  readonly producer: AppProducer;
  /** Calls `listener` at each such event; returns its remover. Nothing a listener does reaches a job. */
  on<E extends AppEventName>(event: E, listener: AppListener<E>): () => void;
  readonly topics: AppTopics;
  /** Jobs of the app's group that have failed three times or more and hold their partitions, whichever process runs them. */
  blocked(): Promise<BlockedJob[]>;
  /**
   * Lets a job go that holds its partition: into the topic `deadLetter`, or nowhere. In a process whose worker has that
   * partition, or in any while the group has no workers. Resolves once that is committed, and `blocked` does not tell of
   * the job any more. Rejects with a `NotBlockedError` where there is no such job.
   */
  skip(place: RecordPlace, options?: SkipOptions): Promise<void>;
  /**
   * Writes a message at a time of its own, exactly once as readers of what is committed see it, and never early: below
   * jobs, for any topic. Resolves once it waits in a schedule topic. Rejects with an `InvalidOptionError` where it cannot.
   */
  schedule(message: MessageToSchedule): Promise<ScheduledMessage>;
  /**
   * Lets go of what waits for its time. "tooLate": it is on its way, or was cancelled before. A worker decides: where none
   * answers within 10 s, that is a `SchedulerUnavailableError`, and the request stays in force.
   */
  cancel(job: ScheduledEntry): Promise<"cancelled" | "tooLate">;
  /** Gives what waits for its time another one: it keeps its id. As `cancel`. */
  reschedule(job: ScheduledEntry, due: DueOptions): Promise<"rescheduled" | "tooLate">;
  /** What waits for its time. */
  readonly scheduled: ScheduledJobs;
  /**
   * Enqueues a job at each tick of a cron expression, once in the whole group, for as long as any worker of the app runs:
   * define it in every process that works, with the same name. Throws an `InvalidOptionError` that names what is wrong.
   */
  recurring(options: RecurringOptions): RecurringJob;
  /** What `recurring` has defined: to be looked at, paused and triggered. */
  readonly recurringJobs: RecurringJobs;
  /** Jobs that were put aside with those of their key behind them: to be looked at, run or let go of. */
  readonly parked: ParkedJobs;
  /** Jobs that failed for good and wait in dead letter topics: to be looked at, brought back or let go of. */
  readonly dead: DeadLetters;
  /**
   * Runs jobs in this process as a member of the app's group, until the worker is closed. Resolves once it has found
   * its queues' topics; partitions follow, with `assigned` events.
   */
  work(options?: WorkOptions): Promise<Worker>;
  /**
   * Ends what the app runs, sends what waits to be sent, and lets go of Kafka. Where the brokers are away it takes as
   * long as the enqueues under way may take: their `deliveryTimeout`.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const states = new WeakMap<App, AppState>();

/** What an app is inside: for workers and the test kit. */
export function stateOf(app: App): AppState {
  const state = states.get(app);
  if (state === undefined) throw new TypeError("this is not what createApp returned");
  return state;
}

/** Whether a value is what this copy of `createApp` returned. */
export function isApp(value: unknown): value is App {
  return typeof value === "object" && value !== null && states.has(value as App);
}

/** Makes an app. Throws an `InvalidOptionError` that names any option that is not what it should be. */
export function createApp(options: AppOptions = {}): App {
  const settings = resolveAppOptions(options);
  const slot = new RuntimeSlot(settings);
  const state: AppState = {
    settings,
    slot,
    registry: new JobRegistry(),
    recurring: new RecurringRegistry(),
    events: new EventHub(settings.logger),
    contexts: new Contexts(),
    middleware: new MiddlewareList(),
    producer: new LazyProducer(slot, settings.producer),
    requests: new LazyProducer(slot, { ...settings.producer, acks: "all", linger: 0 }),
    workers: new Set(),
    closers: new Set(),
  };
  const app = makeApp(state);
  states.set(app, state);
  return app;
}

function makeApp(state: AppState): App {
  const dispatcher = new Dispatcher(state);
  const calls: JobCalls = {
    performLater: (call) => dispatcher.performLater(call),
    performNow: (call) => performNow(state, call),
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeApp(state);
    return closing;
  };
  return {
    job: (options: unknown): Job<never, never> => {
      const definition = checkJobOptions(options);
      checkScheduleTopic(definition, state.settings);
      state.registry.add(definition);
      return new JobHandle(calls, definition) as unknown as Job<never, never>;
    },
    performAllLater: (jobs) => enqueueAll(dispatcher, state.slot, jobs),
    transaction: (work) => enqueueTogether(state, dispatcher, work),
    use: (middleware) => state.middleware.use(middleware),
    context: (store, options) => state.contexts.add(store as ContextStore<unknown>, options),
    producer: state.producer,
    on: (event, listener) => state.events.on(event, listener),
    topics: appTopics(state),
    blocked: () => blockedJobs(state),
    skip: (place, options) => skipJob(state, place, options),
    schedule: (message) => scheduleMessage(state, message),
    cancel: (job) => cancelScheduled(state, job),
    reschedule: (job, due) => rescheduleScheduled(state, job, due),
    scheduled: scheduledJobs(state),
    recurring: (options) => defineRecurring(state, dispatcher, options),
    recurringJobs: recurringJobs(state, dispatcher),
    parked: parkedJobs(state),
    dead: deadLetters(state),
    work: (options) => (closing === undefined ? startWorker(state, options) : Promise.reject(new AppClosedError())),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Nobody would dispatch what waits in a topic that no worker knows of. */
function checkScheduleTopic({ name, scheduledMessagesTopic: topic }: JobDefinition, settings: AppSettings): void {
  const { scheduledMessagesTopics: known } = settings;
  if (topic === undefined || known.has(topic)) return;
  const list = known.size === 0 ? "there are none" : `known: ${[...known.keys()].join(", ")}`;
  throw new InvalidOptionError(
    `job "${name}".scheduledMessagesTopic`,
    `"${topic}" is not among the scheduledMessagesTopics of createApp (${list})`,
  );
}

async function closeApp(state: AppState): Promise<void> {
  try {
    await Promise.all([...state.closers].map((close) => close()));
  } finally {
    await state.slot.close();
  }
  state.events.emit("closed", { what: "app" });
}

import { checkOptions, describe } from "./check-options.ts";
import type { EnqueuedJob, ScheduledJob } from "./dispatched-job.ts";
import { InvalidOptionError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { RecordPlace } from "./record-place.ts";
import type { AttemptPlace } from "./running-attempts.ts";
import type { InterruptReason } from "./step-run.ts";

/** One run of a job, as events tell of it. */
export interface JobInfo {
  readonly id: string;
  /** Empty where a record names none. */
  readonly name: string;
  readonly queue: string;
  readonly key: string | undefined;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** From 1. */
  readonly attempt: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** What `app.on` can be asked for, and what its listeners get. */
export interface AppEvents {
  /** The brokers have acknowledged a job. */
  enqueued: { readonly job: EnqueuedJob; readonly name: string; readonly key: string | undefined };
  /** The brokers have acknowledged a job that waits for its time. */
  scheduled: { readonly job: ScheduledJob; readonly name: string; readonly key: string | undefined };
  /** What waited in a schedule topic under the id `entry` was sent on its way. `name`, `id`: of a job. */
  dispatched: {
    readonly entry: string;
    readonly name: string | undefined;
    readonly id: string | undefined;
    readonly dueAt: Date;
    readonly to: RecordPlace;
  };
  /** What waited in a schedule topic under the id `entry` was cancelled, or has another time. */
  cancelled: { readonly entry: string; readonly from: TopicPartition };
  rescheduled: { readonly entry: string; readonly from: TopicPartition; readonly dueAt: Date };
  /** What waited in a schedule topic can never be dispatched, and is in the topic for such. */
  undispatchable: {
    readonly entry: string;
    readonly error: unknown;
    readonly from: RecordPlace;
    readonly to: TopicPartition;
  };
  /** This worker reads a schedule partition that it was given: so many records have been read, so many are left. */
  scheduleLoading: TopicPartition & { readonly read: number; readonly left: number };
  /** This worker dispatches from a schedule partition from now on. `duration`: milliseconds of reading it. */
  scheduleLoaded: TopicPartition & { readonly entries: number; readonly duration: number };
  started: { readonly job: JobInfo };
  /** `duration`: milliseconds of this attempt. */
  completed: { readonly job: JobInfo; readonly duration: number };
  /** An attempt ended with an error. */
  failed: { readonly job: JobInfo; readonly error: unknown; readonly duration: number };
  /** A job ended without success: it said so itself, a rule did, or somebody skipped it. */
  discarded: { readonly job: JobInfo; readonly error: unknown };
  /**
   * A job was finished without being run: one with the same id came before it, in the same partition and within the
   * `window` of its queue's `dedupe`. `first`: the offset of the first of them that is remembered.
   */
  duplicate: { readonly job: JobInfo; readonly first: number };
  /** A job failed for good and is in a dead letter topic, at `to`. */
  dead: {
    readonly job: JobInfo;
    readonly error: unknown;
    readonly to: { readonly topic: string; readonly partition: number };
  };
  /**
   * A job was `age` milliseconds old when it was to start, more than its queue's `expire`, and has ended without being
   * run. `job.attempt` is the one that was not made.
   */
  expired: { readonly job: JobInfo; readonly age: number };
  /**
   * A job was put aside, into the group's state topic: it failed for good, or (without an `error`) one of its key before it
   * did. It waits there until `app.parked` releases it.
   */
  parked: { readonly job: JobInfo; readonly error?: unknown };
  /**
   * A job holds up its partition: it has failed three times or more, or can never be read. Told again each minute until
   * it succeeds or `app.skip` lets it go.
   */
  blocked: { readonly job: JobInfo; readonly error: unknown; readonly since: Date };
  /** A failed job will be tried again in `wait` milliseconds. `job.attempt` is the one that failed. */
  retried: { readonly job: JobInfo; readonly wait: number };
  /**
   * A run of a job with steps was ended before the job was, at a checkpoint: the job goes on from there in `wait`
   * milliseconds, which counts as no failure. `steps`: those that are finished, `step`: the one that is not. `reason`:
   * "stopping" (the worker closes, or is quiet), "revoked" (the partition goes to another worker), "isolated" (a step has a
   * run of its own). `resumptions`: this one included.
   */
  interrupted: {
    readonly job: JobInfo;
    readonly reason: InterruptReason;
    readonly steps: readonly string[];
    readonly step: string | undefined;
    readonly resumptions: number;
    readonly wait: number;
  };
  /** A run of a job has come to its steps, and goes on where an earlier one got to. */
  resumed: {
    readonly job: JobInfo;
    readonly resumptions: number;
    readonly steps: readonly string[];
    readonly step: string | undefined;
  };
  /** Partitions that this worker owns from now on. */
  assigned: { readonly partitions: readonly TopicPartition[] };
  /** Partitions that this worker gives up in good order. */
  revoked: { readonly partitions: readonly TopicPartition[] };
  /** Partitions that were taken from this worker: their running jobs may run twice. */
  lost: { readonly partitions: readonly TopicPartition[] };
  /**
   * Another worker has this one's `instanceId`, or one that died had it and its session lasts: nothing runs here until
   * it is free. Told each time that it was tried. Under the group protocol "classic" the other is put out instead.
   */
  instanceIdBusy: { readonly instanceId: string; readonly error: unknown };
  /**
   * Nothing in this process had its turn for `duration` ms, more than a third of the session timeout: heartbeats are late,
   * and the group may take the worker for dead. `jobs`: what ran meanwhile.
   */
  eventLoopBlocked: { readonly duration: number; readonly jobs: readonly AttemptPlace[] };
  /** Closing waits for these jobs, for `left` ms more at most. Told after 5 s and then every 10 s. */
  shutdownDelayed: { readonly jobs: readonly AttemptPlace[]; readonly left: number };
  /** A partition without a valid committed offset is read from its beginning. */
  startedAtEarliest: TopicPartition;
  /** A job has waited for 80 % of the time after which its topic deletes it: `age` of `retention`, in milliseconds. */
  retentionAtRisk: TopicPartition & { readonly age: number; readonly retention: number };
  /** A topic has more partitions than before: keys have moved, and for jobs in flight order is not kept. */
  partitionsChanged: { readonly topic: string; readonly from: number; readonly to: number };
  /** Something went wrong that no call returns: a buffered job that was not sent, a partition that stopped, a listener that threw. */
  error: {
    readonly error: unknown;
    readonly during: string;
    readonly topic?: string | undefined;
    readonly partition?: number | undefined;
  };
  /** A worker, or the app, was closed. */
  closed: { readonly what: "worker" | "app" };
}

export type AppEventName = keyof AppEvents;

/** May be asynchronous; nobody waits for it. What it throws goes to the `error` event. */
export type AppListener<E extends AppEventName> = (event: AppEvents[E]) => unknown;

const NAMES: Readonly<Record<AppEventName, true>> = {
  enqueued: true,
  scheduled: true,
  dispatched: true,
  cancelled: true,
  rescheduled: true,
  undispatchable: true,
  scheduleLoading: true,
  scheduleLoaded: true,
  started: true,
  completed: true,
  failed: true,
  discarded: true,
  duplicate: true,
  dead: true,
  expired: true,
  blocked: true,
  parked: true,
  retried: true,
  interrupted: true,
  resumed: true,
  assigned: true,
  revoked: true,
  lost: true,
  instanceIdBusy: true,
  eventLoopBlocked: true,
  shutdownDelayed: true,
  startedAtEarliest: true,
  retentionAtRisk: true,
  partitionsChanged: true,
  error: true,
  closed: true,
};

/** Hands events to listeners. Nothing a listener does reaches whoever emits. */
export class EventHub {
  readonly #logger: Logger;
  /** Replaced, never changed, so that a listener may remove itself while it runs. */
  readonly #listeners = new Map<AppEventName, readonly ((event: never) => unknown)[]>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns the remover. */
  on<E extends AppEventName>(name: E, listener: AppListener<E>): () => void {
    if (!Object.hasOwn(NAMES, String(name))) checkOptions({ [String(name)]: true }, "event", Object.keys(NAMES));
    if (typeof listener !== "function") {
      throw new InvalidOptionError(`event.${name}`, `${describe(listener)} given, a function is expected`);
    }
    // A wrapper of its own for each call: one function may listen twice, and each remover takes away one.
    const own = (event: never): unknown => listener(event);
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), own]);
    return () => {
      const rest = (this.#listeners.get(name) ?? []).filter((each) => each !== own);
      if (rest.length > 0) this.#listeners.set(name, rest);
      else this.#listeners.delete(name);
    };
  }

  /** Whether anyone listens: what costs time to put together need not be, if not. */
  has(name: AppEventName): boolean {
    return this.#listeners.has(name);
  }

  emit<E extends AppEventName>(name: E, event: AppEvents[E]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      if (name === "error") this.#logUnheard(event as AppEvents["error"]);
      return;
    }
    for (const listener of listeners) this.#call(name, listener, event);
  }

  #call(name: AppEventName, listener: (event: never) => unknown, event: unknown): void {
    try {
      const result = listener(event as never);
      if (result instanceof Promise) result.catch((error: unknown) => this.#failed(name, error));
    } catch (error) {
      this.#failed(name, error);
    }
  }

  #failed(name: AppEventName, error: unknown): void {
    // A listener of `error` that fails is not told of its own failure: that could go on for ever.
    if (name === "error") this.#logger.error("a listener of the error event failed", { error });
    else this.emit("error", { error, during: `a listener of the ${name} event` });
  }

  /** Nothing is dropped in silence: an error that nobody listens for is logged. */
  #logUnheard({ error, during, topic, partition }: AppEvents["error"]): void {
    const place = topic === undefined ? {} : partition === undefined ? { topic } : { topic, partition };
    this.#logger.error(during, { ...place, error });
  }
}

import { checkOptions, describe, optionalText, within } from "./check-options.ts";
import type { DispatchedJob } from "./dispatched-job.ts";
import { checkDue, type Due, type DueOptions, isTimed } from "./due-time.ts";
import { InvalidOptionError } from "./errors.ts";
import { checkUserHeaders, type JobHeaders } from "./headers.ts";
import type { JobDefinition } from "./job-options.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { checkTopicName } from "./topic-name.ts";
import { isWellFormed } from "./well-formed.ts";

/** The payload parameter: it may be left out where the job takes none. */
// biome-ignore lint/suspicious/noConfusingVoidType: a job without a payload is a Job<void>
export type Payload<I> = undefined extends I ? [payload?: I] : [I] extends [void] ? [payload?: I] : [payload: I];

/** What one enqueue does otherwise than the definition says. With `wait` or `waitUntil` the job waits in its schedule topic. */
export interface JobSettings extends DueOptions {
  /** Another queue. */
  readonly queue?: string | undefined;
  /** Headers of the user's own: text, under names that do not begin with `ottla-`. */
  readonly headers?: JobHeaders | undefined;
  /**
   * The job's id, in place of one that is made for it. It decides the partition of a job without a key, so that jobs of
   * one id meet there; it is no key: such jobs keep no order. Where the queue has `dedupe`, a job is not run whose id came
   * shortly before: give an id to one piece of work, always with the same key.
   */
  readonly id?: string | undefined;
}

/** Settings, checked. */
export interface CheckedSettings extends Omit<JobSettings, keyof DueOptions>, Partial<Due> {}

/** A job with settings of its own for the next enqueue. */
export interface ConfiguredJob<I = void> {
  performLater(...payload: Payload<I>): Promise<DispatchedJob>;
  of(...payload: Payload<I>): PreparedJob;
  performNow(...payload: Payload<I>): Promise<void>;
  /** Adds settings; what they say again replaces what was said before. */
  set(settings: JobSettings): ConfiguredJob<I>;
}

/** A defined job. `I` is what is enqueued, `O` what is performed. */
export interface Job<I = void, O = I> {
  /** Never there at run time: it carries the two types. */
  readonly types?: { readonly input: I; readonly output: O } | undefined;
  /**
   * Enqueues the job. Resolves once the brokers have it (or as `dispatchMethod` says). Calls that are not awaited keep
   * their order. A job that takes no payload is written as JSON `null` with a header that says so.
   */
  performLater(...payload: Payload<I>): Promise<DispatchedJob>;
  /** The job with its payload, for `performAllLater`. */
  of(...payload: Payload<I>): PreparedJob;
  /** Other settings for one enqueue. */
  set(settings: JobSettings): ConfiguredJob<I>;
  /** Runs the job here and now, without Kafka: with the checks of an enqueue, and the payload as a worker would read it. */
  performNow(...payload: Payload<I>): Promise<void>;
}

/** What a {@link PreparedJob} is inside. */
export class PreparedCall {
  readonly definition: JobDefinition;
  readonly settings: CheckedSettings;
  readonly payload: unknown;

  constructor(definition: JobDefinition, settings: CheckedSettings, payload: unknown) {
    this.definition = definition;
    this.settings = settings;
    this.payload = payload;
  }
}

/** What `of` returned, as it is inside. `path` names it in the {@link InvalidOptionError} that anything else gets. */
export function preparedCall(job: PreparedJob, path: string): PreparedCall {
  if (job instanceof PreparedCall) return job;
  throw new InvalidOptionError(path, `${describe(job)} given, what of(…) of a job returns is expected`);
}

/** What carries out the calls on a job. */
export interface JobCalls {
  performLater(call: PreparedCall): Promise<DispatchedJob>;
  performNow(call: PreparedCall): Promise<void>;
}

const NONE: CheckedSettings = {};
const SETTINGS = ["queue", "headers", "id", "wait", "waitUntil"] as const;

/** The handle that users call: a definition, settings, and the app that carries the calls out. */
export class JobHandle implements Job<unknown, unknown>, ConfiguredJob<unknown> {
  readonly #calls: JobCalls;
  readonly #definition: JobDefinition;
  readonly #settings: CheckedSettings;

  constructor(calls: JobCalls, definition: JobDefinition, settings: CheckedSettings = NONE) {
    this.#calls = calls;
    this.#definition = definition;
    this.#settings = settings;
  }

  /** @internal */
  get definition(): JobDefinition {
    return this.#definition;
  }

  performLater(payload?: unknown): Promise<DispatchedJob> {
    return this.#calls.performLater(new PreparedCall(this.#definition, this.#settings, payload));
  }

  of(payload?: unknown): PreparedJob {
    return new PreparedCall(this.#definition, this.#settings, payload) as unknown as PreparedJob;
  }

  performNow(payload?: unknown): Promise<void> {
    return this.#calls.performNow(new PreparedCall(this.#definition, this.#settings, payload));
  }

  set(settings: JobSettings): JobHandle {
    const path = `job "${this.#definition.name}".set`;
    const given = checkOptions(settings, path, SETTINGS);
    const { queue, headers } = given;
    const due = checkDue(given as DueOptions, path);
    const { wait, waitUntil } = isTimed(due) ? due : this.#settings;
    return new JobHandle(this.#calls, this.#definition, {
      ...{ wait, waitUntil },
      queue: queue === undefined ? this.#settings.queue : checkTopicName(queue, within(path, "queue")),
      headers:
        headers === undefined
          ? this.#settings.headers
          : { ...this.#settings.headers, ...checkUserHeaders(headers, within(path, "headers")) },
      id: checkId(given.id, within(path, "id")) ?? this.#settings.id,
    });
  }
}

function checkId(value: unknown, path: string): string | undefined {
  const id = optionalText(value, path);
  if (id === undefined || isWellFormed(id)) return id;
  throw new InvalidOptionError(path, "text with half a surrogate pair given, which UTF-8 cannot write");
}

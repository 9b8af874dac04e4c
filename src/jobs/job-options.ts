import {
  checkOptions,
  describe,
  optionalChoice,
  optionalFunction,
  optionalInteger,
  optionalText,
  type RawOptions,
} from "./check-options.ts";
import { type Duration, parseDuration } from "./duration.ts";
import type { TransactionWork } from "./enqueue-transaction.ts";
import { type DiscardRule, type ErrorRule, type RetryRule, resolveErrorRules } from "./error-rules.ts";
import { InvalidOptionError } from "./errors.ts";
import type { JobHeaders } from "./headers.ts";
import type { PartitionerResult, PartitionKeyType } from "./key.ts";
import type { AppProducer } from "./lazy-producer.ts";
import type { Logger } from "./logger.ts";
import { type ResumeOptions, type ResumeSettings, resolveResumeOptions } from "./resume-options.ts";
import type { StandardSchemaV1 } from "./standard-schema.ts";
import type { Cursor, Step } from "./step.ts";
import { checkTopicName } from "./topic-name.ts";
import { isWellFormed } from "./well-formed.ts";

/** When an enqueue resolves: `"produceSync"` (default) once the brokers have the job, `"produceAsync"` once it waits to be sent. */
export type DispatchMethod = "produceSync" | "produceAsync";

/** A job on its way to its queue, as its partitioner and its choice of producer see it. */
export interface EnqueuingJob<I = unknown> {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** What was given to the enqueue: with a schema, its input. */
  readonly payload: I;
  readonly headers: JobHeaders;
}

/** One run of a job, as `perform` sees it. */
export interface RunningJob<O = unknown> {
  /** The same in every attempt. */
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  /** What order is kept for. Undefined: nothing. */
  readonly key: string | undefined;
  /** From 1. */
  readonly attempt: number;
  readonly enqueuedAt: Date;
  readonly topic: string;
  /** -1 under `performNow`. */
  readonly partition: number;
  /** -1 under `performNow`. */
  readonly offset: number;
  /** The user's own headers. */
  readonly headers: JobHeaders;
  /** What `perform` gets: with a schema, its output. */
  readonly payload: O;
  /** Aborts when the partition is lost and at a forced shutdown. Nothing stops a job that does not look. */
  readonly signal: AbortSignal;
  /**
   * Hands over: what `work` enqueues and that this job is finished are one Kafka transaction, so that either counts if
   * and only if the other does. Nothing of this job is run again afterwards, whatever `perform` still does; once in a run.
   * `work` only collects: it must not wait for what it enqueues. Rejects with what `work` throws, or a
   * `HandOverLostError` where the partition has gone, and then nothing counts. Under `performNow` it is `app.transaction`.
   */
  transaction<T>(work: TransactionWork<T>): Promise<T>;
  /**
   * Does `work` as a step: once it has ended, no later run of this job does it again. Before each step, and wherever the
   * step sets its cursor, the job may be interrupted: as its worker stops or its partition goes elsewhere. It goes on from
   * there later, here or there. What is outside of steps is done in every run. Names are unique in a job, and come in the
   * same order in every run; steps run one after the other: await each, and let the error pass that ends the run.
   * `isolated`: the step has a run of its own. Rejects with what `work` throws, or a `StepError`.
   */
  step<C extends Cursor = number>(
    name: string,
    work: (step: Step<C>) => unknown,
    options?: { readonly isolated?: boolean | undefined },
  ): Promise<void>;
  /** How often it was interrupted, or failed, after it had got further, and went on from there. */
  readonly resumptions: number;
  /** When it was to be enqueued, where `app.recurring` did so. Undefined: something else did. */
  readonly tick: Date | undefined;
  /** The app's logger; each line carries the job's name, id and attempt. */
  readonly log: Logger;
}

/** A job's definition. `I` is what is enqueued, `O` what is performed. */
export interface JobOptions<I = void, O = I> {
  /** What records carry. Unique in the app. */
  readonly name: string;
  /** Where it goes: the topic of the same name. */
  readonly queue: string;
  /**
   * What order is kept for: jobs with the same result go to one partition and are run in the order of their enqueueing,
   * one at a time. Without it a job goes to any partition. It runs synchronously, once, at the first enqueue.
   */
  readonly partitioner?: ((job: EnqueuingJob<I>) => PartitionerResult) | undefined;
  /** Default `"key"`. */
  readonly partitionKeyType?: PartitionKeyType | undefined;
  /** Default: `app.producer`. Jobs sent through different producers keep no order among each other. */
  readonly producer?: ((job: EnqueuingJob<I>) => AppProducer) | undefined;
  /** Where it waits that is enqueued for later: one of the app's `scheduledMessagesTopics`. Default: it cannot be. */
  readonly scheduledMessagesTopic?: string | undefined;
  /** For `performLater`. Default `"produceSync"`. */
  readonly dispatchMethod?: DispatchMethod | undefined;
  /** For `performAllLater`. Default `"produceSync"`. */
  readonly dispatchManyMethod?: DispatchMethod | undefined;
  /** Tries the job again at certain errors. Of several rules that match, the last one counts; at most 8. */
  readonly retryOn?: readonly RetryRule[] | undefined;
  /** Ends the job at certain errors, as if it had thrown `Discard`. Before `retryOn` where both match. */
  readonly discardOn?: readonly DiscardRule[] | undefined;
  /** Called once when a job ends without success: discarded, skipped, expired, or put into the dead letter topic. */
  afterDiscard?(job: DiscardedJob<O>, error: unknown): unknown;
  /** How it goes on after an interruption, where it has steps. */
  readonly resumeOptions?: ResumeOptions | undefined;
  /**
   * How often it may go on from where it got to; beyond that an interruption, too, is a failure: a
   * `TooManyResumptionsError`. Default: no limit.
   */
  readonly maxResumptions?: number | undefined;
  /** How long an attempt may take before its signal aborts with a `TimeoutError`. Default: as long as it likes. */
  readonly timeout?: Duration | undefined;
  /**
   * Of the payload's form, from 1 (default). Raise it when the form changes: records say which version they are of, and
   * a worker that has an older one leaves them to others.
   */
  readonly version?: number | undefined;
  /**
   * Makes the payload of a record of the older version `from` into one of this version: in the worker, before the schema
   * judges it. Without it, older payloads are taken as they are.
   */
  readonly upgrade?: ((payload: unknown, from: number) => NoInfer<I> | Promise<NoInfer<I>>) | undefined;
  /** What the job does; `lazy(() => import("./heavy.ts"))` loads it at the first run. */
  perform(payload: O, job: RunningJob<O>): unknown;
}

/** A job that has ended without success, as `afterDiscard` sees it. */
export interface DiscardedJob<O = unknown>
  extends Omit<RunningJob<O>, "payload" | "signal" | "transaction" | "step" | "resumptions" | "tick"> {
  /** Undefined where it could not be read. */
  readonly payload: O | undefined;
}

/** A definition, checked, as the app keeps it. */
export interface JobDefinition {
  readonly name: string;
  readonly queue: string;
  readonly schema: StandardSchemaV1 | undefined;
  readonly partitioner: ((job: EnqueuingJob) => unknown) | undefined;
  readonly partitionKeyType: PartitionKeyType;
  readonly producer: ((job: EnqueuingJob) => unknown) | undefined;
  readonly scheduledMessagesTopic: string | undefined;
  readonly dispatchMethod: DispatchMethod;
  readonly dispatchManyMethod: DispatchMethod;
  readonly rules: readonly ErrorRule[];
  readonly afterDiscard: ((job: DiscardedJob, error: unknown) => unknown) | undefined;
  readonly resume: ResumeSettings;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  readonly version: number;
  readonly upgrade: ((payload: unknown, from: number) => unknown) | undefined;
  readonly perform: (payload: unknown, job: RunningJob) => unknown;
}

const JOB_OPTIONS = [
  "name",
  "queue",
  "schema",
  "partitioner",
  "partitionKeyType",
  "producer",
  "scheduledMessagesTopic",
  "dispatchMethod",
  "dispatchManyMethod",
  "retryOn",
  "discardOn",
  "afterDiscard",
  "resumeOptions",
  "maxResumptions",
  "timeout",
  "version",
  "upgrade",
  "perform",
] as const;
const KEY_TYPES = ["key", "partitionKey", "partition"] as const;
const MAX_VERSION = 999_999_999;
const METHODS = ["produceSync", "produceAsync"] as const;

/** Throws an {@link InvalidOptionError} that names the job and the option. */
export function checkJobOptions(value: unknown): JobDefinition {
  const name = optionalText((value as RawOptions | null | undefined)?.name, "job.name");
  if (name === undefined || !isWellFormed(name)) throw new InvalidOptionError("job.name", "every job needs a name");
  const path = `job "${name}"`;
  const options = checkOptions(value, path, JOB_OPTIONS);
  const { perform } = options;
  if (typeof perform !== "function") {
    throw new InvalidOptionError(`${path}.perform`, `${describe(perform)} given, a function is expected`);
  }
  return {
    name,
    queue: checkTopicName(options.queue, `${path}.queue`),
    schema: checkSchema(options.schema, `${path}.schema`),
    partitioner: optionalFunction(options.partitioner, `${path}.partitioner`) as JobDefinition["partitioner"],
    partitionKeyType: checkKeyType(options, path),
    producer: optionalFunction(options.producer, `${path}.producer`) as JobDefinition["producer"],
    scheduledMessagesTopic:
      options.scheduledMessagesTopic === undefined
        ? undefined
        : checkTopicName(options.scheduledMessagesTopic, `${path}.scheduledMessagesTopic`),
    dispatchMethod: optionalChoice(options.dispatchMethod, `${path}.dispatchMethod`, METHODS) ?? "produceSync",
    dispatchManyMethod:
      optionalChoice(options.dispatchManyMethod, `${path}.dispatchManyMethod`, METHODS) ?? "produceSync",
    rules: resolveErrorRules(options.retryOn, options.discardOn, path),
    afterDiscard: (
      optionalFunction(options.afterDiscard, `${path}.afterDiscard`) as JobDefinition["afterDiscard"]
    )?.bind(value),
    resume: resolveResumeOptions(options, path),
    timeout: options.timeout === undefined ? undefined : parseDuration(options.timeout, `${path}.timeout`),
    ...checkVersion(options, path),
    perform: (payload, job) => perform.call(value, payload, job),
  };
}

function checkVersion(options: RawOptions, path: string): Pick<JobDefinition, "version" | "upgrade"> {
  const version = optionalInteger(options.version, `${path}.version`, 1, MAX_VERSION) ?? 1;
  const upgrade = optionalFunction(options.upgrade, `${path}.upgrade`) as JobDefinition["upgrade"];
  if (upgrade !== undefined && version === 1) {
    throw new InvalidOptionError(`${path}.upgrade`, "nothing is older than version 1: say which version this is");
  }
  return { version, upgrade };
}

function checkKeyType(options: RawOptions, path: string): PartitionKeyType {
  const type = optionalChoice(options.partitionKeyType, `${path}.partitionKeyType`, KEY_TYPES);
  if (type !== undefined && options.partitioner === undefined) {
    throw new InvalidOptionError(
      `${path}.partitionKeyType`,
      "it says what a partitioner's result means, but there is no partitioner",
    );
  }
  return type ?? "key";
}

function checkSchema(value: unknown, path: string): StandardSchemaV1 | undefined {
  if (value === undefined) return undefined;
  const properties = (value as Partial<StandardSchemaV1> | null)?.["~standard"];
  if (properties?.version === 1 && typeof properties.validate === "function") return value as StandardSchemaV1;
  throw new InvalidOptionError(
    path,
    `${describe(value)} given, a schema that follows Standard Schema version 1 is expected`,
  );
}

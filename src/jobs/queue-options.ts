import type { Backoff, BackoffOptions } from "./backoff.ts";
import {
  checkOptions,
  describe,
  optionalBoolean,
  optionalChoice,
  optionalInteger,
  type RawOptions,
  within,
} from "./check-options.ts";
import { type DedupeOptions, resolveDedupe } from "./dedupe-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";
import { resolveStartSettings, START_OPTIONS, type StartOptions, type StartSettings } from "./start-settings.ts";
import { checkTopicName } from "./topic-name.ts";
import {
  resolveVirtualPartitions,
  type VirtualPartitions,
  type VirtualPartitionsOptions,
} from "./virtual-partitions.ts";

export interface DeadLetterQueueOptions {
  /** Not the queue itself. */
  readonly topic: string;
  /** As the queue's `maxRetries`. */
  readonly maxRetries?: number | undefined;
}

export type WhenExhausted = "block" | "skip" | "park";
export type OnDataLoss = "stop" | "continue";

/** What differs from the defaults for one queue. */
export interface QueueOptions extends StartOptions {
  /** How many partitions its topic has. Checked before the first enqueue and at the worker's start. Default: whatever the topic has. */
  readonly partitions?: number | undefined;
  /** For `topics apply`. Default: the brokers' own setting. */
  readonly replicationFactor?: number | undefined;
  /** Settings of the topic for `topics apply`, under Kafka's names. `retention.ms` is -1 (for ever) unless set here. */
  readonly config?: Readonly<Record<string, string>> | undefined;
  /** Runs the jobs of a partition in lanes, beside each other where their keys differ. Default: one at a time. */
  readonly virtualPartitions?: VirtualPartitionsOptions | undefined;
  /** Does not run a job again that is enqueued again under the `id` that its caller gave it. `{}`: within 10 min. Default: runs all. */
  readonly dedupe?: DedupeOptions | undefined;
  /** The waits after failed attempts. Default: 1 s, doubling to 30 s, ± 20 %. */
  readonly backoff?: BackoffOptions | undefined;
  /** Where jobs go that cannot be run. Its topic has at least as many partitions as the queue's. Default: there is none. */
  readonly deadLetterQueue?: DeadLetterQueueOptions | undefined;
  /**
   * What becomes of a job that has failed for good: `"block"` keeps trying it and holds its partition, so that order is
   * kept; `"skip"` puts it into the dead letter topic and goes on; `"park"` puts it and all later jobs of its key aside, in
   * order, until somebody releases them with `app.parked` (a job without a key alone). Default: `"skip"` with a dead letter
   * topic, else `"block"`.
   */
  readonly whenExhausted?: WhenExhausted | undefined;
  /** How often a job is tried again that no rule of its own is for, before it has failed for good. Default 3; not with `"block"`. */
  readonly maxRetries?: number | undefined;
  /**
   * What to do where jobs were deleted before they ran, or the log ends before the committed offset: `"stop"` the
   * partition with an error, or `"continue"` at what is there. Default `"stop"`.
   */
  readonly onDataLoss?: OnDataLoss | undefined;
  /** Go on although the topic has another number of partitions than `partitions` says. Default false. */
  readonly allowPartitionMismatch?: boolean | undefined;
}

/** A queue with every setting filled in. */
export interface QueueSettings extends StartSettings {
  readonly name: string;
  /** What declares them, for messages. Default: `queues.<name>`. */
  readonly declaredBy?: string | undefined;
  /** The pattern that they come from, as it was written. */
  readonly pattern?: string | undefined;
  /** Undefined: not declared. */
  readonly partitions: number | undefined;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
  /** Undefined: jobs run one at a time. */
  readonly virtualPartitions: VirtualPartitions | undefined;
  /** Milliseconds; undefined: no job is a duplicate. */
  readonly dedupeWindow: number | undefined;
  readonly backoff: Backoff;
  /** Undefined: there is none. */
  readonly deadLetterTopic: string | undefined;
  readonly whenExhausted: WhenExhausted;
  /** Infinity: a job never fails for good. */
  readonly maxRetries: number;
  readonly onDataLoss: OnDataLoss;
  readonly allowPartitionMismatch: boolean;
}

const QUEUE_OPTIONS = [
  ...(["partitions", "replicationFactor", "config", "allowPartitionMismatch", "backoff"] as const),
  ...(["virtualPartitions", "dedupe"] as const),
  ...(["deadLetterQueue", "whenExhausted", "maxRetries", "onDataLoss"] as const),
  ...START_OPTIONS,
] as const;
const DEAD_LETTER_OPTIONS = ["topic", "maxRetries"] as const;
const BACKOFF_OPTIONS = ["initial", "max", "jitter"] as const;
const MAX_PARTITIONS = 1_000_000;
const MAX_REPLICATION = 32_767;
const MAX_RETRIES = 1_000_000;

/** The settings of queue `name`, checked. `path` names the options in errors. */
export function resolveQueue(name: string, value: unknown, path: string): QueueSettings {
  checkTopicName(name, path);
  const options = checkOptions(value, path, QUEUE_OPTIONS);
  return {
    name,
    partitions: optionalInteger(options.partitions, within(path, "partitions"), 1, MAX_PARTITIONS),
    replicationFactor:
      optionalInteger(options.replicationFactor, within(path, "replicationFactor"), 1, MAX_REPLICATION) ??
      DEFAULTS.replicationFactor,
    config: { ...DEFAULTS.topicConfig, ...checkConfig(options.config, within(path, "config")) },
    virtualPartitions: resolveVirtualPartitions(options.virtualPartitions, within(path, "virtualPartitions")),
    dedupeWindow: resolveDedupe(options.dedupe, within(path, "dedupe")),
    backoff: resolveBackoff(options.backoff, within(path, "backoff")),
    ...resolveExhaustion(name, options, path),
    ...resolveStartSettings(options, path),
    onDataLoss: optionalChoice(options.onDataLoss, within(path, "onDataLoss"), ["stop", "continue"] as const) ?? "stop",
    allowPartitionMismatch:
      optionalBoolean(options.allowPartitionMismatch, within(path, "allowPartitionMismatch")) ?? false,
  };
}

type Exhaustion = Pick<QueueSettings, "deadLetterTopic" | "whenExhausted" | "maxRetries">;

function resolveExhaustion(name: string, options: RawOptions, path: string): Exhaustion {
  const deadLetterPath = within(path, "deadLetterQueue");
  const deadLetter = checkOptions(options.deadLetterQueue, deadLetterPath, DEAD_LETTER_OPTIONS);
  const topic =
    options.deadLetterQueue === undefined
      ? undefined
      : checkTopicName(deadLetter.topic, within(deadLetterPath, "topic"));
  if (topic === name) {
    throw new InvalidOptionError(within(deadLetterPath, "topic"), `"${name}" is the queue itself: name another topic`);
  }
  const whenExhausted =
    optionalChoice(options.whenExhausted, within(path, "whenExhausted"), ["block", "skip", "park"] as const) ??
    (topic === undefined ? "block" : "skip");
  if (whenExhausted === "skip" && topic === undefined) {
    throw new InvalidOptionError(within(path, "whenExhausted"), '"skip" needs a deadLetterQueue: jobs would be lost');
  }
  const retries = (value: unknown, at: string): number | undefined =>
    optionalInteger(value, within(at, "maxRetries"), 0, MAX_RETRIES);
  const given = retries(options.maxRetries, path) ?? retries(deadLetter.maxRetries, deadLetterPath);
  if (whenExhausted === "block" && given !== undefined) {
    throw new InvalidOptionError(
      within(path, "maxRetries"),
      'a queue that blocks tries for ever: "skip" and "park" have an end',
    );
  }
  const maxRetries = whenExhausted === "block" ? Number.POSITIVE_INFINITY : (given ?? DEFAULTS.maxRetries);
  return { deadLetterTopic: topic, whenExhausted, maxRetries };
}

function checkConfig(value: unknown, path: string): Readonly<Record<string, string>> {
  const config = checkOptions(value, path, Object.keys((value as object | null | undefined) ?? {}));
  for (const [name, setting] of Object.entries(config)) {
    if (typeof setting === "string") continue;
    throw new InvalidOptionError(within(path, name), `${describe(setting)} given, text is expected, as Kafka has it`);
  }
  return config as Readonly<Record<string, string>>;
}

function resolveBackoff(value: unknown, path: string): Backoff {
  const options = checkOptions(value, path, BACKOFF_OPTIONS);
  const initial = parseDuration(options.initial ?? DEFAULTS.backoff.initial, within(path, "initial"));
  const max = parseDuration(options.max ?? Math.max(initial, DEFAULTS.backoff.max), within(path, "max"));
  const jitter = options.jitter ?? DEFAULTS.backoff.jitter;
  if (typeof jitter !== "number" || !(jitter >= 0 && jitter <= 1)) {
    throw new InvalidOptionError(within(path, "jitter"), `${describe(jitter)} given, a number from 0 to 1 is expected`);
  }
  if (max < initial) throw new InvalidOptionError(within(path, "max"), `${max} ms is less than initial, ${initial} ms`);
  return { initial, max, jitter };
}

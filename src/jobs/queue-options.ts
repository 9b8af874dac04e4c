import type { Backoff, BackoffOptions } from "./backoff.ts";
import { checkOptions, describe, optionalBoolean, optionalInteger, within } from "./check-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";
import { checkTopicName } from "./topic-name.ts";

/** What differs from the defaults for one queue. */
export interface QueueOptions {
  /** How many partitions its topic has. Checked before the first enqueue and at the worker's start. Default: whatever the topic has. */
  readonly partitions?: number | undefined;
  /** For `topics apply`. Default: the brokers' own setting. */
  readonly replicationFactor?: number | undefined;
  /** Settings of the topic for `topics apply`, under Kafka's names. `retention.ms` is -1 (for ever) unless set here. */
  readonly config?: Readonly<Record<string, string>> | undefined;
  /** The waits after failed attempts. Default: 1 s, doubling to 30 s, ± 20 %. */
  readonly backoff?: BackoffOptions | undefined;
  /** Go on although the topic has another number of partitions than `partitions` says. Default false. */
  readonly allowPartitionMismatch?: boolean | undefined;
}

/** A queue with every setting filled in. */
export interface QueueSettings {
  readonly name: string;
  /** The pattern that they come from, as it was written. */
  readonly pattern?: string | undefined;
  /** Undefined: not declared. */
  readonly partitions: number | undefined;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
  readonly backoff: Backoff;
  readonly allowPartitionMismatch: boolean;
}

const QUEUE_OPTIONS = ["partitions", "replicationFactor", "config", "backoff", "allowPartitionMismatch"] as const;
const BACKOFF_OPTIONS = ["initial", "max", "jitter"] as const;
const MAX_PARTITIONS = 1_000_000;
const MAX_REPLICATION = 32_767;

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
    backoff: resolveBackoff(options.backoff, within(path, "backoff")),
    allowPartitionMismatch:
      optionalBoolean(options.allowPartitionMismatch, within(path, "allowPartitionMismatch")) ?? false,
  };
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

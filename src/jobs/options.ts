import { InvalidArgumentError } from "../client/errors.ts";
import type { ProducerOptions } from "../client/producer-options.ts";
import { type SaslOptions, saslMechanism } from "../client/sasl-options.ts";
import { checkTlsOptions } from "../client/tls-options.ts";
import type { TlsOptions, Transport } from "../net/transport.ts";
import { checkOptions, describe, optionalText, within } from "./check-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";
import { consoleLogger, type Logger } from "./logger.ts";
import { type ProducerSettings, resolveProducerSettings } from "./producer-settings.ts";
import { type QueueOptions, type QueueSettings, resolveQueue } from "./queue-options.ts";
import {
  type QueuePattern,
  type QueuePatternOptions,
  resolveQueuePatterns,
  settingsByPattern,
} from "./queue-patterns.ts";
import { resolveScheduleTopics, type ScheduleTopicOptions, scheduleTopicSettings } from "./schedule-topics.ts";
import { jsonSerializer, type Serializer } from "./serializer.ts";

/** How the app reaches Kafka. */
export interface KafkaConnectionOptions {
  /** Where to begin, each `host:port`. Default: the KAFKA_BROKERS environment variable (comma-separated), else localhost:9092. */
  readonly brokers?: readonly string[] | undefined;
  /** What brokers' logs and quotas know the app by. */
  readonly clientId?: string | undefined;
  /** How long one request may take. Default 30 s. */
  readonly requestTimeout?: Duration | undefined;
  /** How long opening a connection may take. */
  readonly connectTimeout?: Duration | undefined;
  /**
   * Whether to speak TLS: true, or how. The brokers' certificates have to be valid, of a known authority, and for the host
   * that is connected to. Default: plain text.
   */
  readonly tls?: boolean | TlsOptions | undefined;
  /** How to authenticate. Default: not at all, or by the certificate in `tls`. */
  readonly sasl?: SaslOptions | undefined;
  /** How byte streams are opened: for runtimes without TCP sockets of their own. */
  readonly transport?: Transport | undefined;
}

/** What `createApp` takes. */
export interface AppOptions {
  readonly kafka?: KafkaConnectionOptions | undefined;
  /** The consumer group of the app's workers. A process that only enqueues needs none. */
  readonly group?: string | undefined;
  /** By name: only what differs from the defaults. */
  readonly queues?: Readonly<Record<string, QueueOptions>> | undefined;
  /**
   * Queues that only have to match: workers work on every topic whose name does, on new ones as they appear. A queue that
   * `queues` names has its settings from there; a topic that two patterns match is refused.
   */
  readonly queuePatterns?: readonly QueuePatternOptions[] | undefined;
  /**
   * Topics in which jobs wait for their time (`set({ wait })`), by name or with how `topics apply` is to make them. Every
   * worker of the app dispatches from them. What can never be dispatched goes to a topic named so with "-dead" behind.
   */
  readonly scheduledMessagesTopics?: readonly (string | ScheduleTopicOptions)[] | undefined;
  /** Settings of `app.producer`. */
  readonly producer?: ProducerSettings | undefined;
  /**
   * How long a transaction may be open before its coordinator aborts it. At most the brokers'
   * `transaction.max.timeout.ms`. Default 10 s.
   */
  readonly transactionTimeout?: Duration | undefined;
  /** Default: JSON. */
  readonly serializer?: Serializer | undefined;
  /** Default: lines on standard error. */
  readonly logger?: Logger | undefined;
}

type KafkaSecurity = Pick<KafkaConnectionOptions, "tls" | "sasl">;

/** The app's options, checked and filled in. */
export interface AppSettings {
  readonly kafka: {
    /** Undefined: {@link defaultBrokers} at the first use. */
    readonly brokers: readonly string[] | undefined;
    readonly clientId: string | undefined;
    readonly requestTimeout: number | undefined;
    readonly connectTimeout: number | undefined;
    readonly transport: Transport | undefined;
    /** Secrets stay inside: what is looked at does not show them. */
    readonly security: () => KafkaSecurity;
  };
  readonly group: string | undefined;
  /** Only those that the options name: {@link queueSettings} has one for any name. */
  readonly queues: ReadonlyMap<string, QueueSettings>;
  readonly queuePatterns: readonly QueuePattern[];
  /** By name. */
  readonly scheduledMessagesTopics: ReadonlyMap<string, QueueSettings>;
  readonly producer: ProducerOptions;
  readonly transactionTimeout: number;
  readonly serializer: Serializer;
  readonly logger: Logger;
}

const APP_OPTIONS = [
  ...(["kafka", "group", "queues", "queuePatterns", "scheduledMessagesTopics", "producer"] as const),
  ...(["transactionTimeout", "serializer", "logger"] as const),
] as const;
/** As InitProducerId carries it: 32 bits. */
const LONGEST_TIME = 0x7fff_ffff;
const KAFKA_OPTIONS = ["brokers", "clientId", "requestTimeout", "connectTimeout", "transport", "tls", "sasl"] as const;

export function resolveAppOptions(value: unknown): AppSettings {
  const options = checkOptions(value, "", APP_OPTIONS);
  const queues = checkOptions(
    options.queues,
    "queues",
    Object.keys((options.queues as object | null | undefined) ?? {}),
  );
  const settings: AppSettings = {
    kafka: resolveKafka(options.kafka),
    group: optionalText(options.group, "group"),
    queues: new Map(
      Object.entries(queues).map(([name, queue]) => [name, resolveQueue(name, queue, within("queues", name))]),
    ),
    scheduledMessagesTopics: resolveScheduleTopics(options.scheduledMessagesTopics),
    queuePatterns: resolveQueuePatterns(options.queuePatterns),
    producer: resolveProducerSettings(options.producer, "producer"),
    transactionTimeout: checkTransactionTimeout(options.transactionTimeout),
    serializer: checkMethods(options.serializer, "serializer", ["encode", "decode"]) ?? jsonSerializer,
    logger: checkMethods(options.logger, "logger", ["debug", "info", "warn", "error"]) ?? consoleLogger,
  };
  checkScheduleTopics(settings);
  return settings;
}

/** What waits for its time would be run at once, or be no job any more. */
function checkScheduleTopics({ queues, scheduledMessagesTopics }: AppSettings): void {
  for (const { name, deadLetterTopic } of queues.values()) {
    if (scheduledMessagesTopics.has(name))
      throw new InvalidOptionError("scheduledMessagesTopics", `"${name}" is a queue: name another topic`);
    if (deadLetterTopic === undefined || !scheduledMessagesTopics.has(deadLetterTopic)) continue;
    const option = `queues.${name}.deadLetterQueue.topic`;
    throw new InvalidOptionError(option, `"${deadLetterTopic}" is one of scheduledMessagesTopics: name another topic`);
  }
}

/**
 * The settings of any queue: those that the options give it by name, else by a pattern, else the defaults. Throws an
 * `OverlappingPatternsError` where several patterns match.
 */
export function queueSettings(settings: AppSettings, name: string): QueueSettings {
  return (
    settings.queues.get(name) ??
    settingsByPattern(settings, name) ??
    resolveQueue(name, undefined, within("queues", name))
  );
}

/** The app's group. Throws an {@link InvalidOptionError} where there is none; `who`: what needs it, with its verb. */
export function groupOf({ group }: AppSettings, who: string): string {
  if (group !== undefined) return group;
  throw new InvalidOptionError("group", `missing: ${who} createApp({ group }), the workers' own`);
}

/**
 * The settings of a topic that the app uses: those of a queue, of a schedule topic, or of a dead letter topic, which is
 * made with as many partitions as its queues.
 */
export function topicSettings(settings: AppSettings, name: string): QueueSettings {
  const schedule = scheduleTopicSettings(settings.scheduledMessagesTopics, name);
  if (schedule !== undefined) return schedule;
  const queues = [...settings.queues.values()].filter(({ deadLetterTopic }) => deadLetterTopic === name);
  if (queues.length === 0 || settings.queues.has(name)) return queueSettings(settings, name);
  const counts = queues.map(({ partitions }) => partitions ?? 0);
  const partitions = Math.max(...counts);
  const own = resolveQueue(name, undefined, within("queues", name));
  return { ...own, partitions: partitions === 0 ? undefined : partitions, allowPartitionMismatch: true };
}

/** Where to begin when the options do not say. */
export function defaultBrokers(): readonly string[] {
  const brokers = splitBrokers(environment("KAFKA_BROKERS") ?? "");
  return brokers.length > 0 ? brokers : [DEFAULTS.broker];
}

function splitBrokers(text: string): string[] {
  return text
    .split(",")
    .map((broker) => broker.trim())
    .filter((broker) => broker !== "");
}

function environment(name: string): string | undefined {
  try {
    return (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.[name];
  } catch {
    // Deno throws where the process may not read its environment.
    return undefined;
  }
}

function checkTransactionTimeout(value: unknown): number {
  const ms = Math.round(parseDuration(value ?? DEFAULTS.transactionTimeout, "transactionTimeout"));
  if (ms >= 1_000 && ms <= LONGEST_TIME) return ms;
  throw new InvalidOptionError("transactionTimeout", `${ms} ms given, from 1 s to ${LONGEST_TIME} ms is expected`);
}

function resolveKafka(value: unknown): AppSettings["kafka"] {
  const options = checkOptions(value, "kafka", KAFKA_OPTIONS);
  const time = (name: "requestTimeout" | "connectTimeout"): number | undefined =>
    options[name] === undefined ? undefined : parseDuration(options[name], `kafka.${name}`);
  return {
    brokers: checkBrokers(options.brokers),
    clientId: optionalText(options.clientId, "kafka.clientId"),
    requestTimeout: time("requestTimeout"),
    connectTimeout: time("connectTimeout"),
    transport: checkMethods<Transport>(options.transport, "kafka.transport", ["connect"]),
    security: resolveSecurity(options as KafkaSecurity),
  };
}

function resolveSecurity({ tls = false, sasl }: KafkaSecurity): () => KafkaSecurity {
  try {
    const security = {
      tls: tls === false ? false : checkTlsOptions(tls),
      sasl: sasl === undefined ? undefined : { mechanism: saslMechanism(sasl) },
    };
    return () => security;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidOptionError("kafka", error.message);
  }
}

function checkBrokers(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((broker) => typeof broker === "string" && broker !== "")
  ) {
    return [...value];
  }
  throw new InvalidOptionError("kafka.brokers", `${describe(value)} given, a list as ["host:9092"] is expected`);
}

function checkMethods<T>(value: unknown, path: string, methods: readonly (keyof T & string)[]): T | undefined {
  if (value === undefined) return undefined;
  const given = value as Record<string, unknown> | null;
  const missing = methods.filter((method) => typeof given?.[method] !== "function");
  if (missing.length === 0) return value as T;
  throw new InvalidOptionError(path, `${describe(value)} given, an object with ${methods.join(", ")} is expected`);
}

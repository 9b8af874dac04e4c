/** A topic's configuration, by Kafka's own names, values as text. */
export type TopicConfigs = Readonly<Record<string, string>>;

/** Kafka's numbers for the types of configurations, as DescribeConfigs gives them. */
const BOOLEAN = 1;
const STRING = 2;
const INT = 3;
const LONG = 5;
const DOUBLE = 6;
const LIST = 7;

interface ConfigRule {
  readonly type: number;
  readonly defaultValue: string;
  /** Undefined where the value is right, else what it has to be. */
  readonly complaint: (value: string) => string | undefined;
}

const MAX_INT = 0x7fff_ffff;
/** 2^63 - 1 as Kafka writes it, for "never" and "no limit". */
const MAX_LONG = "9223372036854775807";

function whole(defaultValue: string, min: number, max: number = Number.POSITIVE_INFINITY): ConfigRule {
  const complaint = (value: string): string | undefined =>
    /^-?\d+$/.test(value) && Number(value) >= min && Number(value) <= max
      ? undefined
      : `a whole number of at least ${min}${max === Number.POSITIVE_INFINITY ? "" : ` and at most ${max}`}`;
  return { type: max === MAX_INT ? INT : LONG, defaultValue, complaint };
}

function oneOf(defaultValue: string, ...values: readonly string[]): ConfigRule {
  return {
    type: STRING,
    defaultValue,
    complaint: (value) => (values.includes(value) ? undefined : `one of ${values.join(", ")}`),
  };
}

const policies: ConfigRule = {
  ...oneOf("delete", "delete", "compact", "compact,delete", "delete,compact"),
  type: LIST,
};

function flag(defaultValue: string): ConfigRule {
  return { ...oneOf(defaultValue, "true", "false"), type: BOOLEAN };
}

const ratio: ConfigRule = {
  type: DOUBLE,
  defaultValue: "0.5",
  complaint: (value) => (Number(value) >= 0 && Number(value) <= 1 && value !== "" ? undefined : "from 0 to 1"),
};

const RULES: Readonly<Record<string, ConfigRule>> = {
  "cleanup.policy": policies,
  "compression.type": oneOf("producer", "producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"),
  "delete.retention.ms": whole("86400000", 0),
  "file.delete.delay.ms": whole("60000", 0),
  "flush.messages": whole(MAX_LONG, 1),
  "flush.ms": whole(MAX_LONG, 0),
  "index.interval.bytes": whole("4096", 0, MAX_INT),
  "max.compaction.lag.ms": whole(MAX_LONG, 1),
  "max.message.bytes": whole("1048588", 0, MAX_INT),
  "message.timestamp.after.max.ms": whole("3600000", 0),
  "message.timestamp.before.max.ms": whole(MAX_LONG, 0),
  "message.timestamp.type": oneOf("CreateTime", "CreateTime", "LogAppendTime"),
  "min.cleanable.dirty.ratio": ratio,
  "min.compaction.lag.ms": whole("0", 0),
  "min.insync.replicas": whole("1", 1, MAX_INT),
  preallocate: flag("false"),
  "retention.bytes": whole("-1", -1),
  "retention.ms": whole("604800000", -1),
  "segment.bytes": whole("1073741824", 14, MAX_INT),
  "segment.index.bytes": whole("10485760", 4, MAX_INT),
  "segment.jitter.ms": whole("0", 0),
  "segment.ms": whole("604800000", 1),
  "unclean.leader.election.enable": flag("false"),
};

/** What is wrong with a topic's configuration: a sentence, or undefined. */
export function configComplaint(name: string, value: string | null): string | undefined {
  const rule = RULES[name];
  if (rule === undefined) return `there is no topic configuration ${name}`;
  if (value === null) return `${name} has no value`;
  const expected = rule.complaint(value);
  return expected === undefined ? undefined : `${name} is ${JSON.stringify(value)} and has to be ${expected}`;
}

/** The type of a topic's configuration, by Kafka's number; 0 where there is no such configuration. */
export function configTypeOf(name: string): number {
  return RULES[name]?.type ?? 0;
}

/** Whether a topic's configuration is a list, which can be added to and taken from. */
export function isListConfig(name: string): boolean {
  return RULES[name]?.type === LIST;
}

/** Kafka's defaults, with `overrides` over them. */
export function completeConfigs(overrides: TopicConfigs): TopicConfigs {
  const defaults = Object.entries(RULES).map(([name, rule]) => [name, rule.defaultValue]);
  return { ...Object.fromEntries(defaults), ...overrides };
}

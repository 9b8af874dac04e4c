import type { ClusterSettings } from "./cluster-state.ts";
import { completeConfigs, configTypeOf, type TopicConfigs } from "./topic-configs.ts";

/** One setting, and where its value comes from. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string;
  readonly configSource: number;
  /** By Kafka's number, as in DescribeConfigs. */
  readonly configType: number;
}

/** What has settings, by Kafka's numbers. */
export const TOPIC = 2;
export const BROKER = 4;

/** Where a value comes from, as DescribeConfigs counts. */
export const FROM_TOPIC = 1;
export const FROM_BROKER = 4;
export const FROM_DEFAULT = 5;

/** All configurations of a topic that was given `own`, on a broker that was given `defaults` for its topics. */
export function topicConfigEntries(own: TopicConfigs, defaults: TopicConfigs): ConfigEntry[] {
  return Object.entries(completeConfigs({ ...defaults, ...own })).map(([name, value]) => ({
    name,
    value,
    configSource: name in own ? FROM_TOPIC : name in defaults ? FROM_BROKER : FROM_DEFAULT,
    configType: configTypeOf(name),
  }));
}

const INT = 3;

function given(name: string, value: number): ConfigEntry {
  return { name, value: String(value), configSource: FROM_BROKER, configType: INT };
}

/** The settings of a node that clients may want to know. */
export function brokerConfigEntries({
  defaultPartitions,
  defaultReplicationFactor,
  groups,
}: ClusterSettings): ConfigEntry[] {
  return [
    given("num.partitions", defaultPartitions),
    given("default.replication.factor", defaultReplicationFactor),
    given("group.initial.rebalance.delay.ms", groups.initialRebalanceDelayMs),
    given("group.min.session.timeout.ms", groups.minSessionTimeoutMs),
    given("group.max.session.timeout.ms", groups.maxSessionTimeoutMs),
    given("group.consumer.session.timeout.ms", groups.consumerSessionTimeoutMs),
    given("group.consumer.heartbeat.interval.ms", groups.consumerHeartbeatIntervalMs),
    given("offset.metadata.max.bytes", groups.offsetMetadataMaxBytes),
    given("offsets.retention.minutes", Math.ceil(groups.offsetsRetentionMs / 60_000)),
  ];
}

import { ErrorCode } from "../../protocol/errors.ts";
import type { CreatableTopic } from "../../protocol/messages/19-create-topics.ts";
import type { CreatePartitionsTopic } from "../../protocol/messages/37-create-partitions.ts";
import type { ClusterState } from "./cluster-state.ts";
import { nameComplaint, type Topic } from "./topic.ts";
import { configComplaint, type TopicConfigs } from "./topic-configs.ts";

/** A topic as it is to be created. */
export interface PlannedTopic {
  readonly name: string;
  /** The nodes of each partition, its preferred leader first. */
  readonly replicas: readonly (readonly number[])[];
  readonly configs: TopicConfigs;
}

/** Why a topic cannot be created. `code` is Kafka's own. */
export class TopicRefused extends Error {
  override readonly name = "TopicRefused";
  readonly errorCode: number;

  constructor(errorCode: number, message: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

/** More in one topic is a slip of a hand. */
const MOST_PARTITIONS = 100_000;

/** Checks a new topic as Kafka's controller does, and places its partitions. Throws {@link TopicRefused}. */
export function planTopic(cluster: ClusterState, wanted: CreatableTopic): PlannedTopic {
  const { name } = wanted;
  const complaint = nameComplaint(name);
  if (complaint !== undefined) throw new TopicRefused(ErrorCode.INVALID_TOPIC_EXCEPTION, complaint);
  if (cluster.topicNamed(name) !== undefined) {
    throw new TopicRefused(ErrorCode.TOPIC_ALREADY_EXISTS, `there is a topic ${name} already`);
  }
  const collision = cluster.topics.find((topic) => metricName(topic.name) === metricName(name));
  if (collision !== undefined) {
    const message = `${name} and ${collision.name} differ only in . and _, which metrics cannot tell apart`;
    throw new TopicRefused(ErrorCode.INVALID_TOPIC_EXCEPTION, message);
  }
  const configs = checkConfigs(wanted);
  const replicas = wanted.assignments.length > 0 ? assigned(cluster, wanted) : placed(cluster, wanted);
  return { name, replicas, configs };
}

/** Checks new partitions of a topic as Kafka's controller does, and places them. Throws {@link TopicRefused}. */
export function planPartitions(
  cluster: ClusterState,
  topic: Topic,
  { count, assignments }: CreatePartitionsTopic,
): (readonly number[])[] {
  const present = topic.partitions.length;
  if (count <= present || count > MOST_PARTITIONS) {
    const message = `${count} partitions in all: ${topic.name} has ${present} already, and may have ${MOST_PARTITIONS}`;
    throw new TopicRefused(ErrorCode.INVALID_PARTITIONS, message);
  }
  const factor = topic.partitions[0]!.replicas.length;
  if (assignments === null) {
    const live = cluster.liveNodes().length;
    if (factor <= live) return cluster.place(count - present, factor);
    const message = `replication factor ${factor} with ${live} nodes up`;
    throw new TopicRefused(ErrorCode.INVALID_REPLICATION_FACTOR, message);
  }
  const sound = assignments.every(({ brokerIds }) => brokerIds.length === factor && areNodes(cluster, brokerIds));
  if (assignments.length === count - present && sound) return assignments.map(({ brokerIds }) => [...brokerIds]);
  const message = `${count - present} new partitions need as many assignments, each to ${factor} known nodes`;
  throw new TopicRefused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
}

function areNodes(cluster: ClusterState, ids: readonly number[]): boolean {
  const known = ids.every((id) => cluster.nodes.some((node) => node.nodeId === id));
  return known && ids.length > 0 && new Set(ids).size === ids.length;
}

function metricName(name: string): string {
  return name.replaceAll(".", "_");
}

function checkConfigs({ configs }: CreatableTopic): TopicConfigs {
  const own: Record<string, string> = {};
  for (const { name, value } of configs) {
    const complaint = configComplaint(name, value);
    if (complaint !== undefined) throw new TopicRefused(ErrorCode.INVALID_CONFIG, complaint);
    own[name] = value!;
  }
  return own;
}

function placed(cluster: ClusterState, { numPartitions, replicationFactor }: CreatableTopic): number[][] {
  const partitions = numPartitions === -1 ? cluster.settings.defaultPartitions : numPartitions;
  if (partitions < 1 || partitions > MOST_PARTITIONS) {
    const message = `${partitions} partitions: a topic has 1 to ${MOST_PARTITIONS}`;
    throw new TopicRefused(ErrorCode.INVALID_PARTITIONS, message);
  }
  const live = cluster.liveNodes().length;
  const replicas =
    replicationFactor === -1 ? Math.min(cluster.settings.defaultReplicationFactor, live) : replicationFactor;
  if (replicas < 1 || replicas > live) {
    const message = `replication factor ${replicas} with ${live} nodes up`;
    throw new TopicRefused(ErrorCode.INVALID_REPLICATION_FACTOR, message);
  }
  return cluster.place(partitions, replicas);
}

function assigned(cluster: ClusterState, wanted: CreatableTopic): (readonly number[])[] {
  if (wanted.numPartitions !== -1 || wanted.replicationFactor !== -1) {
    const message = "with assignments, the number of partitions and the replication factor have to be -1";
    throw new TopicRefused(ErrorCode.INVALID_REQUEST, message);
  }
  const byIndex = wanted.assignments.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
  return byIndex.map(({ partitionIndex, brokerIds }, index) => {
    if (partitionIndex === index && areNodes(cluster, brokerIds)) return [...brokerIds];
    const message = `partition ${partitionIndex} on nodes ${brokerIds.join(", ")}: partitions go from 0 up, on known nodes`;
    throw new TopicRefused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
  });
}

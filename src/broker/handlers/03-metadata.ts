import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import { ZERO_UUID } from "../../../protocol/field.ts";
import {
  type MetadataRequest,
  type MetadataRequestTopic,
  type MetadataResponse,
  type MetadataResponsePartition,
  type MetadataResponseTopic,
  metadata,
} from "../../../protocol/messages/03-metadata.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { Handler } from "../handler.ts";
import type { Partition } from "../partition.ts";
import { nameComplaint, type Topic } from "../topic.ts";

/** The first version that can leave out the name of a topic it knows by id alone. */
const NO_NAME_SINCE = 12;

export const metadataHandler: Handler<MetadataRequest, MetadataResponse> = {
  api: metadata,
  handle({ cluster, version }, request) {
    // In version 0 nothing but an empty list could mean all.
    const all = request.topics === null || (version === 0 && request.topics.length === 0);
    const topics = all
      ? cluster.topics.map((topic) => describe(cluster, topic))
      : request.topics!.map((wanted) => find(cluster, wanted, version, request.allowAutoTopicCreation));
    return { ...brokers(cluster), topics };
  },
  fail(request, errorCode, version) {
    const topics = (request.topics ?? []).map(({ name, topicId }) => ({ errorCode, name: name ?? "", topicId }));
    return version >= 13 ? { errorCode, topics } : { topics };
  },
};

function brokers(cluster: ClusterState): Draft<MetadataResponse> {
  const nodes = cluster.liveNodes().map(({ nodeId, host, port, rack = null }) => ({ nodeId, host, port, rack }));
  return { brokers: nodes, clusterId: cluster.clusterId, controllerId: cluster.controllerId };
}

function find(
  cluster: ClusterState,
  wanted: MetadataRequestTopic,
  version: number,
  mayCreate: boolean,
): Draft<MetadataResponseTopic> {
  const { name, topicId } = wanted;
  const found = cluster.lookUp(name, name === null ? topicId : ZERO_UUID);
  if (typeof found !== "number") return describe(cluster, found);
  if (name === null)
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: version >= NO_NAME_SINCE ? null : "", topicId };
  if (nameComplaint(name) !== undefined) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, name };
  const { autoCreateTopics, defaultPartitions, defaultReplicationFactor } = cluster.settings;
  if (!autoCreateTopics || !mayCreate) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, name };
  const replicationFactor = Math.min(defaultReplicationFactor, cluster.liveNodes().length);
  return describe(cluster, cluster.addTopic(name, cluster.place(defaultPartitions, replicationFactor), {}));
}

function describe(cluster: ClusterState, topic: Topic): Draft<MetadataResponseTopic> {
  const partitions = topic.partitions.map((partition) => describePartition(cluster, partition));
  return { name: topic.name, topicId: topic.id, partitions };
}

function describePartition(cluster: ClusterState, partition: Partition): MetadataResponsePartition {
  const isrNodes = cluster.inSync(partition);
  return {
    errorCode: partition.leaderId === -1 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NONE,
    partitionIndex: partition.index,
    leaderId: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes,
    offlineReplicas: partition.replicas.filter((nodeId) => !isrNodes.includes(nodeId)),
  };
}

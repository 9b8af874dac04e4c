import { type Api, api } from "../api.ts";
import { array, boolean, int16, int32, string, struct, uuid } from "../field.ts";

/** Asks for the brokers, and for topics and the leaders of their partitions. */
export interface MetadataRequest {
  /** Null: all topics. Empty: none, except in version 0, where it is all. */
  readonly topics: readonly MetadataRequestTopic[] | null;
  /** Whether asking for a topic may create it, where the broker is set to do that. */
  readonly allowAutoTopicCreation: boolean;
  readonly includeClusterAuthorizedOperations: boolean;
  readonly includeTopicAuthorizedOperations: boolean;
}

export interface MetadataRequestTopic {
  /** Brokers look at it from version 12 on. */
  readonly topicId: string;
  /** Null where the id is given instead. */
  readonly name: string | null;
}

export interface MetadataResponse {
  readonly throttleTimeMs: number;
  readonly brokers: readonly MetadataResponseBroker[];
  readonly clusterId: string | null;
  /** The broker to send administrative requests to; -1: not known. */
  readonly controllerId: number;
  readonly topics: readonly MetadataResponseTopic[];
  /** One bit an operation; the default, -2^31: not asked for. */
  readonly clusterAuthorizedOperations: number;
  readonly errorCode: number;
}

export interface MetadataResponseBroker {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export interface MetadataResponseTopic {
  readonly errorCode: number;
  /** Null for an id that no topic has. */
  readonly name: string | null;
  /** The zero UUID for a name that no topic has. */
  readonly topicId: string;
  /** Whether it is one of Kafka's own, such as the one for committed offsets. */
  readonly isInternal: boolean;
  readonly partitions: readonly MetadataResponsePartition[];
  /** One bit an operation; the default, -2^31: not asked for. */
  readonly topicAuthorizedOperations: number;
}

export interface MetadataResponsePartition {
  readonly errorCode: number;
  readonly partitionIndex: number;
  /** -1: there is none now. */
  readonly leaderId: number;
  /** Grows with every change of leader: of two answers, the one with the higher epoch is newer. */
  readonly leaderEpoch: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
  readonly offlineReplicas: readonly number[];
}

const NOT_ASKED = -0x8000_0000;

export const metadata: Api<MetadataRequest, MetadataResponse> = api({
  key: 3,
  name: "Metadata",
  versions: [0, 13],
  flexibleSince: 9,
  request: struct<MetadataRequest>({
    topics: array(
      struct<MetadataRequestTopic>({
        topicId: uuid.since(10).ignorable(),
        name: string.nullable(10),
      }),
    ).nullable(1),
    allowAutoTopicCreation: boolean.since(4).default(true),
    includeClusterAuthorizedOperations: boolean.since(8).until(10),
    includeTopicAuthorizedOperations: boolean.since(8),
  }),
  response: struct<MetadataResponse>({
    throttleTimeMs: int32.since(3).ignorable(),
    brokers: array(
      struct<MetadataResponseBroker>({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.since(1).nullable(1).default(null).ignorable(),
      }),
    ),
    clusterId: string.since(2).nullable(2).default(null).ignorable(),
    controllerId: int32.since(1).default(-1).ignorable(),
    topics: array(
      struct<MetadataResponseTopic>({
        errorCode: int16,
        name: string.nullable(12),
        topicId: uuid.since(10).ignorable(),
        isInternal: boolean.since(1).ignorable(),
        partitions: array(
          struct<MetadataResponsePartition>({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.since(7).default(-1).ignorable(),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: array(int32).since(5).ignorable(),
          }),
        ),
        topicAuthorizedOperations: int32.since(8).default(NOT_ASKED),
      }),
    ),
    clusterAuthorizedOperations: int32.since(8).until(10).default(NOT_ASKED),
    errorCode: int16.since(13).ignorable(),
  }),
});

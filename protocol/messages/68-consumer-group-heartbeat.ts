import { type Api, api } from "../api.ts";
import { array, type Field, int16, int32, string, struct, uuid } from "../field.ts";

/**
 * Everything a member of a consumer group says and is told (KIP-848): it joins, leaves, subscribes, confirms what it
 * has, and learns what it is to have. After the first, only what has changed is sent.
 */
export interface ConsumerGroupHeartbeatRequest {
  readonly groupId: string;
  /**
   * Made by the member itself from version 1 on (KIP-1082), else given by the coordinator; kept for the member's life.
   */
  readonly memberId: string;
  /** 0 joins, -1 leaves, -2 leaves for a while as a static member; else the epoch last received. */
  readonly memberEpoch: number;
  /** Of a static member; null: not static, or unchanged. */
  readonly instanceId: string | null;
  /** Null: none, or unchanged. */
  readonly rackId: string | null;
  /** How long the member may take to give partitions up, in ms; -1: unchanged. */
  readonly rebalanceTimeoutMs: number;
  /** Null: unchanged. */
  readonly subscribedTopicNames: readonly string[] | null;
  /** A regular expression (RE2) that topics' whole names match; null: unchanged, empty: none. */
  readonly subscribedTopicRegex: string | null;
  /** "uniform" or "range"; null: the broker's choice, or unchanged. */
  readonly serverAssignor: string | null;
  /** What the member has; null: unchanged. */
  readonly topicPartitions: readonly HeartbeatTopicPartitions[] | null;
}

export interface HeartbeatTopicPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export interface ConsumerGroupHeartbeatResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  /** When the next heartbeat is wanted, in ms. */
  readonly heartbeatIntervalMs: number;
  /** What the member is to have; null: unchanged. */
  readonly assignment: HeartbeatAssignment | null;
}

export interface HeartbeatAssignment {
  readonly topicPartitions: readonly HeartbeatTopicPartitions[];
}

const heartbeatTopicPartitions: Field<HeartbeatTopicPartitions> = struct<HeartbeatTopicPartitions>({
  topicId: uuid,
  partitions: array(int32),
});

export const consumerGroupHeartbeat: Api<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse> = api({
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: [0, 1],
  flexibleSince: 0,
  request: struct<ConsumerGroupHeartbeatRequest>({
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    rebalanceTimeoutMs: int32.default(-1),
    subscribedTopicNames: array(string).nullable().default(null),
    subscribedTopicRegex: string.since(1).nullable(1).default(null),
    serverAssignor: string.nullable().default(null),
    topicPartitions: array(heartbeatTopicPartitions).nullable().default(null),
  }),
  response: struct<ConsumerGroupHeartbeatResponse>({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct<HeartbeatAssignment>({
      topicPartitions: array(heartbeatTopicPartitions),
    })
      .nullable()
      .default(null),
  }),
});

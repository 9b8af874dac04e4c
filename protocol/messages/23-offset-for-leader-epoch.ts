import { type Api, api } from "../api.ts";
import { array, int16, int32, int64, string, struct } from "../field.ts";

/**
 * Asks where the offsets of a leader epoch end, so that a reader finds out that a log was truncated below it (KIP-320).
 */
export interface OffsetForLeaderEpochRequest {
  /** The follower that asks; -1: a consumer. */
  readonly replicaId: number;
  readonly topics: readonly OffsetForLeaderTopic[];
}

export interface OffsetForLeaderTopic {
  readonly topic: string;
  readonly partitions: readonly OffsetForLeaderPartition[];
}

export interface OffsetForLeaderPartition {
  readonly partition: number;
  /** The leader's epoch as the asker knows it, so that a stale one is noticed; -1: not checked. */
  readonly currentLeaderEpoch: number;
  /** The epoch to look up. */
  readonly leaderEpoch: number;
}

export interface OffsetForLeaderEpochResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly OffsetForLeaderTopicResult[];
}

export interface OffsetForLeaderTopicResult {
  readonly topic: string;
  readonly partitions: readonly OffsetForLeaderPartitionResult[];
}

export interface OffsetForLeaderPartitionResult {
  readonly errorCode: number;
  readonly partition: number;
  /** The greatest epoch in the log that is at most the one asked for; -1: there is none. */
  readonly leaderEpoch: number;
  /** One past the last offset of that epoch; -1: not known. */
  readonly endOffset: number;
}

export const offsetForLeaderEpoch: Api<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse> = api({
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: [2, 4],
  flexibleSince: 4,
  request: struct<OffsetForLeaderEpochRequest>({
    replicaId: int32.since(3).default(-2).ignorable(),
    topics: array(
      struct<OffsetForLeaderTopic>({
        topic: string,
        partitions: array(
          struct<OffsetForLeaderPartition>({
            partition: int32,
            currentLeaderEpoch: int32.default(-1).ignorable(),
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  }),
  response: struct<OffsetForLeaderEpochResponse>({
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct<OffsetForLeaderTopicResult>({
        topic: string,
        partitions: array(
          struct<OffsetForLeaderPartitionResult>({
            errorCode: int16,
            partition: int32,
            leaderEpoch: int32.default(-1).ignorable(),
            endOffset: int64.default(-1),
          }),
        ),
      }),
    ),
  }),
});

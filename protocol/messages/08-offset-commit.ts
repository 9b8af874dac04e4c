import { type Api, api } from "../api.ts";
import { array, int16, int32, int64, string, struct, uuid } from "../field.ts";

/** Stores a group's positions. They are the offsets to read next, not the ones read last. */
export interface OffsetCommitRequest {
  readonly groupId: string;
  /** The classic group's generation, or the member's epoch (KIP-848); -1: from outside of the group. */
  readonly generationIdOrMemberEpoch: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** How long to keep the offsets, up to version 4; -1: as the broker is set. */
  readonly retentionTimeMs: number;
  readonly topics: readonly OffsetCommitRequestTopic[];
}

export interface OffsetCommitRequestTopic {
  /** Up to version 9. */
  readonly name: string;
  /** From version 10 on, in place of the name. */
  readonly topicId: string;
  readonly partitions: readonly OffsetCommitRequestPartition[];
}

export interface OffsetCommitRequestPartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  /** The epoch of the last record read; -1: not known. */
  readonly committedLeaderEpoch: number;
  /** Text of the client's own, kept beside the offset. */
  readonly committedMetadata: string | null;
}

export interface OffsetCommitResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly OffsetCommitResponseTopic[];
}

export interface OffsetCommitResponseTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly OffsetCommitResponsePartition[];
}

export interface OffsetCommitResponsePartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

export const offsetCommit: Api<OffsetCommitRequest, OffsetCommitResponse> = api({
  key: 8,
  name: "OffsetCommit",
  versions: [2, 10],
  flexibleSince: 8,
  request: struct<OffsetCommitRequest>({
    groupId: string,
    generationIdOrMemberEpoch: int32.default(-1).ignorable(),
    memberId: string.ignorable(),
    groupInstanceId: string.since(7).nullable(7).default(null),
    retentionTimeMs: int64.until(4).default(-1).ignorable(),
    topics: array(
      struct<OffsetCommitRequestTopic>({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array(
          struct<OffsetCommitRequestPartition>({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.since(6).default(-1).ignorable(),
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  }),
  response: struct<OffsetCommitResponse>({
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array(
      struct<OffsetCommitResponseTopic>({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array(
          struct<OffsetCommitResponsePartition>({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  }),
});

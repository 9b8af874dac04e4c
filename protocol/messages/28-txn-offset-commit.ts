import { type Api, api } from "../api.ts";
import { array, int16, int32, int64, producerId, string, struct } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";

/** Commits a group's offsets as a part of a transaction: they count once it is committed (KIP-447). */
export interface TxnOffsetCommitRequest {
  readonly transactionalId: string;
  readonly groupId: string;
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  /** The classic group's generation, or the member's epoch; -1: not checked. */
  readonly generationId: number;
  /** Empty: not checked. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly topics: readonly TxnOffsetCommitRequestTopic[];
}

export interface TxnOffsetCommitRequestTopic {
  readonly name: string;
  readonly partitions: readonly TxnOffsetCommitRequestPartition[];
}

export interface TxnOffsetCommitRequestPartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

export interface TxnOffsetCommitResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly TxnOffsetCommitResponseTopic[];
}

export interface TxnOffsetCommitResponseTopic {
  readonly name: string;
  readonly partitions: readonly TxnOffsetCommitResponsePartition[];
}

export interface TxnOffsetCommitResponsePartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

export const txnOffsetCommit: Api<TxnOffsetCommitRequest, TxnOffsetCommitResponse> = api({
  key: 28,
  name: "TxnOffsetCommit",
  versions: [0, 5],
  flexibleSince: 3,
  request: struct<TxnOffsetCommitRequest>({
    transactionalId: string,
    groupId: string,
    producerId,
    producerEpoch: int16,
    generationId: int32.since(3).default(-1),
    memberId: string.since(3),
    groupInstanceId: string.since(3).nullable(3).default(null),
    topics: array(
      struct<TxnOffsetCommitRequestTopic>({
        name: string,
        partitions: array(
          struct<TxnOffsetCommitRequestPartition>({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.since(2).default(-1).ignorable(),
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  }),
  response: struct<TxnOffsetCommitResponse>({
    throttleTimeMs: int32,
    topics: array(
      struct<TxnOffsetCommitResponseTopic>({
        name: string,
        partitions: array(
          struct<TxnOffsetCommitResponsePartition>({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  }),
});

import { type Api, api } from "../api.ts";
import { array, boolean, int16, int32, int64, string, struct, uuid } from "../field.ts";

/** Reads the positions that groups have committed: up to version 7 one group's, in `groupId` and `topics`. */
export interface OffsetFetchRequest {
  readonly groupId: string;
  /** Null, from version 2 on: all topics of the group. */
  readonly topics: readonly OffsetFetchRequestTopic[] | null;
  /** From version 8 on (KIP-709). */
  readonly groups: readonly OffsetFetchRequestGroup[];
  /** Whether offsets of an undecided transaction give a retriable error, not the ones before (KIP-447). */
  readonly requireStable: boolean;
}

export interface OffsetFetchRequestTopic {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

export interface OffsetFetchRequestGroup {
  readonly groupId: string;
  /** The member that asks, in a group of the newer protocol (KIP-848); null: nobody in it. */
  readonly memberId: string | null;
  readonly memberEpoch: number;
  /** Null: all topics of the group. */
  readonly topics: readonly OffsetFetchRequestTopics[] | null;
}

export interface OffsetFetchRequestTopics {
  /** Up to version 9. */
  readonly name: string;
  /** From version 10 on, in place of the name. */
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

export interface OffsetFetchResponse {
  readonly throttleTimeMs: number;
  /** Up to version 7. */
  readonly topics: readonly OffsetFetchResponseTopic[];
  /** Up to version 7: an error of the whole group. */
  readonly errorCode: number;
  /** From version 8 on. */
  readonly groups: readonly OffsetFetchResponseGroup[];
}

export interface OffsetFetchResponseTopic {
  readonly name: string;
  readonly partitions: readonly OffsetFetchResponsePartition[];
}

export interface OffsetFetchResponsePartition {
  readonly partitionIndex: number;
  /** -1: the group has none. */
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

export interface OffsetFetchResponseGroup {
  readonly groupId: string;
  readonly topics: readonly OffsetFetchResponseTopics[];
  readonly errorCode: number;
}

export interface OffsetFetchResponseTopics {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly OffsetFetchResponsePartitions[];
}

/** The same as {@link OffsetFetchResponsePartition}, from version 8 on. */
export interface OffsetFetchResponsePartitions {
  readonly partitionIndex: number;
  /** -1: the group has none. */
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

export const offsetFetch: Api<OffsetFetchRequest, OffsetFetchResponse> = api({
  key: 9,
  name: "OffsetFetch",
  versions: [1, 10],
  flexibleSince: 6,
  request: struct<OffsetFetchRequest>({
    groupId: string.until(7),
    topics: array(
      struct<OffsetFetchRequestTopic>({
        name: string,
        partitionIndexes: array(int32),
      }),
    )
      .until(7)
      .nullable(2),
    groups: array(
      struct<OffsetFetchRequestGroup>({
        groupId: string,
        memberId: string.since(9).nullable(9).default(null).ignorable(),
        memberEpoch: int32.since(9).default(-1).ignorable(),
        topics: array(
          struct<OffsetFetchRequestTopics>({
            name: string.until(9).ignorable(),
            topicId: uuid.since(10).ignorable(),
            partitionIndexes: array(int32),
          }),
        ).nullable(),
      }),
    ).since(8),
    requireStable: boolean.since(7),
  }),
  response: struct<OffsetFetchResponse>({
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array(
      struct<OffsetFetchResponseTopic>({
        name: string,
        partitions: array(
          struct<OffsetFetchResponsePartition>({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.since(5).default(-1).ignorable(),
            metadata: string.nullable(),
            errorCode: int16,
          }),
        ),
      }),
    ).until(7),
    errorCode: int16.since(2).until(7).ignorable(),
    groups: array(
      struct<OffsetFetchResponseGroup>({
        groupId: string,
        topics: array(
          struct<OffsetFetchResponseTopics>({
            name: string.until(9).ignorable(),
            topicId: uuid.since(10).ignorable(),
            partitions: array(
              struct<OffsetFetchResponsePartitions>({
                partitionIndex: int32,
                committedOffset: int64,
                committedLeaderEpoch: int32.default(-1).ignorable(),
                metadata: string.nullable(),
                errorCode: int16,
              }),
            ),
          }),
        ),
        errorCode: int16,
      }),
    ).since(8),
  }),
});

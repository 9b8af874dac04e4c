import { type Api, api } from "../api.ts";
import { array, int8, int16, int32, int64, string, struct } from "../field.ts";

/** Asks for a partition's first or last offset, or for the first one at or after a time. */
export interface ListOffsetsRequest {
  /** -1: not a replica. */
  readonly replicaId: number;
  /** 0: the last offset is the high watermark; 1: it is the last stable offset. */
  readonly isolationLevel: number;
  readonly topics: readonly ListOffsetsTopic[];
  /** How long a look into remote storage may take, in ms. */
  readonly timeoutMs: number;
}

export interface ListOffsetsTopic {
  readonly name: string;
  readonly partitions: readonly ListOffsetsPartition[];
}

export interface ListOffsetsPartition {
  readonly partitionIndex: number;
  /** The leader's epoch as the sender knows it; -1: not checked. */
  readonly currentLeaderEpoch: number;
  /**
   * Epoch ms, or one of: -1 latest, -2 earliest, -3 the record of the greatest timestamp (version 7), -4 earliest on
   * local disk (8), -5 latest in remote storage (9), -6 earliest not yet uploaded to it (11).
   */
  readonly timestamp: number;
}

export interface ListOffsetsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly ListOffsetsTopicResponse[];
}

export interface ListOffsetsTopicResponse {
  readonly name: string;
  readonly partitions: readonly ListOffsetsPartitionResponse[];
}

export interface ListOffsetsPartitionResponse {
  readonly partitionIndex: number;
  readonly errorCode: number;
  /** The found record's time; -1 where none was looked for or found. */
  readonly timestamp: number;
  /** -1: no record is that late. */
  readonly offset: number;
  readonly leaderEpoch: number;
}

export const listOffsets: Api<ListOffsetsRequest, ListOffsetsResponse> = api({
  key: 2,
  name: "ListOffsets",
  versions: [1, 11],
  flexibleSince: 6,
  request: struct<ListOffsetsRequest>({
    replicaId: int32,
    isolationLevel: int8.since(2),
    topics: array(
      struct<ListOffsetsTopic>({
        name: string,
        partitions: array(
          struct<ListOffsetsPartition>({
            partitionIndex: int32,
            currentLeaderEpoch: int32.since(4).default(-1).ignorable(),
            timestamp: int64,
          }),
        ),
      }),
    ),
    timeoutMs: int32.since(10).ignorable(),
  }),
  response: struct<ListOffsetsResponse>({
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array(
      struct<ListOffsetsTopicResponse>({
        name: string,
        partitions: array(
          struct<ListOffsetsPartitionResponse>({
            partitionIndex: int32,
            errorCode: int16,
            timestamp: int64.default(-1),
            offset: int64.default(-1),
            leaderEpoch: int32.since(4).default(-1),
          }),
        ),
      }),
    ),
  }),
});

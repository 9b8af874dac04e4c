import { type Api, api } from "../api.ts";
import { array, int16, int32, int64, string, struct } from "../field.ts";

/** Deletes the records below an offset of each partition; leaders only. */
export interface DeleteRecordsRequest {
  readonly topics: readonly DeleteRecordsTopic[];
  /** How long the broker may wait for the replicas, in ms. */
  readonly timeoutMs: number;
}

export interface DeleteRecordsTopic {
  readonly name: string;
  readonly partitions: readonly DeleteRecordsPartition[];
}

export interface DeleteRecordsPartition {
  readonly partitionIndex: number;
  /** The first offset to keep; -1: delete up to the high watermark. */
  readonly offset: number;
}

export interface DeleteRecordsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly DeleteRecordsTopicResult[];
}

export interface DeleteRecordsTopicResult {
  readonly name: string;
  readonly partitions: readonly DeleteRecordsPartitionResult[];
}

export interface DeleteRecordsPartitionResult {
  readonly partitionIndex: number;
  /** The first offset that is left; -1 beside an error. */
  readonly lowWatermark: number;
  readonly errorCode: number;
}

export const deleteRecords: Api<DeleteRecordsRequest, DeleteRecordsResponse> = api({
  key: 21,
  name: "DeleteRecords",
  versions: [0, 2],
  flexibleSince: 2,
  request: struct<DeleteRecordsRequest>({
    topics: array(
      struct<DeleteRecordsTopic>({
        name: string,
        partitions: array(
          struct<DeleteRecordsPartition>({
            partitionIndex: int32,
            offset: int64,
          }),
        ),
      }),
    ),
    timeoutMs: int32,
  }),
  response: struct<DeleteRecordsResponse>({
    throttleTimeMs: int32,
    topics: array(
      struct<DeleteRecordsTopicResult>({
        name: string,
        partitions: array(
          struct<DeleteRecordsPartitionResult>({
            partitionIndex: int32,
            lowWatermark: int64,
            errorCode: int16,
          }),
        ),
      }),
    ),
  }),
});

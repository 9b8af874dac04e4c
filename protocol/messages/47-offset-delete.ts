import { type Api, api } from "../api.ts";
import { array, int16, int32, string, struct } from "../field.ts";

/** Deletes committed offsets of a group; of topics that nobody in it is subscribed to (KIP-496). */
export interface OffsetDeleteRequest {
  readonly groupId: string;
  readonly topics: readonly OffsetDeleteRequestTopic[];
}

export interface OffsetDeleteRequestTopic {
  readonly name: string;
  readonly partitions: readonly OffsetDeleteRequestPartition[];
}

export interface OffsetDeleteRequestPartition {
  readonly partitionIndex: number;
}

export interface OffsetDeleteResponse {
  readonly errorCode: number;
  readonly throttleTimeMs: number;
  readonly topics: readonly OffsetDeleteResponseTopic[];
}

export interface OffsetDeleteResponseTopic {
  readonly name: string;
  readonly partitions: readonly OffsetDeleteResponsePartition[];
}

export interface OffsetDeleteResponsePartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

export const offsetDelete: Api<OffsetDeleteRequest, OffsetDeleteResponse> = api({
  key: 47,
  name: "OffsetDelete",
  versions: [0, 0],
  flexibleSince: Number.POSITIVE_INFINITY,
  request: struct<OffsetDeleteRequest>({
    groupId: string,
    topics: array(
      struct<OffsetDeleteRequestTopic>({
        name: string,
        partitions: array(
          struct<OffsetDeleteRequestPartition>({
            partitionIndex: int32,
          }),
        ),
      }),
    ),
  }),
  response: struct<OffsetDeleteResponse>({
    errorCode: int16,
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct<OffsetDeleteResponseTopic>({
        name: string,
        partitions: array(
          struct<OffsetDeleteResponsePartition>({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  }),
});

import { type Api, api } from "../api.ts";
import { array, boolean, int16, int32, string, struct } from "../field.ts";

/** Gives topics more partitions. What is in them stays where it is, so keys move. */
export interface CreatePartitionsRequest {
  readonly topics: readonly CreatePartitionsTopic[];
  /** How long the broker may take, in ms. */
  readonly timeoutMs: number;
  /** Whether only to check that it could be done. */
  readonly validateOnly: boolean;
}

export interface CreatePartitionsTopic {
  readonly name: string;
  /** How many there are to be in all. */
  readonly count: number;
  /** Which brokers get the new ones; null: the broker decides. */
  readonly assignments: readonly CreatePartitionsAssignment[] | null;
}

export interface CreatePartitionsAssignment {
  readonly brokerIds: readonly number[];
}

export interface CreatePartitionsResponse {
  readonly throttleTimeMs: number;
  readonly results: readonly CreatePartitionsTopicResult[];
}

export interface CreatePartitionsTopicResult {
  readonly name: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const createPartitions: Api<CreatePartitionsRequest, CreatePartitionsResponse> = api({
  key: 37,
  name: "CreatePartitions",
  versions: [0, 3],
  flexibleSince: 2,
  request: struct<CreatePartitionsRequest>({
    topics: array(
      struct<CreatePartitionsTopic>({
        name: string,
        count: int32,
        assignments: array(
          struct<CreatePartitionsAssignment>({
            brokerIds: array(int32),
          }),
        ).nullable(),
      }),
    ),
    timeoutMs: int32,
    validateOnly: boolean,
  }),
  response: struct<CreatePartitionsResponse>({
    throttleTimeMs: int32,
    results: array(
      struct<CreatePartitionsTopicResult>({
        name: string,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
      }),
    ),
  }),
});

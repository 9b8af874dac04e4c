import { type Api, api } from "../api.ts";
import { array, boolean, int8, int16, int32, string, struct, uuid } from "../field.ts";

/** Creates topics. Each has its own result; the response may come before all brokers know of the topic. */
export interface CreateTopicsRequest {
  readonly topics: readonly CreatableTopic[];
  /** How long the broker may take, in ms. */
  readonly timeoutMs: number;
  /** Whether only to check that the topics could be created. */
  readonly validateOnly: boolean;
}

export interface CreatableTopic {
  readonly name: string;
  /** -1: as `assignments` say, or else (from version 4 on) the broker's default. */
  readonly numPartitions: number;
  /** -1: as for `numPartitions`. */
  readonly replicationFactor: number;
  /** Which brokers get which partitions; empty: the broker decides. */
  readonly assignments: readonly CreatableReplicaAssignment[];
  readonly configs: readonly CreatableTopicConfig[];
}

export interface CreatableReplicaAssignment {
  readonly partitionIndex: number;
  /** The first is the preferred leader. */
  readonly brokerIds: readonly number[];
}

export interface CreatableTopicConfig {
  readonly name: string;
  readonly value: string | null;
}

export interface CreateTopicsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly CreatableTopicResult[];
}

export interface CreatableTopicResult {
  readonly name: string;
  readonly topicId: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  /** Why `configs` is null, where the topic itself was created. */
  readonly topicConfigErrorCode: number;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  /** What the topic got (KIP-525). */
  readonly configs: readonly CreatableTopicConfigs[] | null;
}

export interface CreatableTopicConfigs {
  readonly name: string;
  readonly value: string | null;
  readonly readOnly: boolean;
  /** Where the value comes from, as in DescribeConfigs; -1: not said. */
  readonly configSource: number;
  /** Whether the value is a secret, and so not given. */
  readonly isSensitive: boolean;
}

export const createTopics: Api<CreateTopicsRequest, CreateTopicsResponse> = api({
  key: 19,
  name: "CreateTopics",
  versions: [2, 7],
  flexibleSince: 5,
  request: struct<CreateTopicsRequest>({
    topics: array(
      struct<CreatableTopic>({
        name: string,
        numPartitions: int32,
        replicationFactor: int16,
        assignments: array(
          struct<CreatableReplicaAssignment>({
            partitionIndex: int32,
            brokerIds: array(int32),
          }),
        ),
        configs: array(
          struct<CreatableTopicConfig>({
            name: string,
            value: string.nullable(),
          }),
        ),
      }),
    ),
    timeoutMs: int32.default(60_000),
    validateOnly: boolean,
  }),
  response: struct<CreateTopicsResponse>({
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct<CreatableTopicResult>({
        name: string,
        topicId: uuid.since(7).ignorable(),
        errorCode: int16,
        errorMessage: string.nullable().ignorable(),
        topicConfigErrorCode: int16.tagged(0, 5).ignorable(),
        numPartitions: int32.since(5).default(-1).ignorable(),
        replicationFactor: int16.since(5).default(-1).ignorable(),
        configs: array(
          struct<CreatableTopicConfigs>({
            name: string,
            value: string.nullable(),
            readOnly: boolean,
            configSource: int8.default(-1).ignorable(),
            isSensitive: boolean,
          }),
        )
          .since(5)
          .nullable(5)
          .ignorable(),
      }),
    ),
  }),
});

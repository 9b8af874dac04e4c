import { type Api, api } from "../api.ts";
import { array, int16, int32, int64, producerId, string, struct } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";

/** Asks leaders who writes to partitions, and with which transaction (KIP-664). */
export interface DescribeProducersRequest {
  readonly topics: readonly DescribeProducersTopic[];
}

export interface DescribeProducersTopic {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

export interface DescribeProducersResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly DescribeProducersTopicResult[];
}

export interface DescribeProducersTopicResult {
  readonly name: string;
  readonly partitions: readonly DescribeProducersPartitionResult[];
}

export interface DescribeProducersPartitionResult {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly activeProducers: readonly ActiveProducer[];
}

export interface ActiveProducer {
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  /** -1: not known. */
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  /** Where its open transaction began in this partition; -1: none is open. */
  readonly currentTxnStartOffset: number;
}

export const describeProducers: Api<DescribeProducersRequest, DescribeProducersResponse> = api({
  key: 61,
  name: "DescribeProducers",
  versions: [0, 0],
  flexibleSince: 0,
  request: struct<DescribeProducersRequest>({
    topics: array(
      struct<DescribeProducersTopic>({
        name: string,
        partitionIndexes: array(int32),
      }),
    ),
  }),
  response: struct<DescribeProducersResponse>({
    throttleTimeMs: int32,
    topics: array(
      struct<DescribeProducersTopicResult>({
        name: string,
        partitions: array(
          struct<DescribeProducersPartitionResult>({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
            activeProducers: array(
              struct<ActiveProducer>({
                producerId,
                producerEpoch: int32,
                lastSequence: int32.default(-1),
                lastTimestamp: int64.default(-1),
                coordinatorEpoch: int32,
                currentTxnStartOffset: int64.default(-1),
              }),
            ),
          }),
        ),
      }),
    ),
  }),
});

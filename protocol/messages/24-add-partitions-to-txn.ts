import { type Api, api } from "../api.ts";
import { array, boolean, type Field, int16, int32, producerId, string, struct } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";

/**
 * Tells the coordinator which partitions a transaction is about to write to. Producers send up to version 3; from
 * version 4 on it is the brokers' (KIP-890), which verify with it.
 */
export interface AddPartitionsToTxnRequest {
  /** From version 4 on, in place of the fields that follow. */
  readonly transactions: readonly AddPartitionsToTxnTransaction[];
  readonly v3AndBelowTransactionalId: string;
  readonly v3AndBelowProducerId: ProducerId;
  readonly v3AndBelowProducerEpoch: number;
  readonly v3AndBelowTopics: readonly AddPartitionsToTxnTopic[];
}

export interface AddPartitionsToTxnTransaction {
  readonly transactionalId: string;
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  /** Whether to check that the partitions are in the transaction, rather than to add them. */
  readonly verifyOnly: boolean;
  readonly topics: readonly AddPartitionsToTxnTopic[];
}

export interface AddPartitionsToTxnTopic {
  readonly name: string;
  readonly partitions: readonly number[];
}

export interface AddPartitionsToTxnResponse {
  readonly throttleTimeMs: number;
  /** An error of the whole request. */
  readonly errorCode: number;
  readonly resultsByTransaction: readonly AddPartitionsToTxnResult[];
  /** Up to version 3, in place of `resultsByTransaction`. */
  readonly resultsByTopicV3AndBelow: readonly AddPartitionsToTxnTopicResult[];
}

export interface AddPartitionsToTxnResult {
  readonly transactionalId: string;
  readonly topicResults: readonly AddPartitionsToTxnTopicResult[];
}

export interface AddPartitionsToTxnTopicResult {
  readonly name: string;
  readonly resultsByPartition: readonly AddPartitionsToTxnPartitionResult[];
}

export interface AddPartitionsToTxnPartitionResult {
  readonly partitionIndex: number;
  readonly partitionErrorCode: number;
}

const addPartitionsToTxnTopic: Field<AddPartitionsToTxnTopic> = struct<AddPartitionsToTxnTopic>({
  name: string,
  partitions: array(int32),
});

const addPartitionsToTxnTopicResult: Field<AddPartitionsToTxnTopicResult> = struct<AddPartitionsToTxnTopicResult>({
  name: string,
  resultsByPartition: array(
    struct<AddPartitionsToTxnPartitionResult>({
      partitionIndex: int32,
      partitionErrorCode: int16,
    }),
  ),
});

export const addPartitionsToTxn: Api<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse> = api({
  key: 24,
  name: "AddPartitionsToTxn",
  versions: [0, 5],
  flexibleSince: 3,
  request: struct<AddPartitionsToTxnRequest>({
    transactions: array(
      struct<AddPartitionsToTxnTransaction>({
        transactionalId: string,
        producerId,
        producerEpoch: int16,
        verifyOnly: boolean,
        topics: array(addPartitionsToTxnTopic),
      }),
    ).since(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: producerId.until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: array(addPartitionsToTxnTopic).until(3),
  }),
  response: struct<AddPartitionsToTxnResponse>({
    throttleTimeMs: int32,
    errorCode: int16.since(4).ignorable(),
    resultsByTransaction: array(
      struct<AddPartitionsToTxnResult>({
        transactionalId: string,
        topicResults: array(addPartitionsToTxnTopicResult),
      }),
    ).since(4),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult).until(3),
  }),
});

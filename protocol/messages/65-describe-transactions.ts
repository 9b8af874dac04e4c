import { type Api, api } from "../api.ts";
import { array, int16, int32, int64, producerId, string, struct } from "../field.ts";
import type { ProducerId } from "../producer-id.ts";

/** Asks a coordinator about transactional ids (KIP-664). */
export interface DescribeTransactionsRequest {
  readonly transactionalIds: readonly string[];
}

export interface DescribeTransactionsResponse {
  readonly throttleTimeMs: number;
  readonly transactionStates: readonly DescribedTransaction[];
}

export interface DescribedTransaction {
  readonly errorCode: number;
  readonly transactionalId: string;
  /**
   * "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead" or
   * "PrepareEpochFence".
   */
  readonly transactionState: string;
  readonly transactionTimeoutMs: number;
  /** Milliseconds since 1970; -1: none is open. */
  readonly transactionStartTimeMs: number;
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  readonly topics: readonly DescribedTransactionTopic[];
}

export interface DescribedTransactionTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export const describeTransactions: Api<DescribeTransactionsRequest, DescribeTransactionsResponse> = api({
  key: 65,
  name: "DescribeTransactions",
  versions: [0, 0],
  flexibleSince: 0,
  request: struct<DescribeTransactionsRequest>({
    transactionalIds: array(string),
  }),
  response: struct<DescribeTransactionsResponse>({
    throttleTimeMs: int32,
    transactionStates: array(
      struct<DescribedTransaction>({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        transactionStartTimeMs: int64,
        producerId,
        producerEpoch: int16,
        topics: array(
          struct<DescribedTransactionTopic>({
            topic: string,
            partitions: array(int32),
          }),
        ),
      }),
    ),
  }),
});

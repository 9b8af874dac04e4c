import { type Api, api } from "../api.ts";
import { array, int16, int32, int64, records, string, struct, uuid } from "../field.ts";
import { type LeaderIdAndEpoch, leaderIdAndEpoch, type NodeEndpoint, nodeEndpoints } from "./leader-hints.ts";

/** Appends record batches to partitions. With `acks` 0 the broker sends no response at all. */
export interface ProduceRequest {
  /** The transaction's producer, or null outside of transactions. */
  readonly transactionalId: string | null;
  /** Who must have the records before the answer: 0 nobody, 1 the leader, -1 all in-sync replicas. */
  readonly acks: number;
  /** How long the broker may wait for the replicas, in ms. */
  readonly timeoutMs: number;
  readonly topicData: readonly TopicProduceData[];
}

export interface TopicProduceData {
  /** Up to version 12. */
  readonly name: string;
  /** From version 13 on, in place of the name (KIP-516). */
  readonly topicId: string;
  readonly partitionData: readonly PartitionProduceData[];
}

export interface PartitionProduceData {
  readonly index: number;
  /** Exactly one batch, in message format v2. */
  readonly records: Uint8Array | null;
}

export interface ProduceResponse {
  readonly responses: readonly TopicProduceResponse[];
  readonly throttleTimeMs: number;
  /** Where the leaders named in `currentLeader` listen. */
  readonly nodeEndpoints: readonly NodeEndpoint[];
}

export interface TopicProduceResponse {
  readonly name: string;
  readonly topicId: string;
  readonly partitionResponses: readonly PartitionProduceResponse[];
}

export interface PartitionProduceResponse {
  readonly index: number;
  readonly errorCode: number;
  /** The offset that the first record got; -1 beside an error. */
  readonly baseOffset: number;
  /** The broker's clock where the topic is set to LogAppendTime, else -1. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** The records for which the whole batch was refused (KIP-467). */
  readonly recordErrors: readonly BatchIndexAndErrorMessage[];
  readonly errorMessage: string | null;
  readonly currentLeader: LeaderIdAndEpoch;
}

export interface BatchIndexAndErrorMessage {
  /** The record's place in the batch, from 0. */
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string | null;
}

export const produce: Api<ProduceRequest, ProduceResponse> = api({
  key: 0,
  name: "Produce",
  versions: [3, 13],
  flexibleSince: 9,
  request: struct<ProduceRequest>({
    transactionalId: string.nullable().default(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array(
      struct<TopicProduceData>({
        name: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitionData: array(
          struct<PartitionProduceData>({
            index: int32,
            records: records.nullable().default(null),
          }),
        ),
      }),
    ),
  }),
  response: struct<ProduceResponse>({
    responses: array(
      struct<TopicProduceResponse>({
        name: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitionResponses: array(
          struct<PartitionProduceResponse>({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: int64.default(-1).ignorable(),
            logStartOffset: int64.since(5).default(-1).ignorable(),
            recordErrors: array(
              struct<BatchIndexAndErrorMessage>({
                batchIndex: int32,
                batchIndexErrorMessage: string.nullable().default(null),
              }),
            )
              .since(8)
              .ignorable(),
            errorMessage: string.since(8).nullable().default(null).ignorable(),
            currentLeader: leaderIdAndEpoch.tagged(0, 10),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32.ignorable(),
    nodeEndpoints: nodeEndpoints.tagged(0, 10),
  }),
});

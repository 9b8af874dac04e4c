import { ErrorCode, errorByCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type PartitionProduceData,
  type PartitionProduceResponse,
  type ProduceRequest,
  type ProduceResponse,
  produce,
  type TopicProduceData,
  type TopicProduceResponse,
} from "../../../protocol/messages/00-produce.ts";
import { FIELD_AT, TRANSACTIONAL } from "../../../protocol/record-batch.ts";
import { BatchRefused } from "../batch-check.ts";
import type { ClusterState, TopicLookup } from "../cluster-state.ts";
import type { Handler, RequestContext } from "../handler.ts";
import { LeaderHints, ledPartition } from "../leader-check.ts";
import type { BeginTransaction, Partition } from "../partition.ts";
import { StorageError } from "../storage.ts";
import type { Topic } from "../topic.ts";
import type { Transaction } from "../transaction.ts";
import { enterTransaction } from "../transaction-entry.ts";

/** The first version that says who leads instead (KIP-951). */
const HINTS_SINCE = 10;
/** The first version that knows TRANSACTION_ABORTABLE, and the first that adds the partition to the transaction (KIP-890). */
const ABORTABLE_SINCE = 11;
const ADDS_SINCE = 12;

export const produceHandler: Handler<ProduceRequest, ProduceResponse> = {
  api: produce,
  // Some versions of librdkafka take a higher minimum for a broker without compression, so Kafka claims 0 too.
  claimedMinVersion: 0,
  handle(context, request) {
    if (request.transactionalId === null && hasTransactionalBatch(request)) {
      if (request.acks === 0) context.refuse("Produce with acks 0 has a transaction's batch and no transactional id");
      return produceHandler.fail(request, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, context.version);
    }
    const hints = new LeaderHints(context.cluster, context.version >= HINTS_SINCE);
    const responses = request.topicData.map((topic) => appendTopic(context, request, topic, hints));
    if (request.acks !== 0) return { responses, nodeEndpoints: hints.endpoints };
    // Without an answer, only a closed connection makes the client look for what is wrong.
    const failed = responses.flatMap((topic) => topic.partitionResponses ?? []).find((one) => one.errorCode);
    if (failed !== undefined) context.refuse(`Produce with acks 0 failed with error ${failed.errorCode}`);
    return undefined;
  },
  fail(request, errorCode) {
    if (request.acks === 0) return undefined;
    const responses = request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
    }));
    return { responses };
  },
};

function hasTransactionalBatch({ topicData }: ProduceRequest): boolean {
  const isTransactional = ({ records }: PartitionProduceData): boolean =>
    records !== null && ((records[FIELD_AT.attributes + 1] ?? 0) & TRANSACTIONAL) !== 0;
  return topicData.some(({ partitionData }) => partitionData.some(isTransactional));
}

function appendTopic(
  context: RequestContext,
  request: ProduceRequest,
  data: TopicProduceData,
  hints: LeaderHints,
): Draft<TopicProduceResponse> {
  const topic = context.cluster.lookUp(data.name, data.topicId);
  const partitionResponses = data.partitionData.map((part) => append(context, request, topic, part, hints));
  return { name: data.name, topicId: data.topicId, partitionResponses };
}

function append(
  { cluster, nodeId, version }: RequestContext,
  { acks, transactionalId }: ProduceRequest,
  lookup: TopicLookup,
  { index, records }: PartitionProduceData,
  hints: LeaderHints,
): Draft<PartitionProduceResponse> {
  if (acks < -1 || acks > 1) return failed(index, ErrorCode.INVALID_REQUIRED_ACKS);
  const { partition, errorCode } = ledPartition(lookup, index, nodeId);
  if (errorCode !== ErrorCode.NONE || partition === undefined) {
    return { ...failed(index, errorCode), currentLeader: hints.for(partition, errorCode) };
  }
  const topic = lookup as Topic;
  if (acks === -1 && cluster.inSync(partition).length < topic.minInsyncReplicas) {
    return failed(index, ErrorCode.NOT_ENOUGH_REPLICAS);
  }
  try {
    const begin = transactionalId === null ? outsideOfAny : beginning(cluster, transactionalId, partition, version);
    const appended = partition.append(records, version, topic.batchRules, cluster.clock.now(), begin);
    return { index, ...appended, logStartOffset: partition.log.startOffset };
  } catch (error) {
    if (error instanceof BatchRefused) return { ...failed(index, error.errorCode), ...explain(error) };
    if (!(error instanceof StorageError)) throw error;
    return { ...failed(index, ErrorCode.KAFKA_STORAGE_ERROR), errorMessage: error.message };
  }
}

const outsideOfAny: BeginTransaction = () => {
  throw new BatchRefused(ErrorCode.INVALID_TXN_STATE, "the request names no transactional id");
};

function beginning(
  cluster: ClusterState,
  transactionalId: string,
  { topicName, index }: Partition,
  version: number,
): BeginTransaction {
  const part = {
    isIn: (one: Transaction) => one.has(topicName, index),
    addTo: (one: Transaction) => one.add(topicName, index),
  };
  const rules = { adds: version >= ADDS_SINCE, knowsAbortable: version >= ABORTABLE_SINCE };
  return (batch) => {
    const errorCode = enterTransaction(cluster, transactionalId, batch, part, rules);
    if (errorCode === ErrorCode.NONE) return;
    // What clients of these versions try again, without looking for another leader first.
    const isConcurrent = errorCode === ErrorCode.CONCURRENT_TRANSACTIONS && !rules.adds;
    throw new BatchRefused(
      isConcurrent ? ErrorCode.NOT_ENOUGH_REPLICAS : errorCode,
      `${topicName}-${index} is not part of the transaction of ${transactionalId}: ${errorByCode(errorCode).name}`,
    );
  };
}

function failed(index: number, errorCode: number): Draft<PartitionProduceResponse> {
  return { index, errorCode, baseOffset: -1 };
}

function explain(error: BatchRefused): Draft<PartitionProduceResponse> {
  const recordErrors =
    error.recordIndex < 0 ? [] : [{ batchIndex: error.recordIndex, batchIndexErrorMessage: error.message }];
  return { errorMessage: error.message, recordErrors };
}

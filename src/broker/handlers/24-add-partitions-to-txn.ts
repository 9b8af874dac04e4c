import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnResponse,
  type AddPartitionsToTxnTopic,
  type AddPartitionsToTxnTopicResult,
  type AddPartitionsToTxnTransaction,
  addPartitionsToTxn,
} from "../../../protocol/messages/24-add-partitions-to-txn.ts";
import type { Handler, RequestContext } from "../handler.ts";
import type { Transaction } from "../transaction.ts";
import { fencedBefore, transactionCoordinatorError } from "../transaction-entry.ts";

/** The first version that knows PRODUCER_FENCED. */
const FENCED_SINCE = 2;
/** The first version that names several transactional ids: brokers send it (KIP-890). */
const BATCHED_SINCE = 4;

export const addPartitionsToTxnHandler: Handler<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse> = {
  api: addPartitionsToTxn,
  handle(context, request) {
    if (context.version < BATCHED_SINCE)
      return { resultsByTopicV3AndBelow: handleOne(context, soleTransaction(request)) };
    const resultsByTransaction = request.transactions.map((transaction) => ({
      transactionalId: transaction.transactionalId,
      topicResults: handleOne(context, transaction),
    }));
    return { resultsByTransaction };
  },
  fail(request, errorCode, version) {
    if (version >= BATCHED_SINCE) return { errorCode };
    return { resultsByTopicV3AndBelow: answered(request.v3AndBelowTopics, () => errorCode) };
  },
};

function soleTransaction(request: AddPartitionsToTxnRequest): AddPartitionsToTxnTransaction {
  return {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
    verifyOnly: false,
    topics: request.v3AndBelowTopics,
  };
}

function handleOne(
  context: RequestContext,
  wanted: AddPartitionsToTxnTransaction,
): Draft<AddPartitionsToTxnTopicResult>[] {
  const { cluster, version } = context;
  const { transactionalId, topics } = wanted;
  const coordinatorError =
    transactionalId === "" ? ErrorCode.INVALID_REQUEST : transactionCoordinatorError(context, transactionalId);
  if (coordinatorError !== ErrorCode.NONE) return answered(topics, () => coordinatorError);
  if (wanted.verifyOnly) {
    return answered(topics, (topic, index) =>
      cluster.transactions.verify(transactionalId, wanted, (one) => one.has(topic, index)),
    );
  }
  const isThere = (topic: string, index: number): boolean => cluster.topicNamed(topic)?.partitions[index] !== undefined;
  // All of them or none: a client that got a part would not know what it has.
  if (topics.some(({ name, partitions }) => partitions.some((index) => !isThere(name, index)))) {
    return answered(topics, (topic, index) =>
      isThere(topic, index) ? ErrorCode.OPERATION_NOT_ATTEMPTED : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
  }
  const add = (transaction: Transaction): void => {
    for (const { name, partitions } of topics) for (const index of partitions) transaction.add(name, index);
  };
  const errorCode = fencedBefore(version, FENCED_SINCE, cluster.transactions.enter(transactionalId, wanted, add));
  return answered(topics, () => errorCode);
}

function answered(
  topics: readonly AddPartitionsToTxnTopic[],
  errorOf: (topic: string, partition: number) => number,
): Draft<AddPartitionsToTxnTopicResult>[] {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => {
      return { partitionIndex, partitionErrorCode: errorOf(name, partitionIndex) };
    }),
  }));
}

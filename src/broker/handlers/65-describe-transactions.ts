import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type DescribedTransaction,
  type DescribedTransactionTopic,
  type DescribeTransactionsRequest,
  type DescribeTransactionsResponse,
  describeTransactions,
} from "../../../protocol/messages/65-describe-transactions.ts";
import type { Handler, RequestContext } from "../handler.ts";
import { stringHash } from "../string-hash.ts";
import type { Transaction } from "../transaction.ts";
import { transactionCoordinatorError } from "../transaction-entry.ts";

/** Where Kafka keeps groups, and in how many partitions by default: there a group's part in a transaction shows. */
const OFFSETS_TOPIC = "__consumer_offsets";
const OFFSETS_PARTITIONS = 50;

export const describeTransactionsHandler: Handler<DescribeTransactionsRequest, DescribeTransactionsResponse> = {
  api: describeTransactions,
  handle(context, { transactionalIds }) {
    return { transactionStates: transactionalIds.map((id) => describe(context, id)) };
  },
  fail(request, errorCode) {
    return { transactionStates: request.transactionalIds.map((transactionalId) => failed(transactionalId, errorCode)) };
  },
};

function describe(context: RequestContext, transactionalId: string): Draft<DescribedTransaction> {
  if (transactionalId === "") return failed(transactionalId, ErrorCode.INVALID_REQUEST);
  const errorCode = transactionCoordinatorError(context, transactionalId);
  if (errorCode !== ErrorCode.NONE) return failed(transactionalId, errorCode);
  const transaction = context.cluster.transactions.find(transactionalId);
  if (transaction === undefined) return failed(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
  return {
    transactionalId,
    transactionState: transaction.state,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: transaction.startedAt,
    ...transaction.identity,
    topics: topicsOf(transaction),
  };
}

function topicsOf({ partitions, groups }: Transaction): DescribedTransactionTopic[] {
  const topics = [...partitions].map(([topic, indexes]) => ({ topic, partitions: [...indexes] }));
  const offsets = new Set([...groups].map((groupId) => Math.abs(stringHash(groupId)) % OFFSETS_PARTITIONS));
  return offsets.size === 0 ? topics : [...topics, { topic: OFFSETS_TOPIC, partitions: [...offsets] }];
}

function failed(transactionalId: string, errorCode: number): Draft<DescribedTransaction> {
  return { transactionalId, errorCode };
}

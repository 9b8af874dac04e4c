import { ErrorCode } from "../../../protocol/errors.ts";
import { type EndTxnRequest, type EndTxnResponse, endTxn } from "../../../protocol/messages/26-end-txn.ts";
import type { Handler } from "../handler.ts";
import { fencedBefore, transactionCoordinatorError } from "../transaction-entry.ts";

/** The first version that knows PRODUCER_FENCED. */
const FENCED_SINCE = 2;
/** The first version whose sender takes a new epoch for each transaction (KIP-890). */
const BUMPS_SINCE = 5;

export const endTxnHandler: Handler<EndTxnRequest, EndTxnResponse> = {
  api: endTxn,
  handle(context, request) {
    const { version, cluster } = context;
    const { transactionalId, committed } = request;
    if (transactionalId === "") return { errorCode: ErrorCode.INVALID_REQUEST };
    const errorCode =
      transactionCoordinatorError(context, transactionalId) ||
      cluster.transactions.end(transactionalId, request, committed, version >= BUMPS_SINCE);
    if (errorCode !== ErrorCode.NONE) return { errorCode: fencedBefore(version, FENCED_SINCE, errorCode) };
    return cluster.transactions.find(transactionalId)!.nextIdentity;
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

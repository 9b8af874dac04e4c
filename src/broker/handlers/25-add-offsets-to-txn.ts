import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnResponse,
  addOffsetsToTxn,
} from "../../../protocol/messages/25-add-offsets-to-txn.ts";
import type { Handler } from "../handler.ts";
import { fencedBefore, transactionCoordinatorError } from "../transaction-entry.ts";

/** The first version that knows PRODUCER_FENCED. */
const FENCED_SINCE = 2;

export const addOffsetsToTxnHandler: Handler<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse> = {
  api: addOffsetsToTxn,
  handle(context, request) {
    const { transactionalId, groupId } = request;
    if (transactionalId === "") return { errorCode: ErrorCode.INVALID_REQUEST };
    const errorCode =
      transactionCoordinatorError(context, transactionalId) ||
      context.cluster.transactions.enter(transactionalId, request, (one) => one.groups.add(groupId));
    return { errorCode: fencedBefore(context.version, FENCED_SINCE, errorCode) };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type InitProducerIdRequest,
  type InitProducerIdResponse,
  initProducerId,
} from "../../../protocol/messages/22-init-producer-id.ts";
import type { Handler } from "../handler.ts";
import { fencedBefore, transactionCoordinatorError } from "../transaction-entry.ts";

/** The first version that knows PRODUCER_FENCED. */
const FENCED_SINCE = 4;

export const initProducerIdHandler: Handler<InitProducerIdRequest, InitProducerIdResponse> = {
  api: initProducerId,
  handle(context, request) {
    const { cluster, version } = context;
    const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
    if (producerId < 0 !== producerEpoch < 0) return failed(ErrorCode.INVALID_REQUEST);
    if (transactionalId === null) return { producerId: cluster.nextProducerId(), producerEpoch: 0 };
    if (transactionalId === "") return failed(ErrorCode.INVALID_REQUEST);
    const errorCode = transactionCoordinatorError(context, transactionalId);
    if (errorCode !== ErrorCode.NONE) return failed(errorCode);
    const expected = producerId < 0 ? undefined : { producerId, producerEpoch };
    const answer = cluster.transactions.init(transactionalId, transactionTimeoutMs, expected);
    return typeof answer === "number" ? failed(fencedBefore(version, FENCED_SINCE, answer)) : answer;
  },
  fail: (_request, errorCode) => failed(errorCode),
};

function failed(errorCode: number): Draft<InitProducerIdResponse> {
  return { errorCode, producerEpoch: -1 };
}

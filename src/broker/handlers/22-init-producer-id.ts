import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type InitProducerIdRequest,
  type InitProducerIdResponse,
  initProducerId,
} from "../../../protocol/messages/22-init-producer-id.ts";
import type { Handler } from "../handler.ts";

export const initProducerIdHandler: Handler<InitProducerIdRequest, InitProducerIdResponse> = {
  api: initProducerId,
  handle({ cluster }, { transactionalId }) {
    if (transactionalId === null) return { producerId: cluster.nextProducerId(), producerEpoch: 0 };
    // Of the errors that this API has, the one that no client tries again: this broker has no transactions.
    const errorCode =
      transactionalId === "" ? ErrorCode.INVALID_REQUEST : ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    return { errorCode, producerEpoch: -1 };
  },
  fail: (_request, errorCode) => ({ errorCode, producerEpoch: -1 }),
};

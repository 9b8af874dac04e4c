import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type SaslAuthenticateRequest,
  type SaslAuthenticateResponse,
  saslAuthenticate,
} from "../../../protocol/messages/36-sasl-authenticate.ts";
import type { Handler } from "../handler.ts";

export const saslAuthenticateHandler: Handler<SaslAuthenticateRequest, SaslAuthenticateResponse> = {
  api: saslAuthenticate,
  handle({ authentication }, { authBytes }) {
    // Kept beyond this call, by a mechanism that goes on.
    return authentication?.proceed(authBytes.slice()) ?? { errorCode: ErrorCode.ILLEGAL_SASL_STATE };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

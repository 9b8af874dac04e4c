import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type SaslHandshakeRequest,
  type SaslHandshakeResponse,
  saslHandshake,
} from "../../../protocol/messages/17-sasl-handshake.ts";
import type { Handler } from "../handler.ts";

/** Version 0, after which tokens come without a header, is for clients from before 2017: its connection is closed. */
const FIRST_WITH_HEADERS = 1;

export const saslHandshakeHandler: Handler<SaslHandshakeRequest, SaslHandshakeResponse> = {
  api: saslHandshake,
  handle(context, { mechanism }) {
    const { authentication } = context;
    if (authentication === undefined) return { errorCode: ErrorCode.ILLEGAL_SASL_STATE };
    if (context.version < FIRST_WITH_HEADERS) {
      context.refuse("SaslHandshake of version 0 is not served: its tokens have no header");
      return undefined;
    }
    return authentication.choose(mechanism);
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

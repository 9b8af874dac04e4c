import {
  type CreateAclsRequest,
  type CreateAclsResponse,
  createAcls,
} from "../../../protocol/messages/30-create-acls.ts";
import type { Handler } from "../handler.ts";
import { NO_AUTHORIZER } from "../no-authorizer.ts";

export const createAclsHandler: Handler<CreateAclsRequest, CreateAclsResponse> = {
  api: createAcls,
  handle: (_context, { creations }) => ({ results: creations.map(() => NO_AUTHORIZER) }),
  fail: ({ creations }, errorCode) => ({ results: creations.map(() => ({ errorCode })) }),
};

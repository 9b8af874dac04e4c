import {
  type DeleteAclsRequest,
  type DeleteAclsResponse,
  deleteAcls,
} from "../../../protocol/messages/31-delete-acls.ts";
import type { Handler } from "../handler.ts";
import { NO_AUTHORIZER } from "../no-authorizer.ts";

export const deleteAclsHandler: Handler<DeleteAclsRequest, DeleteAclsResponse> = {
  api: deleteAcls,
  handle: (_context, { filters }) => ({ filterResults: filters.map(() => NO_AUTHORIZER) }),
  fail: ({ filters }, errorCode) => ({ filterResults: filters.map(() => ({ errorCode })) }),
};

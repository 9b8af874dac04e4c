import {
  type DescribeAclsRequest,
  type DescribeAclsResponse,
  describeAcls,
} from "../../../protocol/messages/29-describe-acls.ts";
import type { Handler } from "../handler.ts";
import { NO_AUTHORIZER } from "../no-authorizer.ts";

export const describeAclsHandler: Handler<DescribeAclsRequest, DescribeAclsResponse> = {
  api: describeAcls,
  handle: () => NO_AUTHORIZER,
  fail: (_request, errorCode) => ({ errorCode }),
};

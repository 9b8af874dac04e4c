import { ErrorCode } from "../../../protocol/errors.ts";
import { type SyncGroupRequest, type SyncGroupResponse, syncGroup } from "../../../protocol/messages/14-sync-group.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler } from "../handler.ts";

export const syncGroupHandler: Handler<SyncGroupRequest, SyncGroupResponse> = {
  api: syncGroup,
  handle(context, request) {
    const errorCode = coordinatorError(context, request.groupId);
    if (errorCode !== ErrorCode.NONE) return { errorCode };
    const group = context.cluster.groups.find(request.groupId);
    return group?.sync(request) ?? { errorCode: ErrorCode.UNKNOWN_MEMBER_ID };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

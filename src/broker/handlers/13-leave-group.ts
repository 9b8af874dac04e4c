import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type LeaveGroupRequest,
  type LeaveGroupResponse,
  leaveGroup,
} from "../../../protocol/messages/13-leave-group.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler } from "../handler.ts";

/** The first version that takes several members, each with an error of its own. */
const SEVERAL_SINCE = 3;

export const leaveGroupHandler: Handler<LeaveGroupRequest, LeaveGroupResponse> = {
  api: leaveGroup,
  handle(context, request) {
    const errorCode = coordinatorError(context, request.groupId);
    if (errorCode !== ErrorCode.NONE) return { errorCode };
    const leaving =
      context.version < SEVERAL_SINCE
        ? [{ memberId: request.memberId, groupInstanceId: null, reason: null }]
        : request.members;
    const codes = context.cluster.groups.find(request.groupId)?.leave(leaving);
    const members = leaving.map(({ memberId, groupInstanceId }, i) => {
      return { memberId, groupInstanceId, errorCode: codes?.[i] ?? ErrorCode.UNKNOWN_MEMBER_ID };
    });
    return context.version < SEVERAL_SINCE ? { errorCode: members[0]!.errorCode } : { members };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

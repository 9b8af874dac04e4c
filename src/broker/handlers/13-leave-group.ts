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
    const classic = context.cluster.groups.find(request.groupId)?.classic;
    if (context.version < SEVERAL_SINCE) {
      const { memberId } = request;
      return { errorCode: classic?.leave({ memberId, groupInstanceId: null }) ?? ErrorCode.UNKNOWN_MEMBER_ID };
    }
    const members = request.members.map(({ memberId, groupInstanceId }) => ({
      memberId,
      groupInstanceId,
      errorCode: classic?.leave({ memberId, groupInstanceId }) ?? ErrorCode.UNKNOWN_MEMBER_ID,
    }));
    return { members };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

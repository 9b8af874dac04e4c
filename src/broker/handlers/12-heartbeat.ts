import { ErrorCode } from "../../../protocol/errors.ts";
import { type HeartbeatRequest, type HeartbeatResponse, heartbeat } from "../../../protocol/messages/12-heartbeat.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler } from "../handler.ts";

export const heartbeatHandler: Handler<HeartbeatRequest, HeartbeatResponse> = {
  api: heartbeat,
  handle(context, { groupId, memberId, groupInstanceId, generationId }) {
    const errorCode = coordinatorError(context, groupId);
    if (errorCode !== ErrorCode.NONE) return { errorCode };
    const group = context.cluster.groups.find(groupId);
    if (group === undefined) return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID };
    return { errorCode: group.heartbeat(memberId, groupInstanceId, generationId) };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

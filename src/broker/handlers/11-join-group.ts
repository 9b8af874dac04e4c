import { ErrorCode } from "../../../protocol/errors.ts";
import { type JoinGroupRequest, type JoinGroupResponse, joinGroup } from "../../../protocol/messages/11-join-group.ts";
import { failedJoin } from "../classic-answers.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler } from "../handler.ts";

export const joinGroupHandler: Handler<JoinGroupRequest, JoinGroupResponse> = {
  api: joinGroup,
  handle(context, request) {
    const { groupId, memberId } = request;
    if (groupId === "") return failedJoin(memberId, ErrorCode.INVALID_GROUP_ID);
    const errorCode = coordinatorError(context, groupId);
    if (errorCode !== ErrorCode.NONE) return failedJoin(memberId, errorCode);
    const { groups } = context.cluster;
    // Who has an id has been in a group; one that is not there has forgotten it.
    const group = memberId === "" ? groups.obtain(groupId) : groups.find(groupId);
    if (group === undefined) return failedJoin(memberId, ErrorCode.UNKNOWN_MEMBER_ID);
    return group.join(request, context.version, context.clientId);
  },
  fail: ({ memberId }, errorCode) => failedJoin(memberId, errorCode),
};

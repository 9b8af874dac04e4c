import { ErrorCode } from "../../../protocol/errors.ts";
import { type JoinGroupRequest, type JoinGroupResponse, joinGroup } from "../../../protocol/messages/11-join-group.ts";
import { failedJoin, type JoinAnswer } from "../classic-answers.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler, RequestContext } from "../handler.ts";

/** The first version whose answer may say that no protocol was agreed on. */
const NO_PROTOCOL_SINCE = 7;

export const joinGroupHandler: Handler<JoinGroupRequest, JoinGroupResponse> = {
  api: joinGroup,
  async handle(context, request) {
    return inVersion(await join(context, request), context.version);
  },
  fail: ({ memberId }, errorCode, version) => inVersion(failedJoin(memberId, errorCode), version),
};

function join(context: RequestContext, request: JoinGroupRequest): JoinAnswer | Promise<JoinAnswer> {
  const { groupId, memberId } = request;
  if (groupId === "") return failedJoin(memberId, ErrorCode.INVALID_GROUP_ID);
  const errorCode = coordinatorError(context, groupId);
  if (errorCode !== ErrorCode.NONE) return failedJoin(memberId, errorCode);
  const { groups } = context.cluster;
  // Who has an id has been in a group; one that is not there has forgotten it.
  const group = memberId === "" ? groups.obtain(groupId) : groups.find(groupId);
  if (group === undefined) return failedJoin(memberId, ErrorCode.UNKNOWN_MEMBER_ID);
  return group.join(request, context.version, context.clientId);
}

function inVersion(answer: JoinAnswer, version: number): JoinAnswer {
  return answer.errorCode && version >= NO_PROTOCOL_SINCE ? { ...answer, protocolName: null } : answer;
}

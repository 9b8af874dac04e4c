import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type DeleteGroupsRequest,
  type DeleteGroupsResponse,
  deleteGroups,
} from "../../../protocol/messages/42-delete-groups.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler, RequestContext } from "../handler.ts";

export const deleteGroupsHandler: Handler<DeleteGroupsRequest, DeleteGroupsResponse> = {
  api: deleteGroups,
  handle: (context, { groupsNames }) => ({
    results: groupsNames.map((groupId) => ({ groupId, errorCode: remove(context, groupId) })),
  }),
  fail: ({ groupsNames }, errorCode) => ({ results: groupsNames.map((groupId) => ({ groupId, errorCode })) }),
};

function remove(context: RequestContext, groupId: string): number {
  const errorCode = coordinatorError(context, groupId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  const { groups } = context.cluster;
  const group = groups.find(groupId);
  if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
  if (!group.members.isEmpty) return ErrorCode.NON_EMPTY_GROUP;
  groups.remove(group);
  return ErrorCode.NONE;
}

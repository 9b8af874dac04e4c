import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type DescribedGroup,
  type DescribedGroupMember,
  type DescribeGroupsRequest,
  type DescribeGroupsResponse,
  describeGroups,
} from "../../../protocol/messages/15-describe-groups.ts";
import { type ClassicMember, metadataFor } from "../classic-member.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { Handler, RequestContext } from "../handler.ts";

/** The first version in which a group that is not there is an error; before, it is dead. */
const NOT_FOUND_SINCE = 6;

export const describeGroupsHandler: Handler<DescribeGroupsRequest, DescribeGroupsResponse> = {
  api: describeGroups,
  handle: (context, { groups }) => ({ groups: groups.map((groupId) => describe(context, groupId)) }),
  fail: ({ groups }, errorCode) => ({ groups: groups.map((groupId) => ({ groupId, errorCode })) }),
};

function describe(context: RequestContext, groupId: string): Draft<DescribedGroup> {
  const errorCode = coordinatorError(context, groupId);
  if (errorCode !== ErrorCode.NONE) return { groupId, errorCode };
  const classic = context.cluster.groups.find(groupId)?.members;
  if (classic?.kind !== "classic") {
    const dead = { groupId, groupState: "Dead" };
    if (context.version < NOT_FOUND_SINCE) return dead;
    const errorMessage =
      classic === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a classic group.`;
    return { ...dead, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage };
  }
  // Until the leader has assigned, nothing of what members say is settled.
  const protocolName = classic.state === "Stable" ? classic.protocolName : null;
  return {
    groupId,
    groupState: classic.state,
    protocolType: classic.protocolType ?? "",
    protocolData: protocolName ?? "",
    members: classic.members.map((member) => describeMember(member, protocolName)),
  };
}

function describeMember(member: ClassicMember, protocolName: string | null): Draft<DescribedGroupMember> {
  const { memberId, groupInstanceId, clientId } = member;
  const who = { memberId, groupInstanceId, clientId };
  if (protocolName === null) return who;
  return { ...who, memberMetadata: metadataFor(member, protocolName), memberAssignment: member.assignment };
}

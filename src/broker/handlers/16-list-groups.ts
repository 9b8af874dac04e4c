import type { Draft } from "../../../protocol/field.ts";
import {
  type ListedGroup,
  type ListGroupsRequest,
  type ListGroupsResponse,
  listGroups,
} from "../../../protocol/messages/16-list-groups.ts";
import { CONSUMER_PROTOCOL } from "../classic-subscriptions.ts";
import type { Group } from "../group.ts";
import type { Handler } from "../handler.ts";

/** Lists what this node coordinates: a client asks them all. */
export const listGroupsHandler: Handler<ListGroupsRequest, ListGroupsResponse> = {
  api: listGroups,
  handle({ cluster, nodeId }, { statesFilter, typesFilter }) {
    const states = new Set(statesFilter.map((state) => state.trim().toLowerCase()));
    const types = new Set(typesFilter.map((type) => type.toLowerCase()));
    const isWanted = ({ members }: Group): boolean =>
      (states.size === 0 || states.has(members.state.toLowerCase())) && (types.size === 0 || types.has(members.kind));
    const own = cluster.groups.all.filter(({ groupId }) => cluster.groups.coordinatorOf(groupId) === nodeId);
    return { groups: own.filter(isWanted).map(list) };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

function list({ groupId, members }: Group): Draft<ListedGroup> {
  const protocolType = members.kind === "consumer" ? CONSUMER_PROTOCOL : (members.protocolType ?? "");
  return { groupId, protocolType, groupState: members.state, groupType: members.kind };
}

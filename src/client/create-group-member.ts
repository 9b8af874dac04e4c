import { ClassicGroupMember } from "./classic-group-member.ts";
import type { Cluster } from "./cluster.ts";
import { Coordinator } from "./coordinator.ts";
import type { GroupMember, GroupMemberOptions } from "./group-member.ts";
import { Lease } from "./lease.ts";
import type { GroupHandlers, GroupProtocol } from "./membership.ts";
import { NegotiatedGroupMember } from "./negotiated-group-member.ts";

/**
 * A member of a group, not yet started. Without a protocol it speaks the one that the broker's assignors are behind
 * (KIP-848) where the cluster has that switched on, and the classic one elsewhere.
 */
export function createGroupMember(
  cluster: Cluster,
  options: GroupMemberOptions & { readonly groupProtocol?: GroupProtocol | undefined },
  handlers: GroupHandlers,
): GroupMember {
  const coordinator = new Coordinator(cluster, options.groupId);
  const lease = new Lease(cluster.clock, options.sessionTimeout, options.rebalanceTimeout);
  if (options.groupProtocol === "classic")
    return new ClassicGroupMember(cluster, options, handlers, coordinator, lease);
  return new NegotiatedGroupMember(cluster, options, handlers, coordinator, lease);
}

import { ClassicGroupMember } from "./classic-group-member.ts";
import type { Cluster } from "./cluster.ts";
import { Coordinator } from "./coordinator.ts";
import type { GroupMember, GroupMemberOptions } from "./group-member.ts";
import { Lease } from "./lease.ts";
import type { GroupHandlers, GroupProtocol } from "./membership.ts";
import { NegotiatedGroupMember } from "./negotiated-group-member.ts";
import type { TopicPartition } from "./topic-partition.ts";

/**
 * A member of a group, not yet started. Without a protocol it speaks the one that the broker's assignors are behind
 * (KIP-848) where the cluster has that switched on, and the classic one elsewhere.
 */
export function createGroupMember(
  cluster: Cluster,
  options: GroupMemberOptions & { readonly groupProtocol?: GroupProtocol | undefined },
  handlers: GroupHandlers,
): GroupMember {
  const told = telling(cluster, options.groupId, handlers);
  const coordinator = new Coordinator(cluster, options.groupId);
  const lease = new Lease(cluster.clock, options.sessionTimeout, options.rebalanceTimeout);
  if (options.groupProtocol === "classic") return new ClassicGroupMember(cluster, options, told, coordinator, lease);
  return new NegotiatedGroupMember(cluster, options, told, coordinator, lease);
}

/** The same handlers, and an event for each change. */
function telling({ events }: Cluster, groupId: string, handlers: GroupHandlers): GroupHandlers {
  const tell = (kind: "assigned" | "revoked" | "lost", partitions: readonly TopicPartition[]): void => {
    if (partitions.length > 0 && events.wants("rebalance")) events.emit("rebalance", { groupId, kind, partitions });
  };
  return {
    ...handlers,
    assigned: (partitions) => {
      tell("assigned", partitions);
      handlers.assigned(partitions);
    },
    revoked: (partitions, release) => {
      tell("revoked", partitions);
      return handlers.revoked(partitions, release);
    },
    lost: (partitions) => {
      tell("lost", partitions);
      handlers.lost(partitions);
    },
  };
}

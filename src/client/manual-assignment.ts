import type { Cluster } from "./cluster.ts";
import { Coordinator, isCoordinatorMoved } from "./coordinator.ts";
import { InvalidArgumentError } from "./errors.ts";
import type { GroupMember } from "./group-member.ts";
import type { Membership } from "./membership.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** What a consumer needs of whoever says which partitions are its own. */
export type Assignment = Pick<
  GroupMember,
  "coordinator" | "membership" | "start" | "owns" | "refused" | "topicsChanged" | "close"
>;

/** Commits of no member: a broker takes them where the group has none. */
const NO_MEMBER: Membership = { memberId: "", generationId: -1 };

/** Partitions that a consumer has because it says so. `groupId` is for commits alone; without one there are none. */
export function manualAssignment(
  cluster: Cluster,
  groupId: string | undefined,
  partitions: readonly TopicPartition[],
  assigned: (partitions: readonly TopicPartition[]) => void,
): Assignment {
  const keys = new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)));
  const coordinator = groupId === undefined ? undefined : new Coordinator(cluster, groupId);
  return {
    get coordinator() {
      if (coordinator === undefined) throw new InvalidArgumentError("a consumer commits only with a groupId");
      return coordinator;
    },
    membership: NO_MEMBER,
    start: () => assigned(partitions),
    owns: (topic, partition) => keys.has(partitionKey(topic, partition)),
    refused: (errorCode) => {
      if (isCoordinatorMoved(errorCode)) coordinator?.forget();
    },
    topicsChanged: () => {},
    close: () => Promise.resolve(),
  };
}

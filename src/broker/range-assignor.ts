import type { PartitionSets } from "./consumer-group-member.ts";

/** A member as an assignor sees it. */
export interface AssignableMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** The topics that it wants and that exist, by id. */
  readonly topicIds: ReadonlySet<string>;
  /** What it was to have until now. */
  readonly before: PartitionSets;
}

/** Decides who is to have which partitions. */
export type TargetAssignor = (
  members: readonly AssignableMember[],
  partitionCount: (topicId: string) => number,
) => Map<string, PartitionSets>;

interface Share {
  readonly partitions: number;
  members: number;
  /** The first partition that nobody has yet. */
  next: number;
  /** How many members still get one more than the others. */
  extra: number;
}

/**
 * Splits each topic into consecutive parts, one for each member that wants it, in the order of their ids, static ones
 * first by their instance ids: topics of the same size are split alike.
 */
export const rangeAssignor: TargetAssignor = (members, partitionCount) => {
  const ordered = members.toSorted(byInstanceThenId);
  const shares = new Map<string, Share>();
  for (const { topicIds } of ordered) {
    for (const topicId of topicIds) {
      const share = shares.get(topicId) ?? { partitions: partitionCount(topicId), members: 0, next: 0, extra: 0 };
      share.members += 1;
      share.extra = share.partitions % share.members;
      shares.set(topicId, share);
    }
  }
  return new Map(
    ordered.map(({ memberId, topicIds }) => {
      const parts = [...topicIds].map((topicId) => [topicId, nextPart(shares.get(topicId)!)] as const);
      return [memberId, new Map(parts.filter(([, part]) => part.size > 0))];
    }),
  );
};

function nextPart(share: Share): ReadonlySet<number> {
  const size = Math.floor(share.partitions / share.members) + (share.extra > 0 ? 1 : 0);
  if (share.extra > 0) share.extra -= 1;
  const first = share.next;
  share.next += size;
  return new Set(Array.from({ length: size }, (_, i) => first + i));
}

function byInstanceThenId(a: AssignableMember, b: AssignableMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return a.instanceId < b.instanceId ? -1 : 1;
  if (a.instanceId !== null) return -1;
  if (b.instanceId !== null) return 1;
  return a.memberId < b.memberId ? -1 : 1;
}

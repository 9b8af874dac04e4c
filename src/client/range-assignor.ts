import { type Assignment, type AssignorMember, inOrder } from "./assignor.ts";

/**
 * Cuts each topic into as many runs of partitions as members want it, as Kafka's range assignor does: topics that have
 * equally many partitions are cut alike, so that partitions of one number go to one member. It looks at nothing that
 * members had before, so all must have let go of everything.
 */
export function rangeAssignor(
  members: readonly AssignorMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Assignment {
  const ordered = inOrder(members);
  const assignment: Assignment = new Map(ordered.map(({ memberId }) => [memberId, []]));
  for (const [topic, count] of [...partitionCounts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const takers = ordered.filter(({ topics }) => topics.includes(topic));
    let next = 0;
    for (const [i, { memberId }] of takers.entries()) {
      const share = Math.floor(count / takers.length) + (i < count % takers.length ? 1 : 0);
      for (const end = next + share; next < end; next++) assignment.get(memberId)!.push({ topic, partition: next });
    }
  }
  return assignment;
}

import type { AssignableMember, TargetAssignor } from "./range-assignor.ts";

/** A member with what it is to have, as far as that is decided. */
interface Load {
  readonly member: AssignableMember;
  readonly partitions: Map<string, Set<number>>;
  count: number;
}

type PartitionCount = (topicId: string) => number;

/**
 * Gives every member as many partitions as any other, as far as the topics that it wants allow, and moves few: what
 * members had and may keep, they keep.
 */
export const uniformAssignor: TargetAssignor = (members, partitionCount) => {
  const loads = members.map((member): Load => ({ member, partitions: new Map(), count: 0 }));
  const [first] = members;
  if (first !== undefined) {
    // Members that want the same share one set of topics.
    const wantTheSame = members.every(({ topicIds }) => topicIds === first.topicIds);
    if (wantTheSame) spread(loads, first.topicIds, partitionCount);
    else level(loads, partitionCount);
  }
  return new Map(loads.map(({ member, partitions }) => [member.memberId, partitions]));
};

/** All want the same, so each gets its even share, in time that grows with members and partitions but not their product. */
function spread(loads: readonly Load[], topicIds: ReadonlySet<string>, partitionCount: PartitionCount): void {
  const taken = new Map([...topicIds].map((topicId) => [topicId, new Uint8Array(partitionCount(topicId))]));
  let total = 0;
  for (const { length } of taken.values()) total += length;
  const share = Math.floor(total / loads.length);
  let larger = total % loads.length;
  for (const load of loads) {
    for (const [topicId, partition] of mayKeep(load, partitionCount)) {
      if (load.count > share || (load.count === share && larger === 0)) break;
      if (load.count === share) larger -= 1;
      give(load, topicId, partition);
      taken.get(topicId)![partition] = 1;
    }
  }
  const left = untaken(taken);
  for (const load of loads) while (load.count < share) give(load, ...left.next().value!);
  for (const load of loads) {
    if (load.count > share) continue;
    const { value, done } = left.next();
    if (done) return;
    give(load, ...value);
  }
}

function* untaken(taken: ReadonlyMap<string, Uint8Array>): Generator<readonly [string, number], undefined> {
  for (const [topicId, marks] of taken) {
    for (let partition = 0; partition < marks.length; partition++)
      if (marks[partition] === 0) yield [topicId, partition];
  }
}

/** Members want different topics: each partition goes to the one with the fewest, then loads are evened out. */
function level(loads: readonly Load[], partitionCount: PartitionCount): void {
  const wanting = new Map<string, Load[]>();
  for (const load of loads) {
    for (const topicId of load.member.topicIds) {
      const others = wanting.get(topicId);
      if (others === undefined) wanting.set(topicId, [load]);
      else others.push(load);
    }
    for (const [topicId, partition] of mayKeep(load, partitionCount)) give(load, topicId, partition);
  }
  for (const [topicId, candidates] of wanting) {
    const taken = new Set(candidates.flatMap(({ partitions }) => [...(partitions.get(topicId) ?? [])]));
    for (let partition = 0; partition < partitionCount(topicId); partition++) {
      if (!taken.has(partition)) give(least(candidates), topicId, partition);
    }
  }
  // Each move makes the sum of the squares smaller, so this ends.
  while ([...wanting].map(([topicId, candidates]) => evenOut(topicId, candidates)).includes(true));
}

/** Moves partitions of one topic from those who have most to those who have least: whether any moved. */
function evenOut(topicId: string, candidates: readonly Load[]): boolean {
  let moved = false;
  for (;;) {
    const from = most(candidates.filter(({ partitions }) => partitions.has(topicId)));
    const to = least(candidates);
    if (from === undefined || from.count <= to.count + 1) return moved;
    const partition = [...from.partitions.get(topicId)!].at(-1)!;
    take(from, topicId, partition);
    give(to, topicId, partition);
    moved = true;
  }
}

/** What a member had of what it wants and there is. */
function* mayKeep({ member }: Load, partitionCount: PartitionCount): Iterable<readonly [string, number]> {
  for (const [topicId, partitions] of member.before) {
    if (!member.topicIds.has(topicId)) continue;
    const count = partitionCount(topicId);
    for (const partition of partitions) if (partition < count) yield [topicId, partition];
  }
}

function give(load: Load, topicId: string, partition: number): void {
  const partitions = load.partitions.get(topicId);
  if (partitions === undefined) load.partitions.set(topicId, new Set([partition]));
  else partitions.add(partition);
  load.count += 1;
}

function take(load: Load, topicId: string, partition: number): void {
  const partitions = load.partitions.get(topicId)!;
  partitions.delete(partition);
  if (partitions.size === 0) load.partitions.delete(topicId);
  load.count -= 1;
}

function least(loads: readonly Load[]): Load {
  return loads.reduce((a, b) => (b.count < a.count ? b : a));
}

function most(loads: readonly Load[]): Load | undefined {
  return loads.length === 0 ? undefined : loads.reduce((a, b) => (b.count > a.count ? b : a));
}

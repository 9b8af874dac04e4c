import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** How the members of a classic group share out partitions, by Kafka's own names. */
export type AssignorName = "cooperative-sticky" | "range";

/** A member of a group, as its leader sees it. */
export interface AssignorMember {
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** The generation in which it got what it claims to own; -1: not known. */
  readonly generation: number;
}

export type Assignment = Map<string, TopicPartition[]>;

interface Load {
  readonly member: AssignorMember;
  readonly topics: ReadonlySet<string>;
  readonly partitions: Map<string, TopicPartition>;
}

/**
 * Spreads partitions evenly and leaves each where it is as far as that allows (KIP-429). A partition that has to move
 * is given to nobody while its owner still claims it: the owner lets go first, and the next round hands it over.
 */
export function cooperativeSticky(
  members: readonly AssignorMember[],
  partitionCounts: ReadonlyMap<string, number>,
): Assignment {
  const loads = [...members]
    .sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    .map((member): Load => ({ member, topics: new Set(member.topics), partitions: new Map() }));
  const owners = currentOwners(loads, partitionCounts);
  for (const [key, { load, partition }] of owners) load.partitions.set(key, partition);
  for (const partition of unowned(partitionCounts, owners)) {
    const receiver = lightest(loads.filter((load) => load.topics.has(partition.topic)));
    receiver?.partitions.set(partitionKey(partition.topic, partition.partition), partition);
  }
  balance(loads);
  return withoutClaimedByOthers(loads);
}

/** Who has what. Of two claims the later generation's is right; two of the same one show that neither can be trusted. */
function currentOwners(
  loads: readonly Load[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, { load: Load; partition: TopicPartition }> {
  const owners = new Map<string, { load: Load; partition: TopicPartition }>();
  const disputed = new Map<string, number>();
  for (const load of loads) {
    for (const partition of load.member.owned) {
      if (!load.topics.has(partition.topic) || partition.partition >= (partitionCounts.get(partition.topic) ?? 0))
        continue;
      const key = partitionKey(partition.topic, partition.partition);
      const rival = owners.get(key)?.load.member.generation ?? disputed.get(key);
      const { generation } = load.member;
      if (rival !== undefined && rival > generation) continue;
      owners.delete(key);
      if (rival === generation) disputed.set(key, generation);
      else owners.set(key, { load, partition });
    }
  }
  return owners;
}

function unowned(partitionCounts: ReadonlyMap<string, number>, owners: ReadonlyMap<string, unknown>): TopicPartition[] {
  const free: TopicPartition[] = [];
  for (const [topic, count] of [...partitionCounts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (let partition = 0; partition < count; partition++) {
      if (!owners.has(partitionKey(topic, partition))) free.push({ topic, partition });
    }
  }
  return free;
}

function lightest(loads: readonly Load[]): Load | undefined {
  let best: Load | undefined;
  for (const load of loads) if (best === undefined || load.partitions.size < best.partitions.size) best = load;
  return best;
}

/** Moves partitions, one at a time and from the fullest member that can give, until no move makes it more even. */
function balance(loads: readonly Load[]): void {
  const takers = new Map<string, Load[]>();
  for (const topic of new Set(loads.flatMap((load) => [...load.topics]))) {
    takers.set(
      topic,
      loads.filter((load) => load.topics.has(topic)),
    );
  }
  while (moveOne(loads, takers));
}

function moveOne(loads: readonly Load[], takers: ReadonlyMap<string, readonly Load[]>): boolean {
  const emptiest = new Map([...takers].map(([topic, members]) => [topic, lightest(members)!]));
  for (const from of [...loads].sort((a, b) => b.partitions.size - a.partitions.size)) {
    const takes = (topic: string): boolean => from.partitions.size - emptiest.get(topic)!.partitions.size >= 2;
    if (![...from.topics].some(takes)) continue;
    // The last ones came last: whoever had some before keeps those.
    for (const [key, partition] of [...from.partitions].reverse()) {
      if (!takes(partition.topic)) continue;
      from.partitions.delete(key);
      emptiest.get(partition.topic)!.partitions.set(key, partition);
      return true;
    }
  }
  return false;
}

/** Who claims what. Against a claim of a later generation an older one is void: its member was put out meanwhile. */
function liveClaims(loads: readonly Load[]): Map<string, Set<string>> {
  const claims = new Map<string, { generation: number; members: Set<string> }>();
  for (const { member } of loads) {
    const { memberId, generation } = member;
    for (const { topic, partition } of member.owned) {
      const key = partitionKey(topic, partition);
      const known = claims.get(key);
      if (known === undefined || known.generation < generation)
        claims.set(key, { generation, members: new Set([memberId]) });
      else if (known.generation === generation) known.members.add(memberId);
    }
  }
  return new Map([...claims].map(([key, { members }]) => [key, members]));
}

function withoutClaimedByOthers(loads: readonly Load[]): Assignment {
  const claims = liveClaims(loads);
  const assignment: Assignment = new Map();
  for (const { member, partitions } of loads) {
    const kept = [...partitions].filter(([key]) => {
      const claimants = claims.get(key);
      return claimants === undefined || (claimants.size === 1 && claimants.has(member.memberId));
    });
    assignment.set(
      member.memberId,
      kept.map(([, partition]) => partition),
    );
  }
  return assignment;
}

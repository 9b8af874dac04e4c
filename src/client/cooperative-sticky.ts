import { type Assignment, type AssignorMember, inOrder } from "./assignor.ts";
import { LoadsBySize } from "./loads-by-size.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** What a member is to have. */
interface Load {
  readonly member: AssignorMember;
  readonly topics: ReadonlySet<string>;
  /** Itself among those that want the same topics: they can stand in for each other. */
  readonly peers: LoadsBySize<Load>;
  /** What came last is last. */
  readonly held: Map<TopicKind, TopicPartition[]>;
  size: number;
}

/** Topics that the same members want: of a topic, no more counts when somebody is looked for to take a partition. */
interface TopicKind {
  readonly takers: readonly LoadsBySize<Load>[];
}

/**
 * Spreads partitions evenly and leaves each where it is as far as that allows (KIP-429). A partition that has to move
 * is given to nobody while its owner still claims it: the owner lets go first, and the next round hands it over.
 *
 * `step` is called for each candidate that is looked at: it is what the time taken grows with.
 */
export function cooperativeSticky(
  members: readonly AssignorMember[],
  partitionCounts: ReadonlyMap<string, number>,
  step: () => void = () => {},
): Assignment {
  const loads = emptyLoads(members);
  const kinds = kindsOf(loads);
  const owners = currentOwners(loads, partitionCounts);
  for (const { load, partition } of owners.values()) put(load, kinds.get(partition.topic)!, partition);
  for (const partition of unowned(partitionCounts, owners)) {
    const kind = kinds.get(partition.topic);
    if (kind !== undefined) put(lightest(kind, step)!, kind, partition);
  }
  balance(loads, step);
  return withoutClaimedByOthers(loads);
}

function emptyLoads(members: readonly AssignorMember[]): Load[] {
  const peersOf = new Map<string, LoadsBySize<Load>>();
  return inOrder(members).map((member) => {
    const wants = [...new Set(member.topics)].sort().join();
    const peers = peersOf.get(wants) ?? new LoadsBySize();
    peersOf.set(wants, peers);
    const load: Load = { member, topics: new Set(member.topics), peers, held: new Map(), size: 0 };
    peers.add(load);
    return load;
  });
}

function kindsOf(loads: readonly Load[]): Map<string, TopicKind> {
  const takers = new Map<string, Set<LoadsBySize<Load>>>();
  for (const { topics, peers } of loads) {
    for (const topic of topics) {
      const known = takers.get(topic);
      if (known === undefined) takers.set(topic, new Set([peers]));
      else known.add(peers);
    }
  }
  const numbers = new Map([...new Set(loads.map(({ peers }) => peers))].map((peers, i) => [peers, i]));
  const kinds = new Map<string, TopicKind>();
  return new Map(
    [...takers].map(([topic, peers]) => {
      const name = [...peers].map((one) => numbers.get(one)).join();
      const kind = kinds.get(name) ?? { takers: [...peers] };
      kinds.set(name, kind);
      return [topic, kind];
    }),
  );
}

function put(load: Load, kind: TopicKind, partition: TopicPartition): void {
  const list = load.held.get(kind);
  if (list === undefined) load.held.set(kind, [partition]);
  else list.push(partition);
  resize(load, 1);
}

function resize(load: Load, by: 1 | -1): void {
  load.peers.remove(load);
  load.size += by;
  load.peers.add(load);
}

function lightest({ takers }: TopicKind, step: () => void): Load | undefined {
  let best: Load | undefined;
  for (const { lightest: load } of takers) {
    step();
    if (load !== undefined && (best === undefined || load.size < best.size)) best = load;
  }
  return best;
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

/**
 * Moves partitions, one at a time and from the heaviest member that can give, until no move makes it more even. One that
 * cannot give may be able to once somebody who wants the same has given, or it has taken: then it is asked again.
 */
function balance(loads: readonly Load[], step: () => void): void {
  const givers = new LoadsBySize<Load>();
  const stuck = new Set<Load>();
  const ask = (load: Load): void => {
    stuck.delete(load);
    givers.add(load);
  };
  for (const load of loads) givers.add(load);
  for (let from = givers.heaviest; from !== undefined; from = givers.heaviest) {
    givers.remove(from);
    const to = receiver(from, step);
    if (to === undefined) {
      stuck.add(from);
      continue;
    }
    givers.remove(to.load);
    resize(from, -1);
    put(to.load, to.kind, from.held.get(to.kind)!.pop()!);
    ask(from);
    ask(to.load);
    for (const load of stuck) {
      step();
      if (load.size - from.size >= 2) ask(load);
    }
  }
}

/** Who should take a partition from `from`, of which kind. */
function receiver(from: Load, step: () => void): { readonly load: Load; readonly kind: TopicKind } | undefined {
  let best: { readonly load: Load; readonly kind: TopicKind } | undefined;
  for (const [kind, partitions] of from.held) {
    const load = partitions.length === 0 ? undefined : lightest(kind, step);
    if (load === undefined || from.size - load.size < 2 || (best !== undefined && best.load.size <= load.size))
      continue;
    best = { load, kind };
  }
  return best;
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
  for (const { member, held } of loads) {
    const isFree = ({ topic, partition }: TopicPartition): boolean => {
      const claimants = claims.get(partitionKey(topic, partition));
      return claimants === undefined || (claimants.size === 1 && claimants.has(member.memberId));
    };
    assignment.set(
      member.memberId,
      [...held.values()].flatMap((partitions) => partitions.filter(isFree)),
    );
  }
  return assignment;
}

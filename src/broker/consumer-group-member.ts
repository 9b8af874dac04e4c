import type { JoinGroupRequestProtocol } from "../../protocol/messages/11-join-group.ts";
import type { HeartbeatTopicPartitions } from "../../protocol/messages/68-consumer-group-heartbeat.ts";

/** Partitions by topic id. */
export type PartitionSets = ReadonlyMap<string, ReadonlySet<number>>;
/** Partitions by topic id, each with the epoch in which it was assigned (KIP-1251). */
export type OwnedPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>;

/**
 * Stable: it has all of its target. Unrevoked: it has to give partitions up first. Unreleased: it has what is free of
 * its target, and others still have the rest.
 */
export type ConsumerMemberState = "Stable" | "Unrevoked" | "Unreleased";

/** The epoch of a static member that will be back (KIP-848). */
export const AWAY_EPOCH = -2;

/** What a member of the classic protocol is beside that, in a group that has both kinds. */
export interface ClassicSide {
  readonly sessionTimeoutMs: number;
  /** The first one's name is the one it is told. */
  readonly protocols: readonly JoinGroupRequestProtocol[];
}

/** A member of a consumer group (KIP-848). Immutable: a change makes another one. */
export interface ConsumerMember {
  readonly memberId: string;
  /** Set for a static member. */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly rebalanceTimeoutMs: number;
  readonly serverAssignor: string | null;
  /** Sorted, each once. */
  readonly topicNames: readonly string[];
  /** Empty: none. */
  readonly topicRegex: string;
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly state: ConsumerMemberState;
  readonly assigned: OwnedPartitions;
  readonly pendingRevocation: OwnedPartitions;
  /** Set for a member that speaks the classic protocol. */
  readonly classic: ClassicSide | undefined;
}

export const NO_PARTITIONS: ReadonlyMap<string, never> = new Map<string, never>();

export function newConsumerMember(memberId: string): ConsumerMember {
  return {
    memberId,
    instanceId: null,
    rackId: null,
    clientId: "",
    rebalanceTimeoutMs: -1,
    serverAssignor: null,
    topicNames: [],
    topicRegex: "",
    epoch: 0,
    previousEpoch: 0,
    state: "Stable",
    assigned: NO_PARTITIONS,
    pendingRevocation: NO_PARTITIONS,
    classic: undefined,
  };
}

/** Names as a member keeps them. */
export function topicNameSet(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}

/** Lists are long, and members keep theirs: each is looked at once. */
const nameKeys = new WeakMap<readonly string[], string>();

/** Equal for members that want the same topics. */
export function subscriptionKey({ topicNames, topicRegex }: ConsumerMember): string {
  let key = nameKeys.get(topicNames);
  if (key === undefined) {
    key = JSON.stringify(topicNames);
    nameKeys.set(topicNames, key);
  }
  return `${key} ${topicRegex}`;
}

/** Whether two members say the same of themselves, whatever they have. */
export function saysTheSame(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor &&
    a.classic === b.classic &&
    subscriptionKey(a) === subscriptionKey(b)
  );
}

export function isReconciled(member: ConsumerMember, targetEpoch: number): boolean {
  return member.state === "Stable" && member.epoch === targetEpoch;
}

export function hasPartition(partitions: OwnedPartitions | PartitionSets, topicId: string, partition: number): boolean {
  return partitions.get(topicId)?.has(partition) ?? false;
}

/** Whether all partitions that a member says it has are among `partitions`. Null: it does not say. */
export function areAmong(owned: readonly HeartbeatTopicPartitions[] | null, partitions: OwnedPartitions): boolean {
  if (owned === null) return false;
  return owned.every((topic) => topic.partitions.every((one) => hasPartition(partitions, topic.topicId, one)));
}

/** Whether a member may still have any of `partitions`: it names one, or does not say what it has. */
export function mayHaveAnyOf(owned: readonly HeartbeatTopicPartitions[] | null, partitions: OwnedPartitions): boolean {
  if (owned === null) return true;
  return owned.some((topic) => topic.partitions.some((one) => hasPartition(partitions, topic.topicId, one)));
}

export function samePartitions(a: OwnedPartitions, b: OwnedPartitions): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others?.size !== partitions.size) return false;
    for (const partition of partitions.keys()) if (!others.has(partition)) return false;
  }
  return true;
}

/** As messages carry them, in order. */
export function listPartitions(partitions: OwnedPartitions | PartitionSets): HeartbeatTopicPartitions[] {
  return [...partitions].map(([topicId, ids]) => ({ topicId, partitions: [...ids.keys()].sort((a, b) => a - b) }));
}

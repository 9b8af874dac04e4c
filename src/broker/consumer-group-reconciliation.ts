/**
 * How a member comes from what it has to what it is to have (KIP-848), one step a heartbeat:
 *
 * 1. What it has and is not to have is taken from its assignment. Until it no longer names that among its own, it stays
 *    in its epoch (Unrevoked).
 * 2. Then it comes to the target's epoch, with what it keeps and what is free of the rest. While other members have
 *    some of that, it waits for it (Unreleased); else it is Stable.
 *
 * So no partition is ever given to a member while another may have it.
 */
import type { HeartbeatTopicPartitions } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import {
  type ConsumerMember,
  type ConsumerMemberState,
  hasPartition,
  isReconciled,
  mayHaveAnyOf,
  NO_PARTITIONS,
  type PartitionSets,
} from "./consumer-group-member.ts";

export interface ReconciliationInput {
  /** The epoch for which the target was made. */
  readonly targetEpoch: number;
  readonly target: PartitionSets;
  /** What the member says it has; null: it does not say. */
  readonly owned: readonly HeartbeatTopicPartitions[] | null;
  /** What it subscribes to, by topic id: the target may be older than the subscription. */
  readonly subscribed: ReadonlySet<string>;
  /** Whether its subscription has changed, so that it may have what it no longer wants. */
  readonly subscriptionChanged: boolean;
  /** Whether nobody but this member has the partition, or is giving it up. */
  isFree(topicId: string, partition: number): boolean;
}

/** The member after one step, or the same one where there is none to take. */
export function reconcile(member: ConsumerMember, input: ReconciliationInput): ConsumerMember {
  if (!input.subscriptionChanged && isReconciled(member, input.targetEpoch)) return member;
  const isHeld = member.state === "Unrevoked" && mayHaveAnyOf(input.owned, member.pendingRevocation);
  if (isHeld || isReconciled(member, input.targetEpoch)) {
    return input.subscriptionChanged ? withoutUnsubscribed(member, input) : member;
  }
  return towardsTarget(member, input);
}

/** What it no longer subscribes to is taken back at once, whatever the target says. */
function withoutUnsubscribed(member: ConsumerMember, { subscribed, owned }: ReconciliationInput): ConsumerMember {
  const kept = [...member.assigned].filter(([topicId]) => subscribed.has(topicId));
  if (kept.length === member.assigned.size) return member;
  const pendingRevocation = new Map(member.pendingRevocation);
  for (const [topicId, partitions] of member.assigned) {
    if (subscribed.has(topicId)) continue;
    pendingRevocation.set(topicId, new Map([...(pendingRevocation.get(topicId) ?? []), ...partitions]));
  }
  const assigned = new Map(kept);
  if (!mayHaveAnyOf(owned, pendingRevocation)) return { ...inEpoch(member, member.epoch), assigned };
  return { ...inEpoch(member, member.epoch), state: "Unrevoked", assigned, pendingRevocation };
}

interface Split {
  readonly kept: Map<string, Map<number, number>>;
  readonly revoked: Map<string, Map<number, number>>;
  readonly added: Map<string, number[]>;
  readonly waits: boolean;
}

function towardsTarget(member: ConsumerMember, input: ReconciliationInput): ConsumerMember {
  const { kept, revoked, added, waits } = split(member, input);
  if (revoked.size > 0 && mayHaveAnyOf(input.owned, revoked)) {
    return { ...inEpoch(member, member.epoch), state: "Unrevoked", assigned: kept, pendingRevocation: revoked };
  }
  for (const [topicId, partitions] of added) {
    const epochs = new Map(kept.get(topicId));
    for (const partition of partitions) epochs.set(partition, input.targetEpoch);
    kept.set(topicId, epochs);
  }
  const state: ConsumerMemberState = waits ? "Unreleased" : "Stable";
  return { ...inEpoch(member, input.targetEpoch), state, assigned: kept, pendingRevocation: NO_PARTITIONS };
}

function split(member: ConsumerMember, input: ReconciliationInput): Split {
  const kept = new Map<string, Map<number, number>>();
  const revoked = new Map<string, Map<number, number>>();
  const added = new Map<string, number[]>();
  let waits = false;
  const wanted = (topicId: string): ReadonlySet<number> | undefined =>
    input.subscribed.has(topicId) ? input.target.get(topicId) : undefined;
  for (const [topicId, partitions] of member.assigned) {
    const target = wanted(topicId);
    for (const [partition, epoch] of partitions) {
      const side = target?.has(partition) ? kept : revoked;
      put(side, topicId, partition, epoch);
    }
  }
  for (const topicId of input.target.keys()) {
    const assigned = member.assigned.get(topicId);
    const missing = [...(wanted(topicId) ?? [])].filter((partition) => !assigned?.has(partition));
    const free = missing.filter((partition) => input.isFree(topicId, partition));
    if (free.length < missing.length) waits = true;
    if (free.length > 0) added.set(topicId, free);
  }
  return { kept, revoked, added, waits };
}

function put(sets: Map<string, Map<number, number>>, topicId: string, partition: number, epoch: number): void {
  const partitions = sets.get(topicId);
  if (partitions === undefined) sets.set(topicId, new Map([[partition, epoch]]));
  else partitions.set(partition, epoch);
}

function inEpoch(member: ConsumerMember, epoch: number): ConsumerMember {
  return { ...member, epoch, previousEpoch: member.epoch };
}

/** Whether something of its target that the member waits for is still another's. */
export function waitsForOthers(
  member: ConsumerMember,
  target: PartitionSets,
  isFree: (topicId: string, partition: number) => boolean,
): boolean {
  if (member.state !== "Unreleased") return false;
  return [...target].some(([topicId, partitions]) =>
    [...partitions].some((one) => !hasPartition(member.assigned, topicId, one) && !isFree(topicId, one)),
  );
}

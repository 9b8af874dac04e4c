/** How a group with members goes from one protocol to the other (KIP-848): who is in it, and what they have, stays. */
import { decodeAssignment, decodeSubscription } from "../../protocol/messages/consumer-protocol.ts";
import { DecodeError } from "../../protocol/reader.ts";
import type { Clock } from "../net/clock.ts";
import { ClassicGroup, type ClassicGroupSettings } from "./classic-group.ts";
import { type ClassicMember, voteForProtocol } from "./classic-member.ts";
import { CONSUMER_PROTOCOL } from "./classic-subscriptions.ts";
import { classicAssignment } from "./consumer-group-classic.ts";
import {
  type ConsumerMember,
  newConsumerMember,
  type OwnedPartitions,
  type PartitionSets,
  topicNameSet,
} from "./consumer-group-member.ts";
import type { ConsumerRoster } from "./consumer-group-roster.ts";
import type { GroupTopics } from "./consumer-group-subscriptions.ts";

/** Puts the members of a classic group into an empty consumer group. Says why that cannot be, where it cannot. */
export function upgraded(classic: ClassicGroup, roster: ConsumerRoster, topics: GroupTopics): string | undefined {
  if (classic.protocolType !== CONSUMER_PROTOCOL) return "the group does not use the consumer embedded protocol";
  const targets = new Map<string, PartitionSets>();
  try {
    for (const member of classic.members) {
      const free = (topicId: string, partition: number): boolean => roster.isFree(topicId, partition, member.memberId);
      const one = withClassicSide(member, classic.generationId, topics, free);
      roster.put(one);
      targets.set(
        member.memberId,
        new Map([...one.assigned].map(([id, partitions]) => [id, new Set(partitions.keys())])),
      );
    }
  } catch (error) {
    if (error instanceof DecodeError) return "the embedded consumer protocol is malformed";
    throw error;
  }
  roster.adopt(classic.generationId, targets);
  return undefined;
}

function withClassicSide(
  member: ClassicMember,
  generationId: number,
  topics: GroupTopics,
  isFree: (topicId: string, partition: number) => boolean,
): ConsumerMember {
  // All protocols of a consumer carry the same subscription.
  const { topics: names, rackId } = decodeSubscription(member.protocols[0]!.metadata);
  const assigned = new Map<string, ReadonlyMap<number, number>>();
  for (const { topic, partitions } of decodeAssignment(member.assignment).assignedPartitions) {
    const topicId = topics.named(topic)?.id;
    if (topicId === undefined) continue;
    // The leader may have given one partition to two members.
    const own = partitions.filter((partition) => isFree(topicId, partition));
    if (own.length > 0) assigned.set(topicId, new Map(own.map((partition) => [partition, generationId])));
  }
  return {
    ...newConsumerMember(member.memberId),
    instanceId: member.groupInstanceId,
    rackId,
    clientId: member.clientId,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    topicNames: topicNameSet(names),
    epoch: generationId,
    previousEpoch: generationId,
    assigned: assigned satisfies OwnedPartitions,
    classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
  };
}

interface ConversionHost {
  readonly clock: Clock;
  readonly settings: ClassicGroupSettings;
  readonly topics: GroupTopics;
}

/** The classic group that a consumer group becomes, whose members all speak the classic protocol: stable, as it was. */
export function downgraded(roster: ConsumerRoster, host: ConversionHost): ClassicGroup {
  const members = [...roster.members].map((member): ClassicMember => {
    const { sessionTimeoutMs, protocols } = member.classic!;
    return {
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      sessionTimeoutMs,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      protocols,
      assignment: classicAssignment(roster.targetOf(member.memberId), host.topics, protocols[0]!.metadata),
      isNew: false,
      join: undefined,
      sync: undefined,
      session: undefined,
    };
  });
  return ClassicGroup.stable(host.clock, host.settings, {
    generationId: roster.groupEpoch,
    leaderId: members[0]?.memberId ?? null,
    protocolType: CONSUMER_PROTOCOL,
    protocolName: voteForProtocol(members),
    members,
  });
}

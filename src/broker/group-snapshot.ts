/** The members of a group as they are kept beyond the life of the process: those who live go on as if nothing had been. */
import type { ClassicMember } from "./classic-member.ts";
import type { StoredClassicGroup } from "./classic-roster.ts";
import type { ConsumerMember, OwnedPartitions, PartitionSets } from "./consumer-group-member.ts";
import type { ConsumerRoster } from "./consumer-group-roster.ts";
import type { JournalValue } from "./journal-value.ts";

export interface ClassicSnapshot {
  readonly kind: "classic";
  readonly stored: StoredClassicGroup;
}
export interface ConsumerSnapshot {
  readonly kind: "consumer";
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  /** What the topics were when it was made. */
  readonly topics: string;
  readonly members: readonly ConsumerMember[];
  readonly targets: ReadonlyMap<string, PartitionSets>;
}
export type GroupSnapshot = ClassicSnapshot | ConsumerSnapshot;

export function classicSnapshot(stored: StoredClassicGroup): JournalValue {
  const members = stored.members.map(({ join, sync, session, ...member }) => member);
  return { kind: "classic", stored: { ...stored, members } } as unknown as JournalValue;
}

export function consumerSnapshot(roster: ConsumerRoster): JournalValue {
  const { groupEpoch, assignmentEpoch, subscriptions } = roster;
  const members = [...roster.members].map((member) => ({
    ...member,
    assigned: owned(member.assigned),
    pendingRevocation: owned(member.pendingRevocation),
    target: [...roster.targetOf(member.memberId)].map(([topicId, partitions]) => [topicId, [...partitions]]),
  }));
  const epochs = { groupEpoch, assignmentEpoch, topics: subscriptions.seen };
  return { kind: "consumer", ...epochs, members } as unknown as JournalValue;
}

type OwnedList = readonly (readonly [topicId: string, partitions: readonly (readonly [number, number])[]])[];

function owned(partitions: OwnedPartitions): OwnedList {
  return [...partitions].map(([topicId, epochs]) => [topicId, [...epochs]]);
}

function ownedFrom(list: OwnedList): OwnedPartitions {
  return new Map(list.map(([topicId, epochs]) => [topicId, new Map(epochs)]));
}

interface StoredConsumerMember extends Omit<ConsumerMember, "assigned" | "pendingRevocation" | "classic"> {
  readonly assigned: OwnedList;
  readonly pendingRevocation: OwnedList;
  readonly classic?: ConsumerMember["classic"];
  readonly target: readonly (readonly [topicId: string, partitions: readonly number[]])[];
}

export function readGroupSnapshot(value: JournalValue): GroupSnapshot {
  const { kind } = value as { readonly kind: GroupSnapshot["kind"] };
  if (kind === "classic") {
    const { stored } = value as unknown as { readonly stored: StoredClassicGroup };
    const members = stored.members.map(
      (member): ClassicMember => ({ ...member, join: undefined, sync: undefined, session: undefined }),
    );
    return { kind, stored: { ...stored, members } };
  }
  const { members, ...epochs } = value as unknown as {
    readonly groupEpoch: number;
    readonly assignmentEpoch: number;
    readonly topics: string;
    readonly members: readonly StoredConsumerMember[];
  };
  return {
    ...epochs,
    kind,
    members: members.map(
      ({ target, ...member }): ConsumerMember => ({
        ...member,
        assigned: ownedFrom(member.assigned),
        pendingRevocation: ownedFrom(member.pendingRevocation),
        classic: member.classic,
      }),
    ),
    targets: new Map(
      members.map(({ memberId, target }) => [
        memberId,
        new Map(target.map(([topicId, partitions]) => [topicId, new Set(partitions)])),
      ]),
    ),
  };
}

import type { ClassicGroupState } from "./classic-group.ts";
import { listPartitions } from "./consumer-group-member.ts";
import type { ConsumerGroupState } from "./consumer-group-roster.ts";
import type { Group } from "./group.ts";

export interface GroupSummary {
  readonly groupId: string;
  /** By which protocol its members are led (KIP-848 is "consumer"); a group that nobody is in may be either. */
  readonly type: "classic" | "consumer";
  readonly state: ClassicGroupState | ConsumerGroupState;
  /** Of a consumer group: its epoch. */
  readonly generationId: number;
  /** Null: nobody, as always in a consumer group. */
  readonly leaderId: string | null;
  readonly members: readonly GroupMemberSummary[];
  readonly coordinatorId: number;
  readonly offsets: readonly GroupOffsetSummary[];
}

export interface GroupMemberSummary {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Of a member of a consumer group. */
  readonly epoch?: number | undefined;
  /** What a member of a consumer group has, by topic id. */
  readonly assigned?: readonly { readonly topicId: string; readonly partitions: readonly number[] }[] | undefined;
}

export interface GroupOffsetSummary {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export function summariseGroup({ groupId, members, offsets }: Group, coordinatorId: number): GroupSummary {
  return {
    groupId,
    type: members.kind,
    state: members.state,
    generationId: members.kind === "classic" ? members.generationId : members.roster.groupEpoch,
    leaderId: members.kind === "classic" ? members.leaderId : null,
    members:
      members.kind === "classic"
        ? members.members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId }))
        : members.members.map(({ memberId, instanceId, epoch, assigned }) => {
            return { memberId, groupInstanceId: instanceId, epoch, assigned: listPartitions(assigned) };
          }),
    coordinatorId,
    offsets: [...offsets.topics].flatMap(([topic, partitions]) =>
      [...partitions].map(([partition, { offset, leaderEpoch, metadata }]) => {
        return { topic, partition, offset, leaderEpoch, metadata };
      }),
    ),
  };
}

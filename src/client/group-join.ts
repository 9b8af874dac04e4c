import { ErrorCode } from "../../protocol/errors.ts";
import { type JoinGroupResponse, joinGroup } from "../../protocol/messages/11-join-group.ts";
import { syncGroup } from "../../protocol/messages/14-sync-group.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../protocol/messages/consumer-protocol.ts";
import type { Connection } from "../net/connection.ts";
import { type AssignorMember, cooperativeSticky } from "./assignor.ts";
import type { Cluster } from "./cluster.ts";
import { type Coordinator, refuse } from "./coordinator.ts";
import type { Membership } from "./membership.ts";
import { groupByTopic, type TopicPartition } from "./topic-partition.ts";

export interface JoinOptions {
  readonly cluster: Cluster;
  readonly coordinator: Coordinator;
  readonly groupId: string;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly topics: readonly string[];
  /** What this member has and does not mean to give up unasked. */
  readonly owned: readonly TopicPartition[];
  readonly membership: Membership;
  /** Told of the id the coordinator gave, before joining is done: it must be kept through a failure (KIP-394). */
  readonly named: (memberId: string) => void;
}

export interface JoinedGeneration {
  readonly membership: Membership;
  readonly assigned: readonly TopicPartition[];
}

const PROTOCOL_TYPE = "consumer";
const ASSIGNOR = "cooperative-sticky";
/** The join's answer comes when all members are there, at the latest after the rebalance timeout: this much later (ms) it is overdue. */
const JOIN_GRACE = 5_000;

/** Joins the next generation of a classic group: JoinGroup, the assignment if this member leads, SyncGroup. */
export async function joinClassicGroup(options: JoinOptions): Promise<JoinedGeneration> {
  const connection = await options.coordinator.connection("group");
  const joined = await join(connection, options, options.membership.memberId);
  const membership: Membership = { memberId: joined.memberId, generationId: joined.generationId };
  const leads = joined.leader === joined.memberId && !joined.skipAssignment;
  const response = await connection.send(
    syncGroup,
    {
      groupId: options.groupId,
      ...membership,
      ...(connection.versionOf(syncGroup) >= 5
        ? { protocolType: PROTOCOL_TYPE, protocolName: joined.protocolName }
        : {}),
      assignments: leads ? await assign(options.cluster, joined) : [],
    },
    { timeout: options.rebalanceTimeout + JOIN_GRACE },
  );
  refuse(response.errorCode, `sync of group ${options.groupId}`, connection.broker);
  const { assignedPartitions } = decodeAssignment(response.assignment);
  return {
    membership,
    assigned: assignedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    ),
  };
}

async function join(connection: Connection, options: JoinOptions, memberId: string): Promise<JoinGroupResponse> {
  const response = await connection.send(
    joinGroup,
    {
      groupId: options.groupId,
      sessionTimeoutMs: options.sessionTimeout,
      rebalanceTimeoutMs: options.rebalanceTimeout,
      memberId,
      protocolType: PROTOCOL_TYPE,
      protocols: [{ name: ASSIGNOR, metadata: subscription(options) }],
    },
    { timeout: options.rebalanceTimeout + JOIN_GRACE },
  );
  if (response.errorCode === ErrorCode.MEMBER_ID_REQUIRED && memberId === "") {
    options.named(response.memberId);
    return join(connection, options, response.memberId);
  }
  refuse(response.errorCode, `join of group ${options.groupId}`, connection.broker);
  return response;
}

function subscription({ topics, owned, membership }: JoinOptions): Uint8Array {
  return encodeSubscription({
    topics: [...topics].sort(),
    ownedPartitions: [...groupByTopic(owned)].map(([topic, list]) => ({
      topic,
      partitions: list.map(({ partition }) => partition),
    })),
    generationId: membership.generationId,
  });
}

async function assign(
  cluster: Cluster,
  joined: JoinGroupResponse,
): Promise<{ memberId: string; assignment: Uint8Array }[]> {
  const members = joined.members.map(({ memberId, metadata }): AssignorMember => {
    const { topics, ownedPartitions, generationId } = decodeSubscription(metadata);
    const owned = ownedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    return { memberId, topics, owned, generation: generationId };
  });
  const topics = [...new Set(members.flatMap((member) => member.topics))];
  for (const topic of topics) cluster.watch(topic);
  // Counts must be those of now: partitions that were added since would stay without an owner.
  await cluster.refresh(topics);
  const counts = new Map(topics.map((topic) => [topic, cluster.metadata.topic(topic)?.partitions.length ?? 0]));
  return [...cooperativeSticky(members, counts)].map(([memberId, partitions]) => ({
    memberId,
    assignment: encodeAssignment({
      assignedPartitions: [...groupByTopic(partitions)].map(([topic, list]) => ({
        topic,
        partitions: list.map(({ partition }) => partition),
      })),
    }),
  }));
}

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
import type { Assignment, AssignorMember, AssignorName } from "./assignor.ts";
import type { Cluster } from "./cluster.ts";
import type { ConnectionRole } from "./connection-pool.ts";
import { cooperativeSticky } from "./cooperative-sticky.ts";
import { type Coordinator, refuse } from "./coordinator.ts";
import { ClosedError, KafkaError, ProtocolError } from "./errors.ts";
import { identityOf, type Membership } from "./membership.ts";
import { rangeAssignor } from "./range-assignor.ts";
import { groupByTopic, type TopicPartition } from "./topic-partition.ts";

export interface JoinOptions {
  readonly cluster: Cluster;
  readonly coordinator: Coordinator;
  readonly groupId: string;
  /** The member's own connection: a join may be pending on it for long. */
  readonly role: ConnectionRole;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly topics: readonly string[];
  /** What this member has and does not mean to give up unasked. */
  readonly owned: readonly TopicPartition[];
  readonly membership: Membership;
  /** What is offered, most wanted first: the coordinator takes one that all members have. */
  readonly assignors: readonly AssignorName[];
  /** Why, for the coordinator's log (KIP-800). */
  readonly reason: string;
  /** The member was closed: nothing is asked any more. */
  readonly signal: AbortSignal;
  /** Told of the id the coordinator gave, before joining is done: it must be kept through a failure (KIP-394). */
  readonly named: (memberId: string) => void;
}

export interface JoinedGeneration {
  readonly membership: Membership;
  readonly assigned: readonly TopicPartition[];
  /** Whether a member assigns. Else the coordinator does: the group has members of the newer protocol (KIP-848). */
  readonly isLed: boolean;
  /**
   * This member leads, and some partitions have nobody until those who had them have let go and joined again. Or it may be
   * so: it leads by the name of one that has led before (KIP-814).
   */
  readonly isUnfinished: boolean;
  /** Partitions by topic as the assignment was made from them, where this member made it. */
  readonly partitionCounts: ReadonlyMap<string, number> | undefined;
}

const PROTOCOL_TYPE = "consumer";
const ASSIGN: Readonly<
  Record<AssignorName, (members: readonly AssignorMember[], counts: ReadonlyMap<string, number>) => Assignment>
> = { "cooperative-sticky": cooperativeSticky, range: rangeAssignor };
/** Longest wait (ms) for metadata of topics that the group wants. */
const TOPIC_TIMEOUT = 5_000;
/** The join's answer comes when all members are there, at the latest after the rebalance timeout: this much later (ms) it is overdue. */
const JOIN_GRACE = 5_000;

/** Joins the next generation of a classic group: JoinGroup, the assignment if this member leads, SyncGroup. */
export async function joinClassicGroup(options: JoinOptions): Promise<JoinedGeneration> {
  const { cluster, role, signal } = options;
  const connection = await options.coordinator.connection(role);
  if (signal.aborted) {
    // It was opened after the member had let go of its connections, and nobody would miss who joined by it.
    cluster.release(role);
    throw new ClosedError(`the member of group ${options.groupId}`);
  }
  const joined = await join(connection, options, options.membership.memberId);
  const { memberId, generationId } = joined;
  const membership: Membership = { ...options.membership, memberId, generationId };
  const leads = joined.leader === joined.memberId;
  const assignment = leads && !joined.skipAssignment ? await assign(cluster, joined) : undefined;
  const response = await connection.send(
    syncGroup,
    {
      groupId: options.groupId,
      ...identityOf(membership),
      generationId,
      ...(connection.versionOf(syncGroup) >= 5
        ? { protocolType: PROTOCOL_TYPE, protocolName: joined.protocolName }
        : {}),
      assignments: assignment?.assignments ?? [],
    },
    { timeout: options.rebalanceTimeout + JOIN_GRACE, poll: Number.POSITIVE_INFINITY },
  );
  refuse(response.errorCode, `sync of group ${options.groupId}`, connection.broker);
  const { assignedPartitions } = decodeAssignment(response.assignment);
  return {
    membership,
    assigned: assignedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    ),
    isLed: joined.leader !== "",
    isUnfinished: leads && assignment?.isWhole !== true,
    partitionCounts: assignment?.partitionCounts,
  };
}

async function join(connection: Connection, options: JoinOptions, memberId: string): Promise<JoinGroupResponse> {
  const metadata = subscription(options);
  const response = await connection.send(
    joinGroup,
    {
      groupId: options.groupId,
      sessionTimeoutMs: options.sessionTimeout,
      rebalanceTimeoutMs: options.rebalanceTimeout,
      ...identityOf({ ...options.membership, memberId }),
      protocolType: PROTOCOL_TYPE,
      protocols: options.assignors.map((name) => ({ name, metadata })),
      reason: options.reason,
    },
    { timeout: options.rebalanceTimeout + JOIN_GRACE, poll: Number.POSITIVE_INFINITY },
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
): Promise<{
  readonly assignments: { memberId: string; assignment: Uint8Array }[];
  readonly partitionCounts: ReadonlyMap<string, number>;
  /** Whether every partition has a member. */
  readonly isWhole: boolean;
}> {
  const members = joined.members.map(({ memberId, groupInstanceId, metadata }): AssignorMember => {
    const { topics, ownedPartitions, generationId } = decodeSubscription(metadata);
    const owned = ownedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
    return { memberId, groupInstanceId, topics, owned, generation: generationId };
  });
  const topics = [...new Set(members.flatMap((member) => member.topics))];
  for (const topic of topics) cluster.watch(topic);
  // Counts must be those of now: partitions that were added since would stay without an owner.
  await cluster.refresh(topics);
  const partitionCounts = new Map(
    await Promise.all(topics.map(async (topic) => [topic, await countPartitions(cluster, topic)] as const)),
  );
  const assigned = assignorOf(joined)(members, partitionCounts);
  const assignments = [...assigned].map(([memberId, partitions]) => ({
    memberId,
    assignment: encodeAssignment({
      assignedPartitions: [...groupByTopic(partitions)].map(([topic, list]) => ({
        topic,
        partitions: list.map(({ partition }) => partition),
      })),
    }),
  }));
  const sum = (counts: Iterable<number>): number => [...counts].reduce((a, b) => a + b, 0);
  const isWhole = sum([...assigned.values()].map(({ length }) => length)) === sum(partitionCounts.values());
  return { assignments, partitionCounts, isWhole };
}

function assignorOf({ protocolName }: JoinGroupResponse): (typeof ASSIGN)[AssignorName] {
  if (protocolName !== null && Object.hasOwn(ASSIGN, protocolName)) return ASSIGN[protocolName as AssignorName];
  throw new KafkaError(
    "UNKNOWN_ASSIGNOR",
    `the coordinator chose the assignor ${protocolName}, which was not offered`,
    false,
  );
}

/** A topic that one broker does not know for a moment must not be taken from its owners. */
async function countPartitions(cluster: Cluster, topic: string): Promise<number> {
  try {
    return (await cluster.topic(topic, TOPIC_TIMEOUT)).partitions.length;
  } catch (error) {
    if (error instanceof ProtocolError) return 0;
    throw error;
  }
}

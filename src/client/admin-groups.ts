import { ErrorCode } from "../../protocol/errors.ts";
import {
  type DescribedGroup,
  describeGroups as describeGroupsApi,
} from "../../protocol/messages/15-describe-groups.ts";
import { listGroups as listGroupsApi } from "../../protocol/messages/16-list-groups.ts";
import { deleteGroups as deleteGroupsApi } from "../../protocol/messages/42-delete-groups.ts";
import {
  consumerGroupDescribe,
  type DescribedAssignment,
  type DescribedConsumerGroup,
} from "../../protocol/messages/69-consumer-group-describe.ts";
import { decodeAssignment, decodeSubscription } from "../../protocol/messages/consumer-protocol.ts";
import { DecodeError } from "../../protocol/reader.ts";
import type { Connection } from "../net/connection.ts";
import type { AdminCalls } from "./admin-calls.ts";
import { outcomeError } from "./admin-outcomes.ts";
import { KafkaError, ProtocolError } from "./errors.ts";
import type { TopicPartition } from "./topic-partition.ts";

/** A group as its coordinator lists it. */
export interface GroupListing {
  readonly groupId: string;
  /** "classic", "consumer" (KIP-848), "share" …; "" where brokers are too old to say. */
  readonly type: string;
  /** "Stable", "Empty", "PreparingRebalance", "Assigning" …; "" where brokers are too old to say. */
  readonly state: string;
  /** "consumer" for consumers of either protocol; "" where nobody has joined. */
  readonly protocolType: string;
}

export interface GroupDescription extends GroupListing {
  /** 0, or Kafka's error: 69 where there is no such group. */
  readonly errorCode: number;
  /** Who decides which member gets what, as "cooperative-sticky" or "uniform". */
  readonly assignor: string;
  /** Rises with each rebalance; -1: not told by groups of this type. */
  readonly epoch: number;
  readonly members: readonly GroupMemberDescription[];
}

export interface GroupMemberDescription {
  readonly memberId: string;
  /** Of a static member (KIP-345). */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rackId: string | null;
  /** Topics it has asked for. */
  readonly topics: readonly string[];
  /** What it has. */
  readonly assigned: readonly TopicPartition[];
  /** What it is to have. */
  readonly target: readonly TopicPartition[];
}

/** Which groups to list. */
export interface GroupFilter {
  /** Only groups in one of these states. Default: any. */
  readonly states?: readonly string[] | undefined;
  /** Only groups of one of these types. Default: any. */
  readonly types?: readonly string[] | undefined;
}

const FIRST_WITH_STATES = 4;
const FIRST_WITH_TYPES = 5;

/** The groups of all brokers. Rejects where one of them does not answer: its groups would be missing. */
export async function listGroups(calls: AdminCalls, { states = [], types = [] }: GroupFilter): Promise<GroupListing[]> {
  const lists = await calls.everyNode(async (connection) => {
    const version = connection.versionOf(listGroupsApi);
    const response = await connection.send(listGroupsApi, {
      ...(version >= FIRST_WITH_STATES ? { statesFilter: states } : {}),
      ...(version >= FIRST_WITH_TYPES ? { typesFilter: types } : {}),
    });
    if (response.errorCode !== 0)
      throw new ProtocolError(response.errorCode, "list groups", { broker: connection.broker });
    return response.groups.map(({ groupId, groupType: type, groupState: state, protocolType }) => {
      return { groupId, type, state, protocolType };
    });
  });
  // Brokers that are too old to filter give everything.
  const isWanted = ({ state, type }: GroupListing): boolean =>
    (states.length === 0 || state === "" || states.includes(state)) &&
    (types.length === 0 || type === "" || types.includes(type));
  return lists
    .flat()
    .filter(isWanted)
    .sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

/** Groups of either protocol with their members; one that does not exist has `errorCode` 69. */
export function describeGroups(calls: AdminCalls, groupIds: readonly string[]): Promise<GroupDescription[]> {
  return Promise.all(
    groupIds.map((groupId) => calls.coordinator(groupId, (connection) => describe(connection, groupId))),
  );
}

/** The group may be a classic one, or none at all. Brokers of Kafka 3.7 to 3.9 name the API and do not serve it. */
const MAY_BE_CLASSIC: ReadonlySet<number> = new Set([ErrorCode.GROUP_ID_NOT_FOUND, ErrorCode.UNSUPPORTED_VERSION]);

async function describe(connection: Connection, groupId: string): Promise<GroupDescription> {
  if (connection.supports(consumerGroupDescribe)) {
    const { groups } = await connection.send(consumerGroupDescribe, { groupIds: [groupId] });
    const group = only(groups, groupId, connection);
    if (group.errorCode === 0) return ofConsumerGroup(group);
    if (!MAY_BE_CLASSIC.has(group.errorCode)) refuse(group, groupId, connection);
  }
  const { groups } = await connection.send(describeGroupsApi, { groups: [groupId] });
  const group = only(groups, groupId, connection);
  if (group.errorCode !== ErrorCode.GROUP_ID_NOT_FOUND) refuse(group, groupId, connection);
  return ofClassicGroup(group);
}

function only<T extends { readonly groupId: string }>(
  groups: readonly T[],
  groupId: string,
  connection: Connection,
): T {
  const group = groups.find((one) => one.groupId === groupId);
  if (group !== undefined) return group;
  const { broker } = connection;
  throw new KafkaError("MISSING_ANSWER", `the broker's answer lacks group ${groupId}`, true, { broker });
}

function refuse(
  outcome: { readonly errorCode: number; readonly errorMessage: string | null },
  groupId: string,
  { broker }: Connection,
): void {
  if (outcome.errorCode !== 0) throw outcomeError(outcome, `describe group ${groupId}`, { broker });
}

function ofConsumerGroup(group: DescribedConsumerGroup): GroupDescription {
  const { groupId, groupState: state, assignorName: assignor, groupEpoch: epoch } = group;
  return {
    ...{ groupId, type: "consumer", state, protocolType: "consumer", errorCode: 0, assignor, epoch },
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rackId: member.rackId,
      topics: member.subscribedTopicNames,
      assigned: partitionsOf(member.assignment),
      target: partitionsOf(member.targetAssignment),
    })),
  };
}

function partitionsOf({ topicPartitions }: DescribedAssignment): TopicPartition[] {
  return topicPartitions.flatMap(({ topicName: topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

function ofClassicGroup(group: DescribedGroup): GroupDescription {
  const { groupId, groupState: state, protocolType, protocolData: assignor } = group;
  // Before version 6 a group that does not exist is a dead one.
  const errorCode = state === "Dead" ? ErrorCode.GROUP_ID_NOT_FOUND : group.errorCode;
  return {
    ...{ groupId, type: "classic", state, protocolType, errorCode, assignor, epoch: -1 },
    members: group.members.map((member) => {
      const { memberId, groupInstanceId, clientId, clientHost } = member;
      const { topics = [], rackId = null } = readable(decodeSubscription, member.memberMetadata) ?? {};
      const { assignedPartitions = [] } = readable(decodeAssignment, member.memberAssignment) ?? {};
      const assigned = assignedPartitions.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      );
      return { memberId, groupInstanceId, clientId, clientHost, rackId, topics, assigned, target: assigned };
    }),
  };
}

/** Members of other protocol types than consumers' have bytes of their own. */
function readable<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** Deletes groups that nobody is in, with their offsets. Rejects with the first that could not be deleted. */
export async function deleteGroups(calls: AdminCalls, groupIds: readonly string[]): Promise<void> {
  await Promise.all(
    groupIds.map((groupId) =>
      calls.coordinator(groupId, async (connection) => {
        const { results } = await connection.send(deleteGroupsApi, { groupsNames: [groupId] });
        const { errorCode } = only(results, groupId, connection);
        if (errorCode !== 0)
          throw new ProtocolError(errorCode, `delete group ${groupId}`, { broker: connection.broker });
      }),
    ),
  );
}

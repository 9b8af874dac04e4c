/**
 * Members of the classic protocol in a consumer group, while its members are changed over one by one (KIP-848). The
 * group assigns for them too: a JoinGroup is answered at once with the member's epoch as the generation, SyncGroup tells
 * what it has, and a Heartbeat that says REBALANCE_IN_PROGRESS makes it join again for its next step.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest } from "../../protocol/messages/11-join-group.ts";
import type { MemberIdentity } from "../../protocol/messages/13-leave-group.ts";
import type { SyncGroupRequest } from "../../protocol/messages/14-sync-group.ts";
import type { HeartbeatTopicPartitions } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import {
  type ConsumerProtocolSubscription,
  decodeSubscription,
  encodeAssignment,
} from "../../protocol/messages/consumer-protocol.ts";
import { DecodeError } from "../../protocol/reader.ts";
import { failedJoin, type JoinAnswer, type SyncAnswer } from "./classic-answers.ts";
import { CONSUMER_PROTOCOL } from "./classic-subscriptions.ts";
import type { ConsumerGroupCore } from "./consumer-group-core.ts";
import {
  type ConsumerMember,
  listPartitions,
  newConsumerMember,
  type OwnedPartitions,
  type PartitionSets,
  subscriptionKey,
  topicNameSet,
} from "./consumer-group-member.ts";
import { waitsForOthers } from "./consumer-group-reconciliation.ts";
import type { GroupTopics } from "./consumer-group-subscriptions.ts";

export function joinClassic(
  core: ConsumerGroupCore,
  request: JoinGroupRequest,
  version: number,
  clientId: string | null,
): JoinAnswer {
  const isNew = request.memberId === "";
  const memberId = isNew ? core.newId() : request.memberId;
  const { roster } = core;
  const isFull = roster.size >= core.settings.maxSize && roster.get(memberId) === undefined;
  if (isFull) return failedJoin(request.memberId, ErrorCode.GROUP_MAX_SIZE_REACHED);
  const subscription = speaksWith(core, request) ? readSubscription(request) : undefined;
  if (subscription === undefined) return failedJoin(request.memberId, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  if (isNew && request.groupInstanceId === null && version >= 4) {
    return failedJoin(memberId, ErrorCode.MEMBER_ID_REQUIRED);
  }
  const holder = roster.staticMember(request.groupInstanceId);
  if (request.groupInstanceId !== null && !isNew) {
    if (holder === undefined) return failedJoin(memberId, ErrorCode.UNKNOWN_MEMBER_ID);
    if (holder.memberId !== memberId) return failedJoin(memberId, ErrorCode.FENCED_INSTANCE_ID);
  }
  const replaced = isNew ? holder : undefined;
  const downgrades = replaced !== undefined && core.downgradesWith(replaced);
  const known =
    replaced === undefined
      ? (roster.get(memberId) ?? newConsumerMember(memberId))
      : { ...replaced, memberId, epoch: 0, previousEpoch: 0 };
  if (replaced !== undefined) core.replace(replaced, known);
  const said = saidBy(known, request, subscription, clientId);
  const member = core.advance(known, said, ownedOf(subscription, core.topics));
  if (downgrades) core.downgrade(subscriptionKey(known) !== subscriptionKey(said));
  else {
    core.joined(member);
    core.touch(member);
  }
  const protocolName = request.protocols[0]!.name;
  return { memberId, generationId: member.epoch, protocolType: CONSUMER_PROTOCOL, protocolName };
}

/** Whether the member has a protocol that all classic members have: they may be alone in the group again. */
function speaksWith({ roster }: ConsumerGroupCore, { protocolType, protocols }: JoinGroupRequest): boolean {
  if (protocolType !== CONSUMER_PROTOCOL || protocols.length === 0) return false;
  const others = [...roster.members].flatMap(({ classic }) => classic ?? []);
  return protocols.some(({ name }) => others.every((one) => one.protocols.some((protocol) => protocol.name === name)));
}

function readSubscription({ protocols }: JoinGroupRequest): ConsumerProtocolSubscription | undefined {
  try {
    // All protocols of a consumer carry the same subscription.
    return decodeSubscription(protocols[0]!.metadata);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function saidBy(
  known: ConsumerMember,
  request: JoinGroupRequest,
  subscription: ConsumerProtocolSubscription,
  clientId: string | null,
): ConsumerMember {
  const { sessionTimeoutMs, rebalanceTimeoutMs } = request;
  // Copies: the request's bytes lie in a frame that would be kept alive.
  const protocols = request.protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() }));
  return {
    ...known,
    instanceId: request.groupInstanceId ?? known.instanceId,
    rackId: subscription.rackId ?? known.rackId,
    clientId: clientId ?? "",
    rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
    topicNames: topicNameSet(subscription.topics),
    topicRegex: "",
    classic: { sessionTimeoutMs, protocols },
  };
}

/** What a classic member says it has, by topic id. */
function ownedOf({ ownedPartitions }: ConsumerProtocolSubscription, topics: GroupTopics): HeartbeatTopicPartitions[] {
  return ownedPartitions.flatMap(({ topic, partitions }) => {
    const found = topics.named(topic);
    return found === undefined ? [] : [{ topicId: found.id, partitions }];
  });
}

/** The member of that name, or a Kafka error code. */
function memberOf(
  { roster }: ConsumerGroupCore,
  memberId: string,
  groupInstanceId: string | null,
): ConsumerMember | number {
  const member = groupInstanceId === null ? roster.get(memberId) : roster.staticMember(groupInstanceId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return member.memberId === memberId ? member : ErrorCode.FENCED_INSTANCE_ID;
}

/** A member that speaks the classic protocol, or a Kafka error code. */
function classicMember(
  core: ConsumerGroupCore,
  memberId: string,
  groupInstanceId: string | null,
): ConsumerMember | number {
  const member = memberOf(core, memberId, groupInstanceId);
  return typeof member !== "number" && member.classic === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : member;
}

export function syncClassic(core: ConsumerGroupCore, request: SyncGroupRequest): SyncAnswer {
  const { memberId, groupInstanceId, generationId, protocolType, protocolName } = request;
  const member = classicMember(core, memberId, groupInstanceId);
  if (typeof member === "number") return { errorCode: member };
  if (generationId !== member.epoch) return { errorCode: ErrorCode.ILLEGAL_GENERATION };
  const [protocol] = member.classic!.protocols;
  const speaks =
    (protocolType === null || protocolType === CONSUMER_PROTOCOL) &&
    (protocolName === null || protocolName === protocol!.name);
  if (!speaks) return { errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL };
  // One that has to give something up first learns that by this answer.
  if (core.roster.assignmentEpoch > member.epoch && member.state !== "Unrevoked") {
    core.awaitJoin(member);
    return { errorCode: ErrorCode.REBALANCE_IN_PROGRESS };
  }
  core.synced(member);
  core.touch(member);
  const assignment = classicAssignment(member.assigned, core.topics, protocol!.metadata);
  return { protocolType, protocolName, assignment };
}

export function heartbeatClassic(
  core: ConsumerGroupCore,
  memberId: string,
  groupInstanceId: string | null,
  generationId: number,
): number {
  const member = classicMember(core, memberId, groupInstanceId);
  if (typeof member === "number") return member;
  if (generationId !== member.epoch) return ErrorCode.ILLEGAL_GENERATION;
  core.touch(member);
  const { roster } = core;
  const isFree = (topicId: string, partition: number): boolean => roster.isFree(topicId, partition, memberId);
  const joinsAgain =
    member.epoch < roster.assignmentEpoch ||
    member.state === "Unrevoked" ||
    (member.state === "Unreleased" && !waitsForOthers(member, roster.targetOf(memberId), isFree));
  if (!joinsAgain) return ErrorCode.NONE;
  core.awaitJoin(member);
  return ErrorCode.REBALANCE_IN_PROGRESS;
}

/** Takes members of either protocol out, as they or an administrator ask: an error code for each. */
export function leaveClassic(core: ConsumerGroupCore, identities: readonly MemberIdentity[]): number[] {
  const leaving: ConsumerMember[] = [];
  const codes = identities.map(({ memberId, groupInstanceId }) => {
    // An administrator may put out members of either protocol, and name a static one by its instance alone.
    const id = memberId === "" ? (core.roster.staticMember(groupInstanceId)?.memberId ?? "") : memberId;
    const member = memberOf(core, id, groupInstanceId);
    if (typeof member === "number") return member;
    if (!leaving.includes(member)) leaving.push(member);
    return ErrorCode.NONE;
  });
  if (leaving.length > 0) core.remove(leaving);
  return codes;
}

/** An assignment in the version of the classic protocol that the member's own metadata is in. */
export function classicAssignment(
  partitions: OwnedPartitions | PartitionSets,
  topics: GroupTopics,
  metadata: Uint8Array,
): Uint8Array {
  const assignedPartitions = listPartitions(partitions).flatMap(({ topicId, partitions: ids }) => {
    const topic = topics.byId(topicId);
    return topic === undefined ? [] : [{ topic: topic.name, partitions: ids }];
  });
  const version = metadata.length < 2 ? 0 : Math.min((metadata[0]! << 8) | metadata[1]!, 3);
  return encodeAssignment({ assignedPartitions }, version);
}

/**
 * A consumer group (KIP-848), as its coordinator holds it: it assigns by itself, and members learn of it by heartbeats.
 *
 * Empty        nobody is in it; it may have offsets.
 * Assigning    the group's epoch is ahead of its assignment's: the next heartbeat makes a new one.
 * Reconciling  some member is not yet where the assignment wants it. See consumer-group-reconciliation.ts.
 * Stable       every member has what it is to have.
 *
 * Everything but the timers would be in a coordinator's log, so nothing is lost when another takes over.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import type { JoinGroupRequest } from "../../protocol/messages/11-join-group.ts";
import type { MemberIdentity } from "../../protocol/messages/13-leave-group.ts";
import type { SyncGroupRequest } from "../../protocol/messages/14-sync-group.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import type { JoinAnswer, SyncAnswer } from "./classic-answers.ts";
import { heartbeatClassic, joinClassic, leaveClassic, syncClassic } from "./consumer-group-classic.ts";
import { ConsumerGroupCore, type ConsumerGroupHost } from "./consumer-group-core.ts";
import {
  AWAY_EPOCH,
  areAmong,
  type ConsumerMember,
  hasPartition,
  listPartitions,
  NO_PARTITIONS,
  newConsumerMember,
  samePartitions,
  saysTheSame,
  topicNameSet,
} from "./consumer-group-member.ts";
import type { ConsumerGroupState, ConsumerRoster } from "./consumer-group-roster.ts";
import type { CommitCheck, Committer } from "./group-commit.ts";
import { GroupError } from "./group-error.ts";
import type { ConsumerSnapshot } from "./group-snapshot.ts";
import { TopicPatternError } from "./topic-pattern.ts";

export type HeartbeatAnswer = Draft<ConsumerGroupHeartbeatResponse>;

/** Epochs with which a member joins, leaves, or leaves for a while. */
export const JOIN = 0;
export const LEAVE = -1;

export class ConsumerGroup {
  readonly kind = "consumer";
  readonly #core: ConsumerGroupCore;

  constructor(host: ConsumerGroupHost) {
    this.#core = new ConsumerGroupCore(host);
  }

  get roster(): ConsumerRoster {
    return this.#core.roster;
  }
  get state(): ConsumerGroupState {
    return this.roster.state;
  }
  get isEmpty(): boolean {
    return this.roster.size === 0;
  }
  get members(): readonly ConsumerMember[] {
    return [...this.roster.members];
  }
  isSubscribedTo(topic: string): boolean {
    return this.roster.subscriptions.includes(topic);
  }

  /** Answers a heartbeat whose fields have been checked, or throws a {@link GroupError}. */
  consumerHeartbeat(request: ConsumerGroupHeartbeatRequest, clientId: string | null): HeartbeatAnswer {
    if (request.memberEpoch === LEAVE || request.memberEpoch === AWAY_EPOCH) return this.#leave(request);
    this.#refuseIfFull(request.memberId);
    const memberId = request.memberId === "" ? this.#core.newId() : request.memberId;
    const { known, replaced } = this.#identify(memberId, request);
    const said = saidBy(known, request, clientId);
    this.#checkPattern(said);
    if (replaced !== undefined) this.#core.replace(replaced, known);
    const member = this.#core.advance(known, said, request.topicPartitions);
    this.#core.touch(member);
    const tellsAll = request.memberEpoch === JOIN || isFull(request);
    return {
      memberId,
      memberEpoch: member.epoch,
      heartbeatIntervalMs: this.#core.settings.consumerHeartbeatIntervalMs,
      assignment:
        tellsAll || !samePartitions(known.assigned, member.assigned)
          ? { topicPartitions: listPartitions(member.assigned) }
          : null,
    };
  }

  #refuseIfFull(memberId: string): void {
    const { maxSize } = this.#core.settings;
    if (this.roster.size < maxSize || this.roster.get(memberId) !== undefined) return;
    const message = `The consumer group has reached its maximum capacity of ${maxSize} members.`;
    throw new GroupError(ErrorCode.GROUP_MAX_SIZE_REACHED, message);
  }

  /** The member as it was so far, and whose place it takes. */
  #identify(
    memberId: string,
    request: ConsumerGroupHeartbeatRequest,
  ): { known: ConsumerMember; replaced?: ConsumerMember | undefined } {
    const { instanceId, memberEpoch } = request;
    if (instanceId !== null) {
      const holder = this.roster.staticMember(instanceId);
      if (memberEpoch !== JOIN) return { known: this.#checkEpoch(staticMember(holder, memberId, instanceId), request) };
      if (holder !== undefined) return this.#takeOver(holder, memberId, instanceId);
    }
    const known = this.roster.get(memberId);
    if (known !== undefined) return { known: this.#checkEpoch(known, request) };
    if (memberEpoch !== JOIN) throw unknownMember(memberId);
    return { known: newConsumerMember(memberId) };
  }

  #takeOver(
    holder: ConsumerMember,
    memberId: string,
    instanceId: string,
  ): { known: ConsumerMember; replaced: ConsumerMember } {
    if (holder.classic === undefined && holder.epoch !== AWAY_EPOCH) {
      const message = `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${holder.memberId} member.`;
      throw new GroupError(ErrorCode.UNRELEASED_INSTANCE_ID, message);
    }
    return { known: { ...holder, memberId, epoch: 0, previousEpoch: 0 }, replaced: holder };
  }

  #checkEpoch(member: ConsumerMember, request: ConsumerGroupHeartbeatRequest): ConsumerMember {
    const { memberEpoch, topicPartitions } = request;
    if (memberEpoch === member.epoch) return member;
    // The answer that told it of its epoch may have been lost.
    const isLastEpoch = memberEpoch < member.epoch && memberEpoch === member.previousEpoch;
    if (isLastEpoch && areAmong(topicPartitions, member.assigned)) return member;
    const size = memberEpoch > member.epoch ? "greater" : "smaller";
    const message = `The consumer group member has a ${size} member epoch (${memberEpoch}) than the one known by the group coordinator (${member.epoch}). The member must abandon all its partitions and rejoin.`;
    throw new GroupError(ErrorCode.FENCED_MEMBER_EPOCH, message);
  }

  #checkPattern(said: ConsumerMember): void {
    try {
      this.roster.subscriptions.check(said);
    } catch (error) {
      if (!(error instanceof TopicPatternError)) throw error;
      const message = `SubscribedTopicRegex \`${said.topicRegex}\` is not a valid regular expression: ${error.message}.`;
      throw new GroupError(ErrorCode.INVALID_REGULAR_EXPRESSION, message);
    }
  }

  #leave({ memberId, memberEpoch, instanceId }: ConsumerGroupHeartbeatRequest): HeartbeatAnswer {
    const member =
      instanceId === null
        ? this.roster.get(memberId)
        : staticMember(this.roster.staticMember(instanceId), memberId, instanceId);
    if (member === undefined) throw unknownMember(memberId);
    if (memberEpoch === AWAY_EPOCH) {
      this.#core.leaveForAWhile({ ...member, epoch: AWAY_EPOCH, pendingRevocation: NO_PARTITIONS });
    } else {
      this.#core.remove([member]);
    }
    return { memberId, memberEpoch };
  }

  /** JoinGroup, SyncGroup, Heartbeat and LeaveGroup of members that speak the classic protocol. */
  join(request: JoinGroupRequest, version: number, clientId: string | null): Promise<JoinAnswer> {
    return Promise.resolve(joinClassic(this.#core, request, version, clientId));
  }
  sync(request: SyncGroupRequest): Promise<SyncAnswer> {
    return Promise.resolve(syncClassic(this.#core, request));
  }
  heartbeat(memberId: string, groupInstanceId: string | null, generationId: number): number {
    return heartbeatClassic(this.#core, memberId, groupInstanceId, generationId);
  }
  leave(members: readonly MemberIdentity[]): number[] {
    return leaveClassic(this.#core, members);
  }

  /** Whether a commit is to be taken. Throws a {@link GroupError}, or gives a check for each partition (KIP-1251). */
  checkCommit({ memberId, groupInstanceId, epoch, isTransactional, version }: Committer): CommitCheck {
    if (epoch < 0 && this.isEmpty) return () => ErrorCode.NONE;
    // Before KIP-447 the producer did not say whose offsets they are.
    if (isTransactional && epoch === -1 && memberId === "" && groupInstanceId === null) return () => ErrorCode.NONE;
    const member = this.roster.get(memberId);
    if (member === undefined) throw unknownMember(memberId);
    if (!isTransactional && member.classic === undefined && version < 9) {
      const message = "members of a consumer group commit by OffsetCommit version 9 or later";
      throw new GroupError(ErrorCode.UNSUPPORTED_VERSION, message);
    }
    if (epoch === member.epoch) return () => ErrorCode.NONE;
    const stale = staleEpoch(member);
    if (epoch > member.epoch) throw new GroupError(stale, `the member ${memberId} is in epoch ${member.epoch}`);
    return (topicId, partition) => {
      const side = hasPartition(member.assigned, topicId, partition) ? member.assigned : member.pendingRevocation;
      const since = side.get(topicId)?.get(partition);
      return since !== undefined && epoch >= since ? ErrorCode.NONE : stale;
    };
  }

  /** Whether a member, or somebody who names none, may read the offsets: a Kafka error code. */
  fetchError(memberId: string | null, epoch: number): number {
    if (memberId === null && epoch < 0) return ErrorCode.NONE;
    const member = this.roster.get(memberId ?? "");
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return epoch === member.epoch ? ErrorCode.NONE : staleEpoch(member);
  }

  /** Ends a member's session as if its heartbeats had stopped; without an id, every member's. */
  expire(memberId?: string): void {
    if (memberId !== undefined) this.#core.expire(memberId);
    else if (!this.isEmpty) this.#core.remove(this.members);
  }

  /** Takes the place of one that was kept, with its members as they were. */
  restore({ members, groupEpoch, assignmentEpoch, targets }: ConsumerSnapshot): void {
    const { roster } = this;
    for (const member of members) roster.put(member);
    roster.adopt(assignmentEpoch, targets);
    roster.groupEpoch = groupEpoch;
  }

  /** Begins an epoch if the topics are not what they were when the members were kept: nobody may have heard of that. */
  followTopics({ topics }: ConsumerSnapshot): void {
    if (this.roster.subscriptions.seen !== topics) this.roster.groupEpoch += 1;
  }

  /** The coordinator gives the group up. */
  unload(): void {
    this.#core.stopTimers();
  }
  /** A coordinator takes the group over. */
  load(): void {
    this.#core.startTimers();
  }
}

/** What a classic member knows its epoch as is a generation. */
function staleEpoch(member: ConsumerMember): number {
  return member.classic === undefined ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
}

function unknownMember(memberId: string): GroupError {
  return new GroupError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of the group.`);
}

/** The holder of an instance id, if that is who asks. */
function staticMember(holder: ConsumerMember | undefined, memberId: string, instanceId: string): ConsumerMember {
  if (holder === undefined) {
    throw new GroupError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
  }
  if (holder.memberId === memberId) return holder;
  const message = `Static member ${memberId} with instance id ${instanceId} was fenced by member ${holder.memberId}.`;
  throw new GroupError(ErrorCode.FENCED_INSTANCE_ID, message);
}

/** Whether the member says everything, as after an error: then it is told everything. */
function isFull(request: ConsumerGroupHeartbeatRequest): boolean {
  const { rebalanceTimeoutMs, subscribedTopicNames, subscribedTopicRegex, topicPartitions } = request;
  const subscribes = subscribedTopicNames !== null || subscribedTopicRegex !== null;
  return rebalanceTimeoutMs !== -1 && subscribes && topicPartitions !== null;
}

/** The member with what it now says of itself; itself where that is nothing new. */
function saidBy(
  known: ConsumerMember,
  request: ConsumerGroupHeartbeatRequest,
  clientId: string | null,
): ConsumerMember {
  const { instanceId, rackId, rebalanceTimeoutMs, serverAssignor, subscribedTopicNames, subscribedTopicRegex } =
    request;
  const said: ConsumerMember = {
    ...known,
    instanceId: instanceId ?? known.instanceId,
    rackId: rackId ?? known.rackId,
    clientId: clientId ?? "",
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? known.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: serverAssignor ?? known.serverAssignor,
    topicNames: subscribedTopicNames === null ? known.topicNames : topicNameSet(subscribedTopicNames),
    topicRegex: subscribedTopicRegex ?? known.topicRegex,
    classic: undefined,
  };
  return saysTheSame(known, said) ? known : said;
}

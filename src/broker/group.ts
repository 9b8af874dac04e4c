import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest } from "../../protocol/messages/11-join-group.ts";
import type { MemberIdentity } from "../../protocol/messages/13-leave-group.ts";
import type { SyncGroupRequest } from "../../protocol/messages/14-sync-group.ts";
import type { ConsumerGroupHeartbeatRequest } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import type { Clock } from "../net/clock.ts";
import type { JoinAnswer, SyncAnswer } from "./classic-answers.ts";
import { ClassicGroup, type ClassicGroupSettings } from "./classic-group.ts";
import { CONSUMER_PROTOCOL, wantsTopic } from "./classic-subscriptions.ts";
import { ConsumerGroup, type HeartbeatAnswer, JOIN } from "./consumer-group.ts";
import type { ConsumerGroupHost, ConsumerGroupSettings } from "./consumer-group-core.ts";
import type { GroupTopics } from "./consumer-group-subscriptions.ts";
import type { CommitCheck, Committer } from "./group-commit.ts";
import { downgraded, upgraded } from "./group-conversion.ts";
import { GroupError } from "./group-error.ts";
import { classicSnapshot, consumerSnapshot, type GroupSnapshot, readGroupSnapshot } from "./group-snapshot.ts";
import type { GroupKeeper } from "./group-store.ts";
import { GroupOffsets } from "./offsets.ts";

export interface GroupHost {
  readonly clock: Clock;
  readonly settings: ClassicGroupSettings & ConsumerGroupSettings;
  readonly topics: GroupTopics;
}

/**
 * A group: its offsets, and its members by one of the two protocols. An empty group takes the protocol of who joins it;
 * one with members changes over when the first of the consumer protocol comes, and back when the last one goes (KIP-848).
 */
export class Group {
  readonly groupId: string;
  readonly offsets: GroupOffsets;
  readonly #host: GroupHost;
  readonly #keeper: GroupKeeper | undefined;
  #members: ClassicGroup | ConsumerGroup;
  /** What tells the members that were kept last from those that there are. */
  #keptMark: unknown;

  /** `keeper`: where it was kept and is to be kept. Default: in memory. */
  constructor(groupId: string, host: GroupHost, keeper?: GroupKeeper) {
    this.groupId = groupId;
    this.#host = host;
    this.#keeper = keeper;
    this.offsets = new GroupOffsets(keeper);
    const kept = keeper?.members === undefined ? undefined : readGroupSnapshot(keeper.members);
    this.#members = kept === undefined ? this.#newClassic() : this.#restored(kept);
    this.#keptMark = this.#mark();
    if (kept?.kind !== "consumer" || this.#members.kind !== "consumer") return;
    this.#members.followTopics(kept);
    this.#keep();
  }

  #restored(kept: GroupSnapshot): ClassicGroup | ConsumerGroup {
    if (kept.kind === "classic") return ClassicGroup.stable(this.#host.clock, this.#host.settings, kept.stored);
    const consumer = this.#newConsumer();
    consumer.restore(kept);
    return consumer;
  }

  #mark(): unknown {
    const members = this.#members;
    return members.kind === "classic" ? members.stored : `${members.roster.changes}/${members.roster.groupEpoch}`;
  }

  /** Keeps the members where they have changed, before anybody is told. */
  #keep(): void {
    if (this.#keeper === undefined) return;
    const mark = this.#mark();
    if (mark === this.#keptMark) return;
    const members = this.#members;
    const snapshot = members.kind === "classic" ? classicSnapshot(members.stored) : consumerSnapshot(members.roster);
    this.#keeper.write([this.#keeper.membersChange(snapshot)]);
    this.#keptMark = mark;
  }

  #kept<T>(answer: T): T {
    this.#keep();
    return answer;
  }

  /** The group is deleted: nothing of it is kept any longer. */
  forget(): void {
    this.offsets.clear();
    this.#keeper?.write([this.#keeper.membersChange()]);
  }

  get members(): ClassicGroup | ConsumerGroup {
    return this.#members;
  }

  #newClassic(): ClassicGroup {
    return new ClassicGroup(this.#host.clock, this.#host.settings);
  }

  #newConsumer(): ConsumerGroup {
    const host: ConsumerGroupHost = {
      ...this.#host,
      downgrade: (roster, rebalance) => {
        const classic = downgraded(roster, this.#host);
        this.#members = classic;
        if (rebalance) classic.rebalance();
      },
      removed: () => this.#keep(),
    };
    return new ConsumerGroup(host);
  }

  /** ConsumerGroupHeartbeat. Throws a {@link GroupError}, and then nothing has changed. */
  consumerHeartbeat(request: ConsumerGroupHeartbeatRequest, clientId: string | null): HeartbeatAnswer {
    if (this.#members.kind === "consumer") return this.#kept(this.#members.consumerHeartbeat(request, clientId));
    if (request.memberEpoch !== JOIN) throw this.#notConsumer();
    const classic = this.#members;
    const consumer = this.#newConsumer();
    if (!classic.isEmpty) this.#upgrade(classic, consumer);
    const answer = consumer.consumerHeartbeat(request, clientId);
    classic.unload(ErrorCode.REBALANCE_IN_PROGRESS);
    this.#members = consumer;
    consumer.load();
    return this.#kept(answer);
  }

  #upgrade(classic: ClassicGroup, consumer: ConsumerGroup): void {
    const { migrationPolicy, maxSize } = this.#host.settings;
    const complaint =
      migrationPolicy === "disabled" || migrationPolicy === "downgrade"
        ? "online upgrade is disabled"
        : classic.members.length > maxSize
          ? "the group size exceeds the consumer group maximum size"
          : upgraded(classic, consumer.roster, this.#host.topics);
    if (complaint === undefined) return;
    const message = `Cannot upgrade classic group ${this.groupId} to consumer group because ${complaint}.`;
    throw new GroupError(ErrorCode.GROUP_ID_NOT_FOUND, message);
  }

  #notConsumer(): GroupError {
    return new GroupError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${this.groupId} is not a consumer group.`);
  }

  join(request: JoinGroupRequest, version: number, clientId: string | null): Promise<JoinAnswer> {
    if (this.#members.kind === "consumer" && this.#members.isEmpty) {
      this.#members.unload();
      this.#members = this.#newClassic();
    }
    return this.#kept(this.#members.join(request, version, clientId));
  }

  sync(request: SyncGroupRequest): Promise<SyncAnswer> {
    return this.#kept(this.#members.sync(request));
  }

  heartbeat(memberId: string, groupInstanceId: string | null, generationId: number): number {
    return this.#kept(this.#members.heartbeat(memberId, groupInstanceId, generationId));
  }

  /** Takes members out by LeaveGroup: an error code for each. */
  leave(members: readonly MemberIdentity[]): number[] {
    const current = this.#members;
    return this.#kept(current.kind === "consumer" ? current.leave(members) : members.map((one) => current.leave(one)));
  }

  /** Whether a commit is to be taken. Throws a {@link GroupError}, or gives a check for each partition. */
  checkCommit(committer: Committer): CommitCheck {
    if (this.#members.kind === "consumer") return this.#members.checkCommit(committer);
    const errorCode = this.#members.commitError(committer);
    if (errorCode === ErrorCode.NONE) return () => ErrorCode.NONE;
    throw new GroupError(errorCode, `group ${this.groupId} does not take the commit`);
  }

  /** Whether a member of a consumer group, or somebody who names none, may read the offsets: a Kafka error code. */
  fetchError(memberId: string | null, memberEpoch: number): number {
    return this.#members.kind === "consumer" ? this.#members.fetchError(memberId, memberEpoch) : ErrorCode.NONE;
  }

  /** Whether anybody in the group wants the topic, so that its offsets are in use. */
  isSubscribedTo(topic: string): boolean {
    return this.#members.kind === "consumer" ? this.#members.isSubscribedTo(topic) : wantsTopic(this.#members, topic);
  }

  /** Whether somebody in the group may come back to the topic's offsets. */
  mayUse(topic: string): boolean {
    const members = this.#members;
    if (members.isEmpty) return false;
    if (members.kind === "consumer") return members.isSubscribedTo(topic);
    // What members of other protocols want is not known, nor what those will who gather.
    return members.protocolType !== CONSUMER_PROTOCOL || members.state !== "Stable" || wantsTopic(members, topic);
  }

  /** The coordinator gives the group up: all who wait are sent on with `errorCode`. */
  unload(errorCode: number): void {
    this.#members.unload(errorCode);
  }
  /** A coordinator takes the group over, with what its log would hold. */
  load(): void {
    this.#members.load();
  }
}

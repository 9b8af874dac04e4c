import { ErrorCode } from "../../protocol/errors.ts";
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeat,
} from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import { sleep } from "../net/clock.ts";
import { backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import { type Coordinator, isCoordinatorMoved } from "./coordinator.ts";
import { asKafkaError, type KafkaError, ProtocolError } from "./errors.ts";
import { fenced, type GroupMember, type GroupMemberOptions, LEAVE_TIMEOUT, TROUBLE } from "./group-member.ts";
import { groupSessionTimeout } from "./group-session-timeout.ts";
import type { Lease } from "./lease.ts";
import type { GroupHandlers, Membership } from "./membership.ts";
import { OwnedPartitions } from "./owned-partitions.ts";
import { TargetAssignment } from "./target-assignment.ts";
import { within } from "./within.ts";

/** Epochs by which a member says what it wants, in place of one that it was given. */
const JOIN = 0;
const LEAVE = -1;
const LEAVE_FOR_A_WHILE = -2;
/** Milliseconds between heartbeats until the broker has said how many it wants; Kafka's own default. */
const FIRST_INTERVAL = 5_000;
/** The session timeout (ms) where the broker does not tell it: Kafka's own default. */
const UNTOLD_SESSION = 45_000;

/** What has been told to the coordinator, and so need not be told again until it changes. */
interface Told {
  readonly incarnation: number;
  readonly topics: string;
  readonly revision: number;
}

/**
 * Membership in a group whose broker assigns (KIP-848). One heartbeat after the other says what this member has and
 * wants, and is answered with what it is to have. There is one at a time, and the next comes when the broker wants it,
 * or at once when something changed: topics, or partitions that were taken or let go.
 *
 * The broker takes first: a partition goes to another member only when its owner's heartbeat no longer names it. A
 * member that it no longer knows has lost everything, and joins again under the same id.
 */
export class ConsumerGroupMember implements GroupMember {
  readonly lease: Lease;
  readonly coordinator: Coordinator;
  readonly #cluster: Cluster;
  readonly #options: GroupMemberOptions;
  readonly #handlers: GroupHandlers;
  readonly #owned: OwnedPartitions;
  readonly #target: TargetAssignment;
  readonly #stop = new AbortController();
  #memberId: string;
  /** Before version 1 of the API the coordinator named its members. */
  #isNamed = false;
  #epoch = JOIN;
  #membership: Membership;
  /** Rises with each loss: an answer to who this member was before means nothing to who it is now. */
  #incarnation = 0;
  /** Undefined: after a failure nobody knows what was heard, and all is told again. */
  #told: Told | undefined;
  /** The claims since the last that was let go. */
  #releasedRevision = 0;
  #interval = FIRST_INTERVAL;
  /** When the session timeout was last asked for (monotonic ms): a group's can be changed at any time. */
  #learnedAt = Number.NEGATIVE_INFINITY;
  #isSessionLearned = false;
  #isDue = false;
  #wake: (() => void) | undefined;
  #troubles = 0;

  constructor(
    cluster: Cluster,
    options: GroupMemberOptions,
    handlers: GroupHandlers,
    coordinator: Coordinator,
    lease: Lease,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#handlers = handlers;
    this.coordinator = coordinator;
    this.lease = lease;
    this.#memberId = cluster.clock.uuid();
    this.#membership = this.#identify();
    this.#owned = new OwnedPartitions(handlers, () => {
      this.#releasedRevision = this.#owned.revision;
      this.#beatNow();
    });
    this.#target = new TargetAssignment(cluster, options.topics, this.#stop.signal, (assigned) => {
      this.#owned.accept(assigned);
      if (this.#owned.revision !== this.#told?.revision) this.#beatNow();
    });
  }

  start(): void {
    void this.#run();
  }
  get membership(): Membership {
    return this.#membership;
  }
  owns(topic: string, partition: number): boolean {
    return this.#owned.has(topic, partition);
  }
  topicsChanged(): void {
    this.#beatNow();
  }

  #identify(): Membership {
    return {
      memberId: this.#memberId,
      generationId: this.#epoch === JOIN ? -1 : this.#epoch,
      groupInstanceId: this.#options.groupInstanceId,
      protocol: "consumer",
    };
  }

  async #run(): Promise<void> {
    const { clock, options } = this.#cluster;
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      const topics = this.#options.topics();
      // Brokers refuse to let in who wants nothing: a pattern may match nothing yet.
      if (this.#epoch === JOIN && topics.length === 0) {
        await this.#pause(this.#interval);
        continue;
      }
      try {
        for (const topic of topics) this.#cluster.watch(topic);
        for (const topic of topics) this.#cluster.keepFresh(topic);
        const isJoining = this.#epoch === JOIN;
        const isOld = clock.monotonic() - this.#learnedAt > options.metadataMaxAge;
        const learned = isJoining || isOld ? this.#learnSessionTimeout() : undefined;
        learned?.catch(() => {});
        await this.#beat(isJoining ? learned : undefined);
        failures = 0;
        await this.#pause(this.#interval);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        failures++;
        if (!this.#recover(error)) return;
        await sleep(clock, backoffDelay(options.retryBackoff, failures, clock), this.#stop.signal);
      }
    }
  }

  /** The lease must end before the session does, and under this protocol only the broker knows its length (S3.5). */
  async #learnSessionTimeout(): Promise<void> {
    this.#learnedAt = this.#cluster.clock.monotonic();
    const ms = await groupSessionTimeout(this.#cluster, this.coordinator);
    if (ms !== undefined || !this.#isSessionLearned) this.lease.setSessionTimeout(ms ?? UNTOLD_SESSION);
    this.#isSessionLearned ||= ms !== undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#cluster.clock.timer(ms, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
      if (this.#isDue || this.#stop.signal.aborted) this.#wake();
    });
  }

  #beatNow(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  /** `learned`: before that, nothing that the answer gives may be taken. */
  async #beat(learned: Promise<void> | undefined): Promise<void> {
    const { clock } = this.#cluster;
    const connection = await this.coordinator.connection("heartbeat");
    if (this.#stop.signal.aborted) return;
    const isUnnamed = connection.versionOf(consumerGroupHeartbeat) === 0 && !this.#isNamed;
    const memberId = isUnnamed ? "" : this.#memberId;
    this.#isDue = false;
    const { body, telling } = this.#next();
    this.#told = undefined;
    const sentAt = clock.monotonic();
    const wallSentAt = clock.now();
    // One that hangs must leave time for others before the session ends.
    const response = await connection.send(consumerGroupHeartbeat, { ...body, memberId }, { timeout: this.#interval });
    await learned;
    if (this.#stop.signal.aborted || telling.incarnation !== this.#incarnation) return;
    const { errorCode, errorMessage } = response;
    if (errorCode !== 0) {
      const what = `membership of group ${this.#options.groupId}${errorMessage ? ` (${errorMessage})` : ""}`;
      throw new ProtocolError(errorCode, what, { broker: connection.broker });
    }
    this.#told = telling;
    this.#troubles = 0;
    this.#answered(response);
    // Who does not let go within the rebalance timeout is put out, however well its heart beats.
    if (this.#owned.isReleasing || this.#releasedRevision > telling.revision)
      this.lease.renewInRebalance(sentAt, wallSentAt);
    else this.lease.renew(sentAt, wallSentAt);
  }

  /** What is to be told now: everything, or what has changed since the last time that was heard. */
  #next(): {
    readonly body: Omit<Partial<ConsumerGroupHeartbeatRequest>, "memberId"> & { groupId: string };
    telling: Told;
  } {
    const { groupId, groupInstanceId, rebalanceTimeout, serverAssignor } = this.#options;
    const names = [...this.#options.topics()].sort();
    const telling = {
      incarnation: this.#incarnation,
      topics: names.join("\n"),
      revision: this.#owned.revision,
    };
    const told = this.#told;
    return {
      body: {
        groupId,
        memberEpoch: this.#epoch,
        instanceId: groupInstanceId ?? null,
        ...(told === undefined ? { rebalanceTimeoutMs: rebalanceTimeout, serverAssignor: serverAssignor ?? null } : {}),
        ...(told?.topics === telling.topics ? {} : { subscribedTopicNames: names }),
        ...(told?.revision === telling.revision ? {} : { topicPartitions: this.#claims() }),
      },
      telling,
    };
  }

  #claims(): { topicId: string; partitions: number[] }[] {
    const byId = new Map<string, number[]>();
    for (const { topicId, partition } of this.#owned.claims()) {
      const list = byId.get(topicId!);
      if (list === undefined) byId.set(topicId!, [partition]);
      else list.push(partition);
    }
    return [...byId].map(([topicId, partitions]) => ({ topicId, partitions }));
  }

  #answered({ memberId, memberEpoch, heartbeatIntervalMs, assignment }: ConsumerGroupHeartbeatResponse): void {
    this.#memberId = memberId ?? this.#memberId;
    this.#isNamed = true;
    this.#epoch = memberEpoch;
    this.#membership = this.#identify();
    if (heartbeatIntervalMs > 0) this.#interval = heartbeatIntervalMs;
    if (assignment !== null) this.#target.set(assignment.topicPartitions);
  }

  /** Answers whether the next heartbeat may be better off. */
  #recover(error: unknown): boolean {
    const known = asKafkaError(error);
    const errorCode = known instanceof ProtocolError ? known.errorCode : undefined;
    switch (errorCode) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.FENCED_MEMBER_EPOCH:
        this.#lose();
        return true;
      case ErrorCode.GROUP_ID_NOT_FOUND:
        // One who joins makes the group: refused that, it never will.
        if (this.#epoch === JOIN) break;
        this.#lose();
        return true;
      case ErrorCode.UNRELEASED_INSTANCE_ID:
        this.#handlers.instanceIdBusy?.(known);
        return true;
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
        return true;
    }
    const isMoved = errorCode !== undefined && isCoordinatorMoved(errorCode);
    if (!isMoved && !known.retriable) {
      this.#fail(errorCode === ErrorCode.FENCED_INSTANCE_ID ? fenced(this.#options) : known);
      return false;
    }
    if (isMoved || errorCode === undefined) this.coordinator.forget();
    // A coordinator that moves or begins is no news until it goes on.
    this.#troubles++;
    if (this.#troubles % TROUBLE === 0) this.#handlers.troubled(known);
    return true;
  }

  refused(errorCode: number, generationId: number): void {
    if (isCoordinatorMoved(errorCode)) return this.coordinator.forget();
    if (generationId !== this.#membership.generationId) return;
    switch (errorCode) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.FENCED_MEMBER_EPOCH:
        this.#lose();
        return this.#beatNow();
      case ErrorCode.STALE_MEMBER_EPOCH:
        // The answer that brings the new epoch is on its way, or was lost.
        return this.#beatNow();
      case ErrorCode.FENCED_INSTANCE_ID:
        return this.#fail(fenced(this.#options));
    }
  }

  #lose(): void {
    this.#incarnation++;
    this.#epoch = JOIN;
    this.#membership = this.#identify();
    this.#told = undefined;
    this.#target.clear();
    this.lease.end();
    this.#owned.lose();
  }

  #end(): void {
    this.#stop.abort();
    this.#wake?.();
  }

  #fail(error: KafkaError): void {
    this.#end();
    this.#lose();
    this.#handlers.failed(error);
  }

  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#end();
    this.lease.end();
    this.#owned.clear();
    // Unheard, the goodbye only costs the others a session timeout.
    await within(this.#cluster.clock, LEAVE_TIMEOUT, this.#leave(), () => {}).catch(() => {});
  }

  async #leave(): Promise<void> {
    const { groupId, groupInstanceId } = this.#options;
    const connection = await this.coordinator.connection("heartbeat");
    const isStatic = groupInstanceId !== undefined;
    const body = {
      groupId,
      memberId: this.#memberId,
      memberEpoch: isStatic ? LEAVE_FOR_A_WHILE : LEAVE,
      instanceId: groupInstanceId ?? null,
    };
    await connection.send(consumerGroupHeartbeat, body, { timeout: LEAVE_TIMEOUT });
  }
}

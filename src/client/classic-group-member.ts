import { ErrorCode, errorByCode } from "../../protocol/errors.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../../protocol/messages/13-leave-group.ts";
import { sleep, type Timer, whenSettled } from "../net/clock.ts";
import type { AssignorName } from "./assignor.ts";
import { backoffDelay } from "./backoff.ts";
import { type JoinedGeneration, joinClassicGroup } from "./classic-join.ts";
import type { Cluster } from "./cluster.ts";
import type { ConnectionRole } from "./connection-pool.ts";
import { type Coordinator, isCoordinatorMoved } from "./coordinator.ts";
import { asKafkaError, type KafkaError, ProtocolError } from "./errors.ts";
import { fenced, type GroupMember, type GroupMemberOptions, LEAVE_TIMEOUT, TROUBLE } from "./group-member.ts";
import type { Lease } from "./lease.ts";
import { type GroupHandlers, identityOf, type Membership } from "./membership.ts";
import { OwnedPartitions } from "./owned-partitions.ts";
import { within } from "./within.ts";

const HEARTBEATS_PER_SESSION = 3;
/** Answers by which a member learns that it must join again. */
const REJOIN: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.REBALANCE_IN_PROGRESS,
]);

/**
 * Membership in a group by the classic protocol with cooperative rebalancing (KIP-429).
 *
 * joining:  asks to join, then to sync; heartbeats of the last generation go on, on their own connection. → stable, or
 *           joining again after an error, or ended.
 * stable:   heartbeats. → joining, when the broker says so, when partitions were released, when topics changed.
 * ended:    closed, or failed for good.
 *
 * An answer counts only if the generation it was asked in is still the current one: late ones are about the past.
 */
export class ClassicGroupMember implements GroupMember {
  readonly lease: Lease;
  readonly coordinator: Coordinator;
  readonly #cluster: Cluster;
  readonly #options: GroupMemberOptions;
  readonly #handlers: GroupHandlers;
  readonly #owned: OwnedPartitions;
  readonly #role: ConnectionRole;
  readonly #stop = new AbortController();
  readonly #assignors: readonly AssignorName[];
  #membership: Membership;
  #joining = false;
  #rejoin: (() => void) | undefined;
  #rejoinWanted = false;
  #reason = "the member starts";
  #heartbeatTimer: Timer | undefined;
  #finishTimer: Timer | undefined;
  /** The membership whose heartbeat has no answer yet. */
  #beatingFor: Membership | undefined;
  #beatFailures = 0;
  #troubles = 0;
  #topicCounts = "";
  #forgetCluster: (() => void) | undefined;

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
    this.#assignors = options.assignors ?? ["cooperative-sticky"];
    this.#membership = this.#identify("", -1);
    this.#role = `group/${cluster.takeNumber()}`;
    this.#owned = new OwnedPartitions(handlers, () => this.#wantRejoin("partitions were released"));
  }

  start(): void {
    this.#forgetCluster = this.#cluster.onUpdate(() => {
      if (!this.#joining && this.#membership.generationId >= 0 && this.#countTopics() !== this.#topicCounts)
        this.#wantRejoin("topics have other partitions than before");
    });
    void this.#run();
  }

  #identify(memberId: string, generationId: number): Membership {
    return { memberId, generationId, groupInstanceId: this.#options.groupInstanceId };
  }

  get membership(): Membership {
    return this.#membership;
  }
  /** Whether the partition is this member's, be it that it was asked to release it. */
  owns(topic: string, partition: number): boolean {
    return this.#owned.has(topic, partition);
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      try {
        this.#joining = true;
        // An assignor that does not look at what members have gives it to others at once.
        if (this.#assignors.includes("range")) await this.#owned.releaseAll();
        this.#rejoinWanted = false;
        const before = this.#membership.generationId;
        const joined = await this.#join();
        if (this.#stop.signal.aborted) return;
        this.#joining = false;
        failures = 0;
        // A coordinator that assigns takes back by its old id whoever it had put out, as if it had just come. With the
        // lease it had until now, it was not put out.
        if (!joined.isLed && !this.lease.isValid) this.#owned.lose();
        // In a group with members of the other protocol, heartbeats ask who still has to release partitions to join
        // again, and joining changes nothing: only the time for the next heartbeat must bring the next join.
        if (joined.membership.generationId !== before) this.#beat();
        this.#owned.accept(joined.assigned);
        if (joined.isUnfinished) this.#seeItFinished();
        await this.#untilRejoin();
        this.#finishTimer?.cancel();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        failures++;
        if (!this.#recover(error)) return;
        const wait = backoffDelay(this.#cluster.options.retryBackoff, failures, this.#cluster.clock);
        await sleep(this.#cluster.clock, wait, this.#stop.signal);
      }
    }
  }

  async #join(): Promise<JoinedGeneration> {
    const topics = this.#options.topics();
    for (const topic of topics) this.#cluster.watch(topic);
    const joined = await joinClassicGroup({
      cluster: this.#cluster,
      coordinator: this.coordinator,
      groupId: this.#options.groupId,
      role: this.#role,
      sessionTimeout: this.#options.sessionTimeout,
      rebalanceTimeout: this.#options.rebalanceTimeout,
      topics,
      owned: this.#owned.claims(),
      membership: this.#membership,
      assignors: this.#assignors,
      reason: this.#reason,
      signal: this.#stop.signal,
      named: (memberId) => {
        this.#membership = this.#identify(memberId, this.#membership.generationId);
      },
    });
    this.#membership = joined.membership;
    this.#topicCounts = this.#countTopics(joined.partitionCounts);
    return joined;
  }

  /** Topics with their partition counts: what an assignment is based on. */
  #countTopics(assigned?: ReadonlyMap<string, number>): string {
    const { metadata } = this.#cluster;
    return this.#options
      .topics()
      .map((topic) => `${topic}:${assigned?.get(topic) ?? metadata.topic(topic)?.partitions.length ?? 0}`)
      .join();
  }

  #untilRejoin(): Promise<void> {
    return new Promise((resolve) => {
      this.#rejoin = resolve;
      if (this.#rejoinWanted || this.#stop.signal.aborted) resolve();
    });
  }

  /**
   * Whoever has to let go joins again after that, and so does everybody. But a static member may end before it does, and
   * whoever takes its name then is given the same again, without a rebalance.
   */
  #seeItFinished(): void {
    const { sessionTimeout } = this.#options;
    this.#finishTimer = this.#cluster.clock.timer(sessionTimeout, () => this.#wantRejoin("partitions are nobody's"));
  }

  #wantRejoin(reason: string): void {
    this.#rejoinWanted = true;
    this.#reason = reason;
    this.#rejoin?.();
  }

  /** Takes the topics wanted now to the group. */
  topicsChanged(): void {
    this.#wantRejoin("other topics are wanted");
  }

  /** Answers whether joining may be tried again after `error`. */
  #recover(error: unknown): boolean {
    if (!(error instanceof ProtocolError)) {
      const known = asKafkaError(error);
      if (known.retriable) this.coordinator.forget();
      else this.#fail(known);
      if (known.retriable) this.#trouble(known);
      return known.retriable;
    }
    switch (error.errorCode) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
        this.#lose("");
        return true;
      case ErrorCode.ILLEGAL_GENERATION:
        this.#lose(this.#membership.memberId);
        return true;
      case ErrorCode.REBALANCE_IN_PROGRESS:
      case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
        return true;
    }
    if (isCoordinatorMoved(error.errorCode)) this.coordinator.forget();
    else if (!error.retriable) {
      this.#fail(error.errorCode === ErrorCode.FENCED_INSTANCE_ID ? fenced(this.#options) : error);
      return false;
    }
    this.#trouble(error);
    return true;
  }

  /** A coordinator that moves or begins is no news until it goes on. */
  #trouble(error: KafkaError): void {
    this.#troubles++;
    if (this.#troubles % TROUBLE === 0) this.#handlers.troubled(error);
  }

  #fail(error: KafkaError): void {
    this.#end();
    this.#lose("");
    this.#cluster.release(this.#role);
    this.#handlers.failed(error);
  }

  #lose(memberId: string): void {
    this.#membership = this.#identify(memberId, -1);
    this.#reason = "the member was put out";
    this.lease.end();
    this.#owned.lose();
  }

  /** A request that only members may make was refused with this code, in the generation it was made in. */
  refused(errorCode: number, generationId: number): void {
    if (isCoordinatorMoved(errorCode)) return this.coordinator.forget();
    if (generationId !== this.#membership.generationId) return;
    // While joining, the next generation may be there already, but a member that is not known has lost all it had: the
    // join will fail too, and maybe much later.
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) this.#lose("");
    if (this.#joining) return;
    if (errorCode === ErrorCode.FENCED_INSTANCE_ID) return this.#fail(fenced(this.#options));
    if (!REJOIN.has(errorCode)) return;
    if (errorCode === ErrorCode.ILLEGAL_GENERATION) this.#lose(this.#membership.memberId);
    this.#wantRejoin(`the coordinator said ${errorByCode(errorCode).name}`);
  }

  get #interval(): number {
    return this.#options.sessionTimeout / HEARTBEATS_PER_SESSION;
  }

  #beatIn(ms: number): void {
    this.#heartbeatTimer?.cancel();
    if (!this.#stop.signal.aborted) this.#heartbeatTimer = this.#cluster.clock.timer(ms, () => this.#beat());
  }

  #beat(): void {
    this.#beatIn(this.#interval);
    // Partitions that were added are found by nobody else.
    for (const topic of this.#options.topics()) this.#cluster.keepFresh(topic);
    const membership = this.#membership;
    if (this.#stop.signal.aborted || membership.generationId < 0 || this.#beatingFor === membership) return;
    this.#beatingFor = membership;
    void whenSettled(this.#sendHeartbeat(membership), () => {
      if (this.#beatingFor === membership) this.#beatingFor = undefined;
    });
  }

  async #sendHeartbeat(membership: Membership): Promise<void> {
    const { memberId, generationId } = membership;
    const { clock, options } = this.#cluster;
    const sentAt = clock.monotonic();
    const wallSentAt = clock.now();
    try {
      const connection = await this.coordinator.connection("heartbeat");
      const body = { groupId: this.#options.groupId, generationId, ...identityOf(membership) };
      // One that hangs must leave time for others before the session ends.
      const { errorCode } = await connection.send(heartbeat, body, { timeout: this.#interval });
      if (this.#stop.signal.aborted || memberId !== this.#membership.memberId) return;
      this.#beatFailures = 0;
      this.#troubles = 0;
      this.#answered(errorCode, generationId, sentAt, wallSentAt);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.coordinator.forget();
      // What broke this connection may have broken the one for joining, which says nothing for as long as others may take
      // to come: the next join would wait for that long. While one is under way, it may be just what the broker waits with.
      if (!this.#joining) this.#cluster.release(this.#role);
      if (membership !== this.#membership) return;
      const known = asKafkaError(error);
      if (!known.retriable) return this.#fail(known);
      this.#trouble(known);
      // The session runs on while the coordinator is looked for: the next heartbeat must not wait its turn.
      this.#beatFailures++;
      this.#beatIn(Math.min(this.#interval, backoffDelay(options.retryBackoff, this.#beatFailures, clock)));
    }
  }

  #answered(errorCode: number, generationId: number, sentAt: number, wallSentAt: number): void {
    if (errorCode === 0) this.lease.renew(sentAt, wallSentAt);
    else if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) this.lease.renewInRebalance(sentAt, wallSentAt);
    if (errorCode === 0) return;
    this.refused(errorCode, generationId);
    const error = new ProtocolError(errorCode, `heartbeat of group ${this.#options.groupId}`);
    const isOfNow = generationId === this.#membership.generationId && !this.#joining && !this.#stop.signal.aborted;
    if (isOfNow && !error.retriable && !REJOIN.has(errorCode)) this.#fail(error);
  }

  #end(): void {
    this.#stop.abort();
    this.#forgetCluster?.();
    this.#heartbeatTimer?.cancel();
    this.#finishTimer?.cancel();
    this.#rejoin?.();
  }

  /** Leaves the group, so that others need not wait for the session to expire. What it owned must have been let go. */
  async close(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#end();
    const { memberId } = this.#membership;
    this.lease.end();
    this.#owned.clear();
    // A static member keeps its partitions while it is away. Unheard, a goodbye only costs the others a session timeout.
    if (memberId !== "" && this.#options.groupInstanceId === undefined)
      await within(this.#cluster.clock, LEAVE_TIMEOUT, this.#leave(memberId), () => {}).catch(() => {});
    this.#cluster.release(this.#role);
  }

  async #leave(memberId: string): Promise<void> {
    const { groupId } = this.#options;
    const connection = await this.coordinator.connection("heartbeat");
    const body =
      connection.versionOf(leaveGroup) >= 3
        ? { groupId, members: [{ memberId, reason: "the member was closed" }] }
        : { groupId, memberId };
    await connection.send(leaveGroup, body, { timeout: LEAVE_TIMEOUT });
  }
}

import type { HeartbeatTopicPartitions } from "../../protocol/messages/68-consumer-group-heartbeat.ts";
import type { Clock } from "../net/clock.ts";
import { type ConsumerMember, subscriptionKey } from "./consumer-group-member.ts";
import { reconcile } from "./consumer-group-reconciliation.ts";
import { ConsumerRoster } from "./consumer-group-roster.ts";
import type { GroupTopics } from "./consumer-group-subscriptions.ts";
import { KeyedTimers } from "./keyed-timers.ts";

export interface ConsumerGroupSettings {
  /** Without a heartbeat for this long, a member is out, in ms. */
  readonly consumerSessionTimeoutMs: number;
  /** How often members are told to send one, in ms. */
  readonly consumerHeartbeatIntervalMs: number;
  /** The least time between two new assignments, in ms. */
  readonly consumerAssignmentIntervalMs: number;
  readonly migrationPolicy: MigrationPolicy;
  /** How many members a group may have. */
  readonly maxSize: number;
}

/** Between which protocols a group with members may change (`group.consumer.migration.policy`). */
export type MigrationPolicy = "bidirectional" | "upgrade" | "downgrade" | "disabled";

/** What a consumer group needs of who holds it. */
export interface ConsumerGroupHost {
  readonly clock: Clock;
  readonly settings: ConsumerGroupSettings;
  readonly topics: GroupTopics;
  /** Goes on as a classic group: all who are left speak the classic protocol. */
  downgrade(roster: ConsumerRoster, rebalance: boolean): void;
  /** Members are gone, maybe without any request. */
  removed(): void;
}

/** How a consumer group goes on when a member of either protocol comes, speaks, falls silent or leaves. */
export class ConsumerGroupCore {
  readonly #host: ConsumerGroupHost;
  readonly #timers: KeyedTimers;
  readonly roster: ConsumerRoster;
  #assignedAt = Number.NEGATIVE_INFINITY;

  constructor(host: ConsumerGroupHost) {
    this.#host = host;
    this.#timers = new KeyedTimers(host.clock);
    this.roster = new ConsumerRoster(host.topics);
  }

  get settings(): ConsumerGroupSettings {
    return this.#host.settings;
  }
  get topics(): GroupTopics {
    return this.#host.topics;
  }
  newId(): string {
    return this.#host.clock.uuid();
  }

  /**
   * Takes what a member says of itself, makes a new assignment where that or the topics have changed, and takes the
   * member one step further towards what it is to have. `before` is what was known of it.
   */
  advance(
    before: ConsumerMember,
    said: ConsumerMember,
    owned: readonly HeartbeatTopicPartitions[] | null,
  ): ConsumerMember {
    const { roster } = this;
    const subscriptionChanged = subscriptionKey(before) !== subscriptionKey(said);
    if (said !== roster.get(said.memberId)) roster.put(said);
    if (roster.subscriptions.refresh() || subscriptionChanged) roster.groupEpoch += 1;
    this.#assign();
    const { memberId } = said;
    const member = reconcile(said, {
      targetEpoch: roster.assignmentEpoch,
      target: roster.targetOf(memberId),
      owned,
      subscribed: roster.subscriptions.of(said).topicIds,
      subscriptionChanged,
      isFree: (topicId, partition) => roster.isFree(topicId, partition, memberId),
    });
    if (member === said) return member;
    roster.put(member);
    // Members of the classic protocol have to join and sync in time instead.
    if (member.classic === undefined) this.#watchRevocation(member);
    return member;
  }

  #assign(): void {
    if (this.roster.groupEpoch === this.roster.assignmentEpoch) return;
    const now = this.#host.clock.monotonic();
    if (now < this.#assignedAt + this.settings.consumerAssignmentIntervalMs) return;
    this.#assignedAt = now;
    this.roster.assign();
  }

  #watchRevocation({ memberId, epoch, state, rebalanceTimeoutMs }: ConsumerMember): void {
    const key = `rebalance ${memberId}`;
    if (state !== "Unrevoked") return this.#timers.cancel(key);
    this.#timers.set(key, rebalanceTimeoutMs, () => {
      if (this.roster.get(memberId)?.epoch === epoch) this.expire(memberId);
    });
  }

  /** The member is alive. */
  touch({ memberId, classic }: ConsumerMember): void {
    const ms = classic?.sessionTimeoutMs ?? this.settings.consumerSessionTimeoutMs;
    this.#timers.set(`session ${memberId}`, ms, () => this.expire(memberId));
  }

  /** A member of the classic protocol has to join again in time. */
  awaitJoin({ memberId, rebalanceTimeoutMs }: ConsumerMember): void {
    this.#timers.setIfAbsent(`join ${memberId}`, rebalanceTimeoutMs, () => this.expire(memberId));
  }
  joined({ memberId, rebalanceTimeoutMs }: ConsumerMember): void {
    this.#timers.cancel(`join ${memberId}`);
    this.#timers.set(`sync ${memberId}`, rebalanceTimeoutMs, () => this.expire(memberId));
  }
  synced({ memberId }: ConsumerMember): void {
    this.#timers.cancel(`sync ${memberId}`);
  }

  /** A static member goes away and will be back: nobody waits any longer for what it was to give up. */
  leaveForAWhile(member: ConsumerMember): void {
    this.#timers.cancel(`rebalance ${member.memberId}`);
    this.roster.put(member);
  }

  /** A static member comes back under another id. */
  replace(old: ConsumerMember, member: ConsumerMember): void {
    this.#forgetTimers(old.memberId);
    this.roster.replace(old, member);
  }

  /** Takes a member out as if its heartbeats had stopped. */
  expire(memberId: string): void {
    const member = this.roster.get(memberId);
    if (member !== undefined) this.remove([member]);
  }

  /** Takes members out. What they had is free at once, and is given away at the next heartbeat of another. */
  remove(members: readonly ConsumerMember[]): void {
    const downgrades = this.#downgradesWithout(members);
    for (const member of members) {
      this.#forgetTimers(member.memberId);
      this.roster.remove(member);
    }
    if (downgrades) this.downgrade(true);
    else this.roster.groupEpoch += 1;
    this.#host.removed();
  }

  #downgradesWithout(members: readonly ConsumerMember[]): boolean {
    if (members.every((member) => member.classic !== undefined)) return false;
    return this.#mayDowngrade() && this.roster.size > members.length && this.onlyClassicBut(members);
  }

  #mayDowngrade(): boolean {
    return this.settings.migrationPolicy === "bidirectional" || this.settings.migrationPolicy === "downgrade";
  }

  /** Whether the group may go on as a classic one when one of the classic protocol takes the member's place. */
  downgradesWith(replaced: ConsumerMember): boolean {
    return replaced.classic === undefined && this.#mayDowngrade() && this.onlyClassicBut([replaced]);
  }

  onlyClassicBut(members: readonly ConsumerMember[]): boolean {
    return [...this.roster.members].every((one) => one.classic !== undefined || members.includes(one));
  }

  downgrade(rebalance: boolean): void {
    this.stopTimers();
    this.#host.downgrade(this.roster, rebalance);
  }

  #forgetTimers(memberId: string): void {
    for (const kind of ["session", "rebalance", "join", "sync"]) this.#timers.cancel(`${kind} ${memberId}`);
  }

  stopTimers(): void {
    this.#timers.cancelAll();
  }

  /** A coordinator takes the group over, as it is: every member has its session before it. */
  startTimers(): void {
    for (const member of this.roster.members) {
      this.touch(member);
      if (member.classic === undefined && member.state === "Unrevoked") this.#watchRevocation(member);
    }
  }
}

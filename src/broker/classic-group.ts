/**
 * A consumer group of the classic protocol, as its coordinator holds it.
 *
 * Empty                nobody is in it; it may have offsets.
 *   → PreparingRebalance   a member is added
 * PreparingRebalance   JoinGroups are gathered and wait.
 *   → CompletingRebalance  all members have joined, or the longest rebalance timeout has passed and those who have not
 *                          are dropped (static members stay); for a group that was empty: its initial delay has passed
 *   → Empty                nobody is left
 * CompletingRebalance  all have the new generation; SyncGroups wait for the leader's.
 *   → Stable               the leader has sent the assignment
 *   → PreparingRebalance   a member is added, leaves, expires, or joins with other metadata; or does not sync in time
 * Stable               every member has its assignment.
 *   → PreparingRebalance   as above, and whenever the leader joins again
 * Kafka's Dead is that of a group which its coordinator gave up: here `unload` answers all who wait.
 */
import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest } from "../../protocol/messages/11-join-group.ts";
import type { MemberIdentity } from "../../protocol/messages/13-leave-group.ts";
import type { SyncGroupRequest } from "../../protocol/messages/14-sync-group.ts";
import type { Clock, Timer } from "../net/clock.ts";
import { awaitJoin, failedJoin, type JoinAnswer, type SyncAnswer } from "./classic-answers.ts";
import { type ClassicMember, createMember, hasSameProtocols, NO_ASSIGNMENT, updateMember } from "./classic-member.ts";
import { ClassicRoster, type StoredClassicGroup } from "./classic-roster.ts";
import type { Committer } from "./group-commit.ts";
import { InitialDelay } from "./initial-delay.ts";

export type ClassicGroupState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

/** How long a member without a generation may wait: it cannot send heartbeats, and nobody sees its connection close. */
const NEW_MEMBER_MS = 300_000;

export interface ClassicGroupSettings {
  /** How long an empty group waits for more members before its first generation, in ms. */
  readonly initialRebalanceDelayMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** How many members a group may have. */
  readonly maxSize: number;
}

export class ClassicGroup {
  readonly kind = "classic";
  readonly #clock: Clock;
  readonly #settings: ClassicGroupSettings;
  readonly #roster = new ClassicRoster();
  #state: ClassicGroupState = "Empty";
  /** Members that were given an id and have to join with it (KIP-394). */
  readonly #pending = new Map<string, Timer>();
  /** Members that have not yet asked for their assignment of this generation. */
  readonly #unsynced = new Set<string>();
  #joinTimer: Timer | undefined;
  #syncTimer: Timer | undefined;
  /** While an empty group's initial delay runs. */
  #initial: InitialDelay | undefined;

  constructor(clock: Clock, settings: ClassicGroupSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** One whose members have what they are to have: of the newer protocol until now, or kept. Their sessions begin. */
  static stable(clock: Clock, settings: ClassicGroupSettings, stored: StoredClassicGroup): ClassicGroup {
    const group = new ClassicGroup(clock, settings);
    group.#roster.restore(stored);
    group.#state = stored.members.length === 0 ? "Empty" : "Stable";
    group.load();
    return group;
  }

  get state(): ClassicGroupState {
    return this.#state;
  }
  get isEmpty(): boolean {
    return this.#state === "Empty";
  }
  get generationId(): number {
    return this.#roster.generationId;
  }
  get leaderId(): string | null {
    return this.#roster.leaderId;
  }
  /** Null: nobody has joined it. */
  get protocolType(): string | null {
    return this.#roster.protocolType;
  }
  /** What outlives its coordinator. */
  get stored(): StoredClassicGroup {
    return this.#roster.stored;
  }
  get protocolName(): string | null {
    return this.#roster.protocolName;
  }
  get members(): readonly ClassicMember[] {
    return [...this.#roster.members];
  }

  join(request: JoinGroupRequest, version: number, clientId: string | null): Promise<JoinAnswer> {
    const errorCode = this.#joinError(request);
    if (errorCode !== ErrorCode.NONE) return Promise.resolve(failedJoin(request.memberId, errorCode));
    if (this.#isFullFor(request.memberId)) return Promise.resolve(failedJoin("", ErrorCode.GROUP_MAX_SIZE_REACHED));
    if (request.memberId === "") return this.#joinWithoutId(request, version, clientId);
    if (this.#pending.has(request.memberId)) {
      this.#forgetPending(request.memberId);
      return this.#add(createMember(request.memberId, clientId, request), request);
    }
    const identityError = this.#roster.identityError(request.memberId, request.groupInstanceId);
    if (identityError !== ErrorCode.NONE) return Promise.resolve(failedJoin(request.memberId, identityError));
    return this.#rejoin(this.#roster.get(request.memberId)!, request);
  }

  #joinError(request: JoinGroupRequest): number {
    const { sessionTimeoutMs } = request;
    if (
      sessionTimeoutMs < this.#settings.minSessionTimeoutMs ||
      sessionTimeoutMs > this.#settings.maxSessionTimeoutMs
    ) {
      return ErrorCode.INVALID_SESSION_TIMEOUT;
    }
    return this.#roster.accepts(request) ? ErrorCode.NONE : ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  }

  #isFullFor(memberId: string): boolean {
    return this.members.length >= this.#settings.maxSize && this.#roster.get(memberId) === undefined;
  }

  #joinWithoutId(request: JoinGroupRequest, version: number, clientId: string | null): Promise<JoinAnswer> {
    const memberId = `${request.groupInstanceId ?? clientId ?? ""}-${this.#clock.uuid()}`;
    if (request.groupInstanceId !== null) {
      const known = this.#roster.staticMember(request.groupInstanceId);
      if (known !== undefined) return this.#replace(known, memberId, request, version);
    } else if (version >= 4) {
      const expire = (): void => {
        this.#pending.delete(memberId);
        this.#completeJoinIfAllJoined();
      };
      this.#pending.set(memberId, this.#clock.timer(request.sessionTimeoutMs, expire));
      return Promise.resolve(failedJoin(memberId, ErrorCode.MEMBER_ID_REQUIRED));
    }
    return this.#add(createMember(memberId, clientId, request), request);
  }

  #add(member: ClassicMember, request: JoinGroupRequest): Promise<JoinAnswer> {
    this.#roster.add(member, request.protocolType);
    this.#initial?.prolong();
    const answer = awaitJoin(member);
    this.#expect(member, NEW_MEMBER_MS);
    this.rebalance();
    return answer;
  }

  #rejoin(member: ClassicMember, request: JoinGroupRequest): Promise<JoinAnswer> {
    const unchanged = hasSameProtocols(member, request);
    const isLeader = member.memberId === this.#roster.leaderId;
    // In a new generation even the leader's repeat is but a lost answer; later it asks for a new assignment.
    if (unchanged && this.#state === "CompletingRebalance") return Promise.resolve(this.#roster.joinAnswer(member));
    if (unchanged && this.#state === "Stable" && !isLeader) return Promise.resolve(this.#roster.joinAnswer(member));
    updateMember(member, request);
    const answer = awaitJoin(member);
    this.rebalance();
    return answer;
  }

  /** A static member came back under a new id: in a stable group its assignment waits for it (KIP-345). */
  #replace(old: ClassicMember, memberId: string, request: JoinGroupRequest, version: number): Promise<JoinAnswer> {
    const leaderBefore = this.#roster.leaderId;
    const member: ClassicMember = { ...old, memberId, join: undefined, sync: undefined, session: undefined };
    updateMember(member, request);
    old.session?.cancel();
    this.#roster.replace(old, member);
    if (this.#unsynced.delete(old.memberId)) this.#unsynced.add(memberId);
    old.join?.(failedJoin(old.memberId, ErrorCode.FENCED_INSTANCE_ID));
    old.sync?.({ errorCode: ErrorCode.FENCED_INSTANCE_ID });
    this.#touch(member);
    if (this.#state === "Stable" && this.#roster.keepsProtocol()) {
      this.#roster.store();
      const answer = this.#roster.joinAnswer(member);
      // Before KIP-814 a member that reads its own id as the leader's would assign anew, so it is told the old one.
      if (version < 9) return Promise.resolve({ ...answer, leader: leaderBefore ?? "", members: [] });
      return Promise.resolve({ ...answer, skipAssignment: answer.leader === memberId });
    }
    const answer = awaitJoin(member);
    this.rebalance();
    return answer;
  }

  /** Starts a rebalance, or goes on with the one under way. */
  rebalance(): void {
    if (this.#state === "PreparingRebalance") return this.#completeJoinIfAllJoined();
    this.#failSyncs(ErrorCode.REBALANCE_IN_PROGRESS);
    const wasEmpty = this.#state === "Empty";
    this.#state = "PreparingRebalance";
    if (wasEmpty) return this.#delayFirstGeneration();
    this.#joinTimer = this.#clock.timer(this.#roster.rebalanceTimeoutMs, () => this.#completeJoin());
    this.#completeJoinIfAllJoined();
  }

  #failSyncs(errorCode: number): void {
    this.#syncTimer?.cancel();
    this.#unsynced.clear();
    for (const member of this.#roster.members) {
      if (this.#state === "CompletingRebalance") member.assignment = NO_ASSIGNMENT;
      // Its session may have passed while it waited, and begins again with the answer.
      if (member.sync !== undefined) this.#touch(member);
      member.sync?.({ errorCode });
      member.sync = undefined;
    }
  }

  #delayFirstGeneration(): void {
    const delay = this.#settings.initialRebalanceDelayMs;
    if (delay === 0) return this.#completeJoin();
    const longest = this.#roster.rebalanceTimeoutMs;
    this.#initial = new InitialDelay(this.#clock, delay, longest, () => this.#completeJoin());
    this.#initial.wait();
  }

  #completeJoinIfAllJoined(): void {
    if (this.#state !== "PreparingRebalance" || this.#initial !== undefined || this.#pending.size > 0) return;
    if (this.members.every((member) => member.join !== undefined)) this.#completeJoin();
  }

  #completeJoin(): void {
    this.#joinTimer?.cancel();
    this.#initial?.cancel();
    this.#initial = undefined;
    for (const member of this.members) {
      if (member.join === undefined && member.groupInstanceId === null) this.#drop(member);
    }
    if (!this.#roster.electJoinedLeader() && this.members.length > 0) {
      // Only static members are left, and none of them has joined: their sessions decide.
      this.#joinTimer = this.#clock.timer(this.#roster.rebalanceTimeoutMs, () => this.#completeJoin());
      return;
    }
    this.#roster.nextGeneration();
    if (this.members.length === 0) {
      this.#state = "Empty";
      this.#roster.store();
      return;
    }
    this.#state = "CompletingRebalance";
    for (const member of this.#roster.members) this.#tellGeneration(member);
    this.#syncTimer = this.#clock.timer(this.#roster.rebalanceTimeoutMs, () => this.#dropUnsynced());
  }

  #tellGeneration(member: ClassicMember): void {
    const answer = member.join;
    member.join = undefined;
    member.isNew = false;
    this.#unsynced.add(member.memberId);
    if (answer === undefined) return;
    this.#touch(member);
    answer(this.#roster.joinAnswer(member));
  }

  #dropUnsynced(): void {
    if (this.#unsynced.size === 0) return;
    for (const member of this.members) if (this.#unsynced.has(member.memberId)) this.#drop(member);
    this.rebalance();
  }

  sync(request: SyncGroupRequest): Promise<SyncAnswer> {
    const { memberId } = request;
    const errorCode = this.#syncError(request);
    if (errorCode !== ErrorCode.NONE) return Promise.resolve({ errorCode });
    const member = this.#roster.get(memberId)!;
    this.#unsynced.delete(memberId);
    if (this.#state === "Stable") {
      this.#touch(member);
      return Promise.resolve(this.#roster.syncAnswer(member));
    }
    member.sync?.({ errorCode: ErrorCode.REBALANCE_IN_PROGRESS });
    const answer = new Promise<SyncAnswer>((resolve) => {
      member.sync = resolve;
    });
    if (memberId === this.#roster.leaderId) this.#becomeStable(request);
    return answer;
  }

  #syncError(request: SyncGroupRequest): number {
    const errorCode = this.#roster.memberError(request.memberId, request.groupInstanceId, request.generationId);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    if (!this.#roster.speaks(request.protocolType, request.protocolName)) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    return this.#state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  #becomeStable(request: SyncGroupRequest): void {
    const assignments = new Map(request.assignments.map((one) => [one.memberId, one.assignment]));
    this.#state = "Stable";
    for (const member of this.#roster.members) {
      member.assignment = assignments.get(member.memberId)?.slice() ?? NO_ASSIGNMENT;
      const answer = member.sync;
      member.sync = undefined;
      if (answer === undefined) continue;
      this.#touch(member);
      answer(this.#roster.syncAnswer(member));
    }
    this.#roster.store();
  }

  heartbeat(memberId: string, groupInstanceId: string | null, generationId: number): number {
    const errorCode = this.#roster.memberError(memberId, groupInstanceId, generationId);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    this.#touch(this.#roster.get(memberId)!);
    return this.#state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Whether a commit is to be taken: a Kafka error code. It counts as a heartbeat. */
  commitError({ memberId, groupInstanceId, epoch: generationId, isTransactional }: Committer): number {
    // From outside of the group (KIP-211): only while nobody is in it.
    if (generationId < 0 && this.#state === "Empty") return ErrorCode.NONE;
    // Before KIP-447 the producer did not say whose offsets they are.
    if (isTransactional && generationId < 0 && memberId === "" && groupInstanceId === null) return ErrorCode.NONE;
    const errorCode = this.#roster.memberError(memberId, groupInstanceId, generationId);
    if (errorCode !== ErrorCode.NONE || isTransactional) return errorCode;
    // It knows the new generation, and cannot have an assignment of it.
    if (this.#state === "CompletingRebalance") return ErrorCode.REBALANCE_IN_PROGRESS;
    this.#touch(this.#roster.get(memberId)!);
    return ErrorCode.NONE;
  }

  /** Takes a member out: a Kafka error code. */
  leave({ memberId, groupInstanceId }: Pick<MemberIdentity, "memberId" | "groupInstanceId">): number {
    if (this.#pending.has(memberId)) {
      this.#forgetPending(memberId);
      this.#completeJoinIfAllJoined();
      return ErrorCode.NONE;
    }
    const named = groupInstanceId === null ? undefined : this.#roster.staticMember(groupInstanceId);
    const member = memberId === "" ? named : this.#roster.get(memberId);
    const errorCode = this.#roster.identityError(member?.memberId ?? memberId, groupInstanceId);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    this.#drop(member!);
    this.rebalance();
    return ErrorCode.NONE;
  }

  /** Ends a member's session as if its heartbeats had stopped; without an id, every member's. */
  expire(memberId?: string): void {
    const members = memberId === undefined ? this.members : this.members.filter((one) => one.memberId === memberId);
    for (const member of members) this.#drop(member);
    if (members.length > 0) this.rebalance();
  }

  /** The coordinator gives the group up: all who wait are sent on, and what was never stored is lost. */
  unload(errorCode: number): void {
    this.#failSyncs(errorCode);
    this.#stopTimers();
    for (const member of this.#roster.members) {
      member.join?.(failedJoin(member.memberId, errorCode));
      member.join = undefined;
    }
    this.#roster.restore();
    this.#state = this.members.length === 0 ? "Empty" : "Stable";
  }

  /** A coordinator takes the group over: every member has its session before it. */
  load(): void {
    for (const member of this.#roster.members) this.#touch(member);
  }

  #stopTimers(): void {
    for (const memberId of [...this.#pending.keys()]) this.#forgetPending(memberId);
    for (const member of this.#roster.members) member.session?.cancel();
    this.#joinTimer?.cancel();
    this.#syncTimer?.cancel();
    this.#initial?.cancel();
    this.#initial = undefined;
  }

  #forgetPending(memberId: string): void {
    this.#pending.get(memberId)?.cancel();
    this.#pending.delete(memberId);
  }

  /** Takes a member out of the roster. The caller goes on with the rebalance. */
  #drop(member: ClassicMember): void {
    member.session?.cancel();
    this.#unsynced.delete(member.memberId);
    this.#roster.remove(member);
    member.join?.(failedJoin(member.memberId, ErrorCode.UNKNOWN_MEMBER_ID));
    member.sync?.({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
  }

  #touch(member: ClassicMember): void {
    this.#expect(member, member.sessionTimeoutMs);
  }

  #expect(member: ClassicMember, ms: number): void {
    member.session?.cancel();
    member.session = this.#clock.timer(ms, () => {
      // Who waits for an answer of ours is alive, as far as anybody can know.
      if (!member.isNew && (member.join !== undefined || member.sync !== undefined)) return;
      this.#drop(member);
      this.rebalance();
    });
  }
}

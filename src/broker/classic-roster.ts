import { ErrorCode } from "../../protocol/errors.ts";
import type { JoinGroupRequest } from "../../protocol/messages/11-join-group.ts";
import type { JoinAnswer, SyncAnswer } from "./classic-answers.ts";
import { type ClassicMember, commonProtocols, metadataFor, voteForProtocol } from "./classic-member.ts";

/** What a coordinator writes down of a group, and so what outlives it. */
export interface StoredClassicGroup {
  readonly generationId: number;
  readonly leaderId: string | null;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly members: readonly ClassicMember[];
}

/** Who is in a classic group, who leads, and what they have agreed on: the group's data without its course. */
export class ClassicRoster {
  #members = new Map<string, ClassicMember>();
  readonly #staticIds = new Map<string, string>();
  #stored: StoredClassicGroup = {
    generationId: 0,
    leaderId: null,
    protocolType: null,
    protocolName: null,
    members: [],
  };
  generationId = 0;
  leaderId: string | null = null;
  protocolType: string | null = null;
  protocolName: string | null = null;

  /** What was written down last. */
  get stored(): StoredClassicGroup {
    return this.#stored;
  }
  /** In the order of their first join. */
  get members(): Iterable<ClassicMember> {
    return this.#members.values();
  }
  /** The longest that any member may take to join. */
  get rebalanceTimeoutMs(): number {
    return Math.max(0, ...[...this.#members.values()].map((member) => member.rebalanceTimeoutMs));
  }

  get(memberId: string): ClassicMember | undefined {
    return this.#members.get(memberId);
  }
  staticMember(groupInstanceId: string): ClassicMember | undefined {
    return this.#members.get(this.#staticIds.get(groupInstanceId) ?? "");
  }

  /** A Kafka error code: a static member that another took the place of is fenced, not unknown. */
  identityError(memberId: string, groupInstanceId: string | null): number {
    if (groupInstanceId !== null) {
      const holder = this.#staticIds.get(groupInstanceId);
      if (holder === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (holder !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    return this.#members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  /** Whether a request of this generation is one of a member's: a Kafka error code. */
  memberError(memberId: string, groupInstanceId: string | null, generationId: number): number {
    const errorCode = this.identityError(memberId, groupInstanceId);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    return generationId === this.generationId ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
  }

  /** Whether the group could still agree on a protocol with this member in it. */
  accepts(request: JoinGroupRequest): boolean {
    if (request.protocolType === "" || request.protocols.length === 0) return false;
    if (this.#members.size === 0) return true;
    if (request.protocolType !== this.protocolType) return false;
    const common = commonProtocols(this.#members.values());
    return request.protocols.some((protocol) => common.has(protocol.name));
  }

  /** Whether a member means the protocol that was agreed on (KIP-559). */
  speaks(protocolType: string | null, protocolName: string | null): boolean {
    return (
      (protocolType === null || protocolType === this.protocolType) &&
      (protocolName === null || protocolName === this.protocolName)
    );
  }

  /** Whether the members would agree on the same protocol again. */
  keepsProtocol(): boolean {
    return voteForProtocol(this.#members.values()) === this.protocolName;
  }

  add(member: ClassicMember, protocolType: string): void {
    if (this.#members.size === 0) this.protocolType = protocolType;
    this.#members.set(member.memberId, member);
    if (member.groupInstanceId !== null) this.#staticIds.set(member.groupInstanceId, member.memberId);
    this.leaderId ??= member.memberId;
  }

  /** The new member takes the old one's place in the order, and its leadership. */
  replace(old: ClassicMember, member: ClassicMember): void {
    this.#members = new Map(
      [...this.#members.values()].map((one) => (one === old ? member : one)).map((one) => [one.memberId, one]),
    );
    this.#staticIds.set(member.groupInstanceId!, member.memberId);
    if (this.leaderId === old.memberId) this.leaderId = member.memberId;
  }

  remove(member: ClassicMember): void {
    this.#members.delete(member.memberId);
    if (member.groupInstanceId !== null) this.#staticIds.delete(member.groupInstanceId);
    if (this.leaderId === member.memberId) this.leaderId = this.#members.keys().next().value ?? null;
  }

  /** Whether a member that has joined leads; another takes over from a leader that has not. */
  electJoinedLeader(): boolean {
    if (this.#members.get(this.leaderId ?? "")?.join !== undefined) return true;
    const joined = [...this.#members.values()].find((member) => member.join !== undefined);
    if (joined !== undefined) this.leaderId = joined.memberId;
    return joined !== undefined;
  }

  nextGeneration(): void {
    this.generationId += 1;
    this.protocolName = voteForProtocol(this.#members.values());
  }

  joinAnswer(member: ClassicMember): JoinAnswer {
    const isLeader = member.memberId === this.leaderId;
    return {
      generationId: this.generationId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.leaderId ?? "",
      memberId: member.memberId,
      members: isLeader ? [...this.#members.values()].map((one) => this.#describe(one)) : [],
    };
  }

  #describe(member: ClassicMember): { memberId: string; groupInstanceId: string | null; metadata: Uint8Array } {
    const metadata = metadataFor(member, this.protocolName);
    return { memberId: member.memberId, groupInstanceId: member.groupInstanceId, metadata };
  }

  syncAnswer(member: ClassicMember): SyncAnswer {
    return { protocolType: this.protocolType, protocolName: this.protocolName, assignment: member.assignment };
  }

  /** Writes the group down as it is. */
  store(): void {
    this.#stored = {
      generationId: this.generationId,
      leaderId: this.leaderId,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      members: [...this.#members.values()].map((member) => ({ ...member, join: undefined, sync: undefined })),
    };
  }

  /** Goes back to what was written down last, or to what another group wrote. */
  restore(stored: StoredClassicGroup = this.#stored): void {
    this.#stored = stored;
    const { members, generationId, leaderId, protocolType, protocolName } = stored;
    this.#members = new Map(members.map((member) => [member.memberId, { ...member, session: undefined }]));
    this.#staticIds.clear();
    for (const { groupInstanceId, memberId } of members) {
      if (groupInstanceId !== null) this.#staticIds.set(groupInstanceId, memberId);
    }
    this.generationId = generationId;
    this.leaderId = leaderId;
    this.protocolType = protocolType;
    this.protocolName = protocolName;
  }
}

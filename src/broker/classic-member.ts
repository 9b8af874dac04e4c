import type { JoinGroupRequest, JoinGroupRequestProtocol } from "../../protocol/messages/11-join-group.ts";
import type { Timer } from "../net/clock.ts";
import type { JoinAnswer, SyncAnswer } from "./classic-answers.ts";

/** A member of a classic group. */
export interface ClassicMember {
  readonly memberId: string;
  /** Set for a static member (KIP-345). */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly JoinGroupRequestProtocol[];
  assignment: Uint8Array;
  /** It has never got a generation, so it cannot send heartbeats yet. */
  isNew: boolean;
  /** Answers its JoinGroup, while that waits for the others. */
  join: ((answer: JoinAnswer) => void) | undefined;
  /** Answers its SyncGroup, while that waits for the leader's. */
  sync: ((answer: SyncAnswer) => void) | undefined;
  session: Timer | undefined;
}

export const NO_ASSIGNMENT: Uint8Array = new Uint8Array(0);

export function createMember(memberId: string, clientId: string | null, request: JoinGroupRequest): ClassicMember {
  const member: ClassicMember = {
    memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: clientId ?? "",
    sessionTimeoutMs: 0,
    rebalanceTimeoutMs: 0,
    protocols: [],
    assignment: NO_ASSIGNMENT,
    isNew: true,
    join: undefined,
    sync: undefined,
    session: undefined,
  };
  updateMember(member, request);
  return member;
}

/** What a member says of itself may change with each join. */
export function updateMember(member: ClassicMember, request: JoinGroupRequest): void {
  member.sessionTimeoutMs = request.sessionTimeoutMs;
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs;
  // Copies: the request's bytes lie in a frame that would be kept alive.
  member.protocols = request.protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() }));
}

/** Whether the member joins with exactly the protocols that it joined with before. */
export function hasSameProtocols(member: ClassicMember, request: JoinGroupRequest): boolean {
  if (member.protocols.length !== request.protocols.length) return false;
  return member.protocols.every(({ name, metadata }, i) => {
    const other = request.protocols[i]!;
    return name === other.name && equalBytes(metadata, other.metadata);
  });
}

export function metadataFor(member: ClassicMember, protocolName: string | null): Uint8Array {
  return member.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NO_ASSIGNMENT;
}

/** The protocols that all members have. */
export function commonProtocols(members: Iterable<ClassicMember>): Set<string> {
  const [first, ...others] = [...members].map((member) => member.protocols.map((protocol) => protocol.name));
  return new Set(first?.filter((name) => others.every((names) => names.includes(name))));
}

/** Each member votes for the first of its protocols that all have; of equal counts, the first to be voted for wins. */
export function voteForProtocol(members: Iterable<ClassicMember>): string | null {
  const all = [...members];
  const candidates = commonProtocols(all);
  const votes = new Map<string, number>();
  for (const member of all) {
    const choice = member.protocols.find((protocol) => candidates.has(protocol.name));
    if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
  }
  let best: string | null = null;
  for (const [name, count] of votes) if (best === null || count > votes.get(best)!) best = name;
  return best;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

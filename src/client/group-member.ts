import { ErrorCode } from "../../protocol/errors.ts";
import type { AssignorName } from "./assignor.ts";
import type { Coordinator } from "./coordinator.ts";
import { ProtocolError } from "./errors.ts";
import type { Lease } from "./lease.ts";
import type { Membership } from "./membership.ts";

/** Longest wait (ms) for the goodbye to be heard. */
export const LEAVE_TIMEOUT = 5_000;
/** Failures in a row that are told, and then each multiple. */
export const TROUBLE = 3;

export interface GroupMemberOptions {
  readonly groupId: string;
  /** Milliseconds without a heartbeat after which the broker takes a classic member for dead. Others: as the broker is set. */
  readonly sessionTimeout: number;
  /** Milliseconds that members have to join a rebalance, or to let go of what is wanted elsewhere. */
  readonly rebalanceTimeout: number;
  /** The topics wanted now. */
  readonly topics: () => readonly string[];
  /** The name of a static member (KIP-345); undefined: not static. */
  readonly groupInstanceId?: string | undefined;
  /** What a classic member offers, most wanted first. */
  readonly assignors?: readonly AssignorName[] | undefined;
  /** Which of the broker's assignors is wanted; undefined: the broker's choice. */
  readonly serverAssignor?: string | undefined;
}

/** Membership in a group, by either protocol, from `start` to `close` or to a failure. */
export interface GroupMember {
  /** Until when work on what is owned may be started. */
  readonly lease: Lease;
  readonly coordinator: Coordinator;
  /** Who this member is now. It changes with each rebalance. */
  readonly membership: Membership;
  start(): void;
  /** Whether the partition is this member's, be it that it was asked to release it. */
  owns(topic: string, partition: number): boolean;
  /** Takes the topics wanted now to the group. */
  topicsChanged(): void;
  /** A request that only members may make was refused with this code, in the generation it was made in. */
  refused(errorCode: number, generationId: number): void;
  /** Leaves the group, so that others need not wait for the session to expire; a static member keeps its place. What it owned must have been let go. */
  close(): Promise<void>;
}

/** Another member has taken this static member's name: one of them is one too many. */
export function fenced({
  groupId,
  groupInstanceId,
}: Pick<GroupMemberOptions, "groupId" | "groupInstanceId">): ProtocolError {
  const what = `static member ${groupInstanceId} of group ${groupId} (each process needs a groupInstanceId of its own)`;
  return new ProtocolError(ErrorCode.FENCED_INSTANCE_ID, what);
}

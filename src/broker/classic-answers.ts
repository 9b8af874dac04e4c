import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import type { JoinGroupResponse } from "../../protocol/messages/11-join-group.ts";
import type { SyncGroupResponse } from "../../protocol/messages/14-sync-group.ts";

export type JoinAnswer = Draft<JoinGroupResponse>;
export type SyncAnswer = Draft<SyncGroupResponse>;

/** Who can wait for the answer to a JoinGroup. */
export interface AwaitingJoin {
  readonly memberId: string;
  join: ((answer: JoinAnswer) => void) | undefined;
}

/** Lets a member wait for the generation that its JoinGroup asks for. */
export function awaitJoin(member: AwaitingJoin): Promise<JoinAnswer> {
  // The connection of an earlier join is gone, or its client has given it up.
  member.join?.(failedJoin(member.memberId, ErrorCode.REBALANCE_IN_PROGRESS));
  return new Promise((resolve) => {
    member.join = resolve;
  });
}

/** A JoinGroup answer that is an error. */
export function failedJoin(memberId: string, errorCode: number): JoinAnswer {
  return { errorCode, memberId };
}

import { type Api, api } from "../api.ts";
import { array, int16, int32, string, struct } from "../field.ts";

/** Takes members out of a classic group at once, without waiting for their sessions to end. */
export interface LeaveGroupRequest {
  readonly groupId: string;
  /** Up to version 2. */
  readonly memberId: string;
  /** From version 3 on, in place of `memberId`. */
  readonly members: readonly MemberIdentity[];
}

export interface MemberIdentity {
  /** May be empty where `groupInstanceId` is given. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Why it leaves, for the broker's log (KIP-800). */
  readonly reason: string | null;
}

export interface LeaveGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly members: readonly MemberResponse[];
}

export interface MemberResponse {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly errorCode: number;
}

export const leaveGroup: Api<LeaveGroupRequest, LeaveGroupResponse> = api({
  key: 13,
  name: "LeaveGroup",
  versions: [0, 5],
  flexibleSince: 4,
  request: struct<LeaveGroupRequest>({
    groupId: string,
    memberId: string.until(2),
    members: array(
      struct<MemberIdentity>({
        memberId: string,
        groupInstanceId: string.nullable().default(null),
        reason: string.since(5).nullable(5).default(null).ignorable(),
      }),
    ).since(3),
  }),
  response: struct<LeaveGroupResponse>({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    members: array(
      struct<MemberResponse>({
        memberId: string,
        groupInstanceId: string.nullable(),
        errorCode: int16,
      }),
    ).since(3),
  }),
});

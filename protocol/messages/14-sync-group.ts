import { type Api, api } from "../api.ts";
import { array, bytes, int16, int32, string, struct } from "../field.ts";

/** Gives the leader's assignment of a classic group to the broker, and each member's part of it to the member. */
export interface SyncGroupRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** From version 5 on the broker checks it and the name against the group's (KIP-559). */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** From the leader; others send none. */
  readonly assignments: readonly SyncGroupRequestAssignment[];
}

export interface SyncGroupRequestAssignment {
  readonly memberId: string;
  /** For consumers: see consumer-protocol.ts. */
  readonly assignment: Uint8Array;
}

export interface SyncGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** Empty where the leader gave nothing for the member. */
  readonly assignment: Uint8Array;
}

export const syncGroup: Api<SyncGroupRequest, SyncGroupResponse> = api({
  key: 14,
  name: "SyncGroup",
  versions: [0, 5],
  flexibleSince: 4,
  request: struct<SyncGroupRequest>({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.since(3).nullable(3).default(null),
    protocolType: string.since(5).nullable(5).default(null).ignorable(),
    protocolName: string.since(5).nullable(5).default(null).ignorable(),
    assignments: array(
      struct<SyncGroupRequestAssignment>({
        memberId: string,
        assignment: bytes,
      }),
    ),
  }),
  response: struct<SyncGroupResponse>({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    protocolType: string.since(5).nullable(5).default(null).ignorable(),
    protocolName: string.since(5).nullable(5).default(null).ignorable(),
    assignment: bytes,
  }),
});

import { type Api, api } from "../api.ts";
import { int16, int32, string, struct } from "../field.ts";

/** Keeps a member of a classic group alive, and learns of rebalances. */
export interface HeartbeatRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  /** The static member's id (KIP-345), or null. */
  readonly groupInstanceId: string | null;
}

export interface HeartbeatResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
}

export const heartbeat: Api<HeartbeatRequest, HeartbeatResponse> = api({
  key: 12,
  name: "Heartbeat",
  versions: [0, 4],
  flexibleSince: 4,
  request: struct<HeartbeatRequest>({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.since(3).nullable(3).default(null),
  }),
  response: struct<HeartbeatResponse>({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
  }),
});

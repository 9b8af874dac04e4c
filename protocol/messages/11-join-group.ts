import { type Api, api } from "../api.ts";
import { array, boolean, bytes, int16, int32, string, struct } from "../field.ts";

/** Joins a classic group, or answers its rebalance. The response comes when all members have joined. */
export interface JoinGroupRequest {
  readonly groupId: string;
  /** Without a heartbeat for this long, the member is out. */
  readonly sessionTimeoutMs: number;
  /** How long a rebalance waits for the member to join; -1, as in version 0: `sessionTimeoutMs`. */
  readonly rebalanceTimeoutMs: number;
  /** Empty at first: the broker gives one, from version 4 on with MEMBER_ID_REQUIRED, to join again with (KIP-394). */
  readonly memberId: string;
  /** The static member's id (KIP-345), or null. */
  readonly groupInstanceId: string | null;
  /** "consumer" for consumers. */
  readonly protocolType: string;
  /** The assignors that the member has, most wanted first. */
  readonly protocols: readonly JoinGroupRequestProtocol[];
  /** Why it joins, for the broker's log (KIP-800). */
  readonly reason: string | null;
}

export interface JoinGroupRequestProtocol {
  readonly name: string;
  /** For consumers: a subscription. See consumer-protocol.ts. */
  readonly metadata: Uint8Array;
}

export interface JoinGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string | null;
  /** The assignor that all members have; null, from version 7 on, beside an error. */
  readonly protocolName: string | null;
  /** The member that has to assign. */
  readonly leader: string;
  /** Whether the leader keeps the assignment as it is (KIP-814). */
  readonly skipAssignment: boolean;
  readonly memberId: string;
  /** To the leader: all members; to others: none. */
  readonly members: readonly JoinGroupResponseMember[];
}

export interface JoinGroupResponseMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Uint8Array;
}

export const joinGroup: Api<JoinGroupRequest, JoinGroupResponse> = api({
  key: 11,
  name: "JoinGroup",
  versions: [0, 9],
  flexibleSince: 6,
  request: struct<JoinGroupRequest>({
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.since(1).default(-1).ignorable(),
    memberId: string,
    groupInstanceId: string.since(5).nullable(5).default(null),
    protocolType: string,
    protocols: array(
      struct<JoinGroupRequestProtocol>({
        name: string,
        metadata: bytes,
      }),
    ),
    reason: string.since(8).nullable(8).default(null).ignorable(),
  }),
  response: struct<JoinGroupResponse>({
    throttleTimeMs: int32.since(2).ignorable(),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.since(7).nullable(7).default(null).ignorable(),
    protocolName: string.nullable(7),
    leader: string,
    skipAssignment: boolean.since(9),
    memberId: string,
    members: array(
      struct<JoinGroupResponseMember>({
        memberId: string,
        groupInstanceId: string.since(5).nullable(5).default(null).ignorable(),
        metadata: bytes,
      }),
    ),
  }),
});

import { type Api, api } from "../api.ts";
import { array, boolean, bytes, int16, int32, string, struct } from "../field.ts";

/** Asks a coordinator about groups of the classic protocol. Consumer groups (KIP-848) have ConsumerGroupDescribe. */
export interface DescribeGroupsRequest {
  readonly groups: readonly string[];
  /** Whether to say what the asker may do with each group. */
  readonly includeAuthorizedOperations: boolean;
}

export interface DescribeGroupsResponse {
  readonly throttleTimeMs: number;
  readonly groups: readonly DescribedGroup[];
}

export interface DescribedGroup {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupId: string;
  /** "Stable", "PreparingRebalance", "CompletingRebalance", "Empty" or "Dead". */
  readonly groupState: string;
  /** "consumer" for consumer groups; empty where nobody has joined. */
  readonly protocolType: string;
  /** The assignor that was chosen. */
  readonly protocolData: string;
  readonly members: readonly DescribedGroupMember[];
  /** A bit for each operation; the smallest 32-bit number: not asked for. */
  readonly authorizedOperations: number;
}

export interface DescribedGroupMember {
  readonly memberId: string;
  /** Of a static member (KIP-345). */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** The subscription as the member gave it, in the version it chose. */
  readonly memberMetadata: Uint8Array;
  /** What the leader gave it. */
  readonly memberAssignment: Uint8Array;
}

export const describeGroups: Api<DescribeGroupsRequest, DescribeGroupsResponse> = api({
  key: 15,
  name: "DescribeGroups",
  versions: [0, 6],
  flexibleSince: 5,
  request: struct<DescribeGroupsRequest>({
    groups: array(string),
    includeAuthorizedOperations: boolean.since(3),
  }),
  response: struct<DescribeGroupsResponse>({
    throttleTimeMs: int32.since(1).ignorable(),
    groups: array(
      struct<DescribedGroup>({
        errorCode: int16,
        errorMessage: string.since(6).nullable(6).default(null),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct<DescribedGroupMember>({
            memberId: string,
            groupInstanceId: string.since(4).nullable(4).default(null).ignorable(),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: int32.since(3).default(-2_147_483_648),
      }),
    ),
  }),
});

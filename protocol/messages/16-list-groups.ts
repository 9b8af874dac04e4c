import { type Api, api } from "../api.ts";
import { array, int16, int32, string, struct } from "../field.ts";

/** Asks one broker for the groups that it coordinates: all brokers together know all groups. */
export interface ListGroupsRequest {
  /** Only groups in these states; empty: in any. */
  readonly statesFilter: readonly string[];
  /** Only groups of these types ("classic", "consumer", "share"); empty: of any. */
  readonly typesFilter: readonly string[];
}

export interface ListGroupsResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly groups: readonly ListedGroup[];
}

export interface ListedGroup {
  readonly groupId: string;
  /** "consumer" for consumer groups; empty for groups that only have offsets. */
  readonly protocolType: string;
  readonly groupState: string;
  /** "classic", "consumer" (KIP-848), "share" or "streams". */
  readonly groupType: string;
}

export const listGroups: Api<ListGroupsRequest, ListGroupsResponse> = api({
  key: 16,
  name: "ListGroups",
  versions: [0, 5],
  flexibleSince: 3,
  request: struct<ListGroupsRequest>({
    statesFilter: array(string).since(4),
    typesFilter: array(string).since(5),
  }),
  response: struct<ListGroupsResponse>({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    groups: array(
      struct<ListedGroup>({
        groupId: string,
        protocolType: string,
        groupState: string.since(4).ignorable(),
        groupType: string.since(5).ignorable(),
      }),
    ),
  }),
});

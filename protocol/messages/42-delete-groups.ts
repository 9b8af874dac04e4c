import { type Api, api } from "../api.ts";
import { array, int16, int32, string, struct } from "../field.ts";

/** Deletes groups that nobody is in, with their offsets. */
export interface DeleteGroupsRequest {
  readonly groupsNames: readonly string[];
}

export interface DeleteGroupsResponse {
  readonly throttleTimeMs: number;
  readonly results: readonly DeletableGroupResult[];
}

export interface DeletableGroupResult {
  readonly groupId: string;
  readonly errorCode: number;
}

export const deleteGroups: Api<DeleteGroupsRequest, DeleteGroupsResponse> = api({
  key: 42,
  name: "DeleteGroups",
  versions: [0, 2],
  flexibleSince: 2,
  request: struct<DeleteGroupsRequest>({
    groupsNames: array(string),
  }),
  response: struct<DeleteGroupsResponse>({
    throttleTimeMs: int32,
    results: array(
      struct<DeletableGroupResult>({
        groupId: string,
        errorCode: int16,
      }),
    ),
  }),
});

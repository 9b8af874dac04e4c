import { type Api, api } from "../api.ts";
import { array, int8, int16, int32, string, struct } from "../field.ts";

/** Takes back the access rules that match each filter. For the numbers see DescribeAcls. */
export interface DeleteAclsRequest {
  readonly filters: readonly DeleteAclsFilter[];
}

export interface DeleteAclsFilter {
  readonly resourceTypeFilter: number;
  readonly resourceNameFilter: string | null;
  readonly patternTypeFilter: number;
  readonly principalFilter: string | null;
  readonly hostFilter: string | null;
  readonly operation: number;
  readonly permissionType: number;
}

export interface DeleteAclsResponse {
  readonly throttleTimeMs: number;
  readonly filterResults: readonly DeleteAclsFilterResult[];
}

export interface DeleteAclsFilterResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly matchingAcls: readonly DeleteAclsMatchingAcl[];
}

export interface DeleteAclsMatchingAcl {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

export const deleteAcls: Api<DeleteAclsRequest, DeleteAclsResponse> = api({
  key: 31,
  name: "DeleteAcls",
  versions: [1, 3],
  flexibleSince: 2,
  request: struct<DeleteAclsRequest>({
    filters: array(
      struct<DeleteAclsFilter>({
        resourceTypeFilter: int8,
        resourceNameFilter: string.nullable(),
        patternTypeFilter: int8.default(3),
        principalFilter: string.nullable(),
        hostFilter: string.nullable(),
        operation: int8,
        permissionType: int8,
      }),
    ),
  }),
  response: struct<DeleteAclsResponse>({
    throttleTimeMs: int32,
    filterResults: array(
      struct<DeleteAclsFilterResult>({
        errorCode: int16,
        errorMessage: string.nullable(),
        matchingAcls: array(
          struct<DeleteAclsMatchingAcl>({
            errorCode: int16,
            errorMessage: string.nullable(),
            resourceType: int8,
            resourceName: string,
            patternType: int8.default(3),
            principal: string,
            host: string,
            operation: int8,
            permissionType: int8,
          }),
        ),
      }),
    ),
  }),
});

import { type Api, api } from "../api.ts";
import { array, int8, int16, int32, string, struct } from "../field.ts";

/** Adds access rules. For the numbers see DescribeAcls. */
export interface CreateAclsRequest {
  readonly creations: readonly AclCreation[];
}

export interface AclCreation {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly resourcePatternType: number;
  /** As `User:name`. */
  readonly principal: string;
  /** An address, or "*". */
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

export interface CreateAclsResponse {
  readonly throttleTimeMs: number;
  readonly results: readonly AclCreationResult[];
}

export interface AclCreationResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export const createAcls: Api<CreateAclsRequest, CreateAclsResponse> = api({
  key: 30,
  name: "CreateAcls",
  versions: [1, 3],
  flexibleSince: 2,
  request: struct<CreateAclsRequest>({
    creations: array(
      struct<AclCreation>({
        resourceType: int8,
        resourceName: string,
        resourcePatternType: int8.default(3),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    ),
  }),
  response: struct<CreateAclsResponse>({
    throttleTimeMs: int32,
    results: array(
      struct<AclCreationResult>({
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    ),
  }),
});

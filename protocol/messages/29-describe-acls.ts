import { type Api, api } from "../api.ts";
import { array, int8, int16, int32, string, struct } from "../field.ts";

/**
 * Asks for the access rules that match a filter. Numbers as in Kafka's AclBinding: resource types 1 any, 2 topic, 3
 * group, 4 cluster, 5 transactional id, 6 delegation token, 7 user; pattern types 1 any, 2 match, 3 literal, 4
 * prefixed; operations 1 any, 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10 and
 * 11 describe and alter configs, 12 idempotent write; permissions 1 any, 2 deny, 3 allow.
 */
export interface DescribeAclsRequest {
  readonly resourceTypeFilter: number;
  /** Null: any. */
  readonly resourceNameFilter: string | null;
  readonly patternTypeFilter: number;
  /** As `User:name`; null: any. */
  readonly principalFilter: string | null;
  /** Null: any. */
  readonly hostFilter: string | null;
  readonly operation: number;
  readonly permissionType: number;
}

export interface DescribeAclsResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resources: readonly DescribeAclsResource[];
}

export interface DescribeAclsResource {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  readonly acls: readonly AclDescription[];
}

export interface AclDescription {
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

export const describeAcls: Api<DescribeAclsRequest, DescribeAclsResponse> = api({
  key: 29,
  name: "DescribeAcls",
  versions: [1, 3],
  flexibleSince: 2,
  request: struct<DescribeAclsRequest>({
    resourceTypeFilter: int8,
    resourceNameFilter: string.nullable(),
    patternTypeFilter: int8.default(3),
    principalFilter: string.nullable(),
    hostFilter: string.nullable(),
    operation: int8,
    permissionType: int8,
  }),
  response: struct<DescribeAclsResponse>({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    resources: array(
      struct<DescribeAclsResource>({
        resourceType: int8,
        resourceName: string,
        patternType: int8.default(3),
        acls: array(
          struct<AclDescription>({
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

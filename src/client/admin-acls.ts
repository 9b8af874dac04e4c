import { describeAcls as describeAclsApi } from "../../protocol/messages/29-describe-acls.ts";
import { createAcls as createAclsApi } from "../../protocol/messages/30-create-acls.ts";
import { deleteAcls as deleteAclsApi } from "../../protocol/messages/31-delete-acls.ts";
import type { AdminCalls } from "./admin-calls.ts";
import { outcomeError, refuseFailed } from "./admin-outcomes.ts";
import { InvalidArgumentError } from "./errors.ts";

/** Kafka's numbers, from 0 (unknown) up. */
const RESOURCES = [
  "unknown",
  "any",
  "topic",
  "group",
  "cluster",
  "transactionalId",
  "delegationToken",
  "user",
] as const;
const PATTERNS = ["unknown", "any", "match", "literal", "prefixed"] as const;
const PERMISSIONS = ["unknown", "any", "deny", "allow"] as const;
const OPERATIONS = [
  "unknown",
  "any",
  "all",
  "read",
  "write",
  "create",
  "delete",
  "alter",
  "describe",
  "clusterAction",
  "describeConfigs",
  "alterConfigs",
  "idempotentWrite",
  "createTokens",
  "describeTokens",
  "twoPhaseCommit",
] as const;

export type AclResourceType = (typeof RESOURCES)[number];
export type AclPatternType = (typeof PATTERNS)[number];
export type AclOperation = (typeof OPERATIONS)[number];
export type AclPermission = (typeof PERMISSIONS)[number];

/** An access rule: who may or may not do what, from where, with which resources. */
export interface Acl {
  readonly resourceType: AclResourceType;
  /** A name, or "*" for all. */
  readonly resourceName: string;
  /** "literal": this name; "prefixed": every name that begins with it. Default "literal". */
  readonly patternType?: AclPatternType | undefined;
  /** As `User:alice`. */
  readonly principal: string;
  /** An address. Default "*": any. */
  readonly host?: string | undefined;
  readonly operation: AclOperation;
  /** Default "allow". */
  readonly permission?: AclPermission | undefined;
}

/** Which access rules are meant: those that match all that is given. */
export interface AclFilter {
  /** Default "any". */
  readonly resourceType?: AclResourceType | undefined;
  readonly resourceName?: string | undefined;
  /** "match": rules of any pattern that apply to the name. Default "any". */
  readonly patternType?: AclPatternType | undefined;
  readonly principal?: string | undefined;
  readonly host?: string | undefined;
  /** Default "any". */
  readonly operation?: AclOperation | undefined;
  /** Default "any". */
  readonly permission?: AclPermission | undefined;
}

/** The access rules that match. */
export function describeAcls(calls: AdminCalls, filter: AclFilter): Promise<Acl[]> {
  const wanted = filterFields(filter);
  return calls.any(async (connection) => {
    const response = await connection.send(describeAclsApi, wanted);
    if (response.errorCode !== 0) throw outcomeError(response, "describe ACLs", { broker: connection.broker });
    return response.resources.flatMap((resource) => resource.acls.map((acl) => toAcl({ ...resource, ...acl })));
  });
}

/** Adds access rules. One error names every rule that failed. */
export async function createAcls(calls: AdminCalls, acls: readonly Acl[]): Promise<void> {
  if (acls.length === 0) return;
  const creations = acls.map((acl) => ({
    resourceType: numberOf(RESOURCES, acl.resourceType, "resourceType"),
    resourceName: acl.resourceName,
    resourcePatternType: numberOf(PATTERNS, acl.patternType ?? "literal", "patternType"),
    principal: acl.principal,
    host: acl.host ?? "*",
    operation: numberOf(OPERATIONS, acl.operation, "operation"),
    permissionType: numberOf(PERMISSIONS, acl.permission ?? "allow", "permission"),
  }));
  await calls.controller(async (connection) => {
    const { results } = await connection.send(createAclsApi, { creations });
    const what = new Map(results.map((result, i) => [result, `create an ACL for ${acls[i]?.principal}`]));
    refuseFailed(results, (result) => ({ what: what.get(result)! }), connection.broker);
  });
}

/** Takes back the access rules that match any of the filters; gives them. One error names every filter that failed. */
export async function deleteAcls(calls: AdminCalls, filters: readonly AclFilter[]): Promise<Acl[]> {
  if (filters.length === 0) return [];
  const wanted = filters.map(filterFields);
  return calls.controller(async (connection) => {
    const { filterResults } = await connection.send(deleteAclsApi, { filters: wanted });
    refuseFailed(filterResults, () => ({ what: "delete ACLs" }), connection.broker);
    const matching = filterResults.flatMap(({ matchingAcls }) => matchingAcls);
    refuseFailed(matching, ({ principal }) => ({ what: `delete an ACL for ${principal}` }), connection.broker);
    return matching.map(toAcl);
  });
}

function filterFields(filter: AclFilter) {
  return {
    resourceTypeFilter: numberOf(RESOURCES, filter.resourceType ?? "any", "resourceType"),
    resourceNameFilter: filter.resourceName ?? null,
    patternTypeFilter: numberOf(PATTERNS, filter.patternType ?? "any", "patternType"),
    principalFilter: filter.principal ?? null,
    hostFilter: filter.host ?? null,
    operation: numberOf(OPERATIONS, filter.operation ?? "any", "operation"),
    permissionType: numberOf(PERMISSIONS, filter.permission ?? "any", "permission"),
  };
}

interface AclFields {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

function toAcl({
  resourceType,
  resourceName,
  patternType,
  principal,
  host,
  operation,
  permissionType,
}: AclFields): Acl {
  return {
    resourceType: RESOURCES[resourceType] ?? "unknown",
    resourceName,
    patternType: PATTERNS[patternType] ?? "unknown",
    principal,
    host,
    operation: OPERATIONS[operation] ?? "unknown",
    permission: PERMISSIONS[permissionType] ?? "unknown",
  };
}

function numberOf<T extends string>(names: readonly T[], name: T, what: string): number {
  const number = names.indexOf(name);
  if (number > 0) return number;
  throw new InvalidArgumentError(
    `${what} ${JSON.stringify(name)} of an ACL: one of ${names.slice(1).join(", ")} is wanted`,
  );
}

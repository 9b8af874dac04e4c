import type { AssignorName } from "./assignor.ts";
import { InvalidArgumentError } from "./errors.ts";
import type { GroupProtocol } from "./membership.ts";

/** How a consumer is a member of its group. */
export interface MembershipOptions {
  /**
   * "consumer": the broker assigns (KIP-848; Kafka 4.0 and later). "classic": the members do. Default: "consumer" where
   * the cluster has finalized `group.version` 1, "classic" elsewhere. Members of both can be in one group, so that it is
   * changed over one process at a time.
   */
  readonly groupProtocol?: GroupProtocol | undefined;
  /**
   * Makes this a static member of that name (KIP-345): closing keeps its partitions for it until the session timeout.
   * No two members that run at once may share a name. Default: not static.
   */
  readonly groupInstanceId?: string | undefined;
  /**
   * What a classic member offers, most wanted first: the group takes one that all its members have. To change a group
   * over, have all members offer both first. With "range" among them, each rebalance takes all partitions from all
   * members for a moment. Default `["cooperative-sticky"]`.
   */
  readonly assignors?: readonly AssignorName[] | undefined;
  /** Which of the broker's assignors shares out partitions under "consumer". Default: the broker's choice. */
  readonly serverAssignor?: "uniform" | "range" | undefined;
}

const PROTOCOLS: readonly unknown[] = ["consumer", "classic"] satisfies GroupProtocol[];
const ASSIGNORS: readonly unknown[] = ["cooperative-sticky", "range"] satisfies AssignorName[];
const SERVER_ASSIGNORS: readonly unknown[] = ["uniform", "range"];

export const MEMBERSHIP_OPTIONS: readonly (keyof MembershipOptions)[] = [
  "groupProtocol",
  "groupInstanceId",
  "assignors",
  "serverAssignor",
];

/** Throws an {@link InvalidArgumentError} that names a wrong option. */
export function checkMembershipOptions(options: MembershipOptions): void {
  const { groupProtocol, groupInstanceId, assignors, serverAssignor } = options;
  if (groupProtocol !== undefined && !PROTOCOLS.includes(groupProtocol))
    refuse("groupProtocol", groupProtocol, '"consumer" or "classic" is wanted');
  if (
    groupInstanceId !== undefined &&
    (typeof groupInstanceId !== "string" || !/^[\w.-]{1,249}$/.test(groupInstanceId))
  )
    refuse("groupInstanceId", groupInstanceId, "up to 249 letters, digits, dots, underscores and hyphens are wanted");
  if (assignors !== undefined && !isListOf(assignors, ASSIGNORS))
    refuse("assignors", assignors, 'a list with "cooperative-sticky", "range" or both is wanted');
  if (serverAssignor !== undefined && !SERVER_ASSIGNORS.includes(serverAssignor))
    refuse("serverAssignor", serverAssignor, '"uniform" or "range" is wanted');
}

function isListOf(value: unknown, allowed: readonly unknown[]): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((item) => allowed.includes(item));
}

function refuse(name: string, value: unknown, wanted: string): never {
  throw new InvalidArgumentError(`consumer option ${name} is ${JSON.stringify(value)}: ${wanted}`);
}

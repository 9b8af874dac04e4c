import { ErrorCode } from "../../protocol/errors.ts";
import type { RequestContext } from "./handler.ts";

/** Whether the asked node may answer for the group: a Kafka error code. */
export function coordinatorError({ cluster, nodeId }: RequestContext, groupId: string): number {
  return cluster.groups.coordinatorOf(groupId) === nodeId ? ErrorCode.NONE : ErrorCode.NOT_COORDINATOR;
}

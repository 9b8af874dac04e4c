import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type Coordinator,
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
  findCoordinator,
} from "../../../protocol/messages/10-find-coordinator.ts";
import type { ClusterState } from "../cluster-state.ts";
import type { Handler } from "../handler.ts";

const GROUP = 0;
const TRANSACTION = 1;

export const findCoordinatorHandler: Handler<FindCoordinatorRequest, FindCoordinatorResponse> = {
  api: findCoordinator,
  handle({ cluster, version }, request) {
    if (version >= 4) {
      return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...find(cluster, key, request.keyType) })) };
    }
    return find(cluster, request.key, request.keyType);
  },
  fail(request, errorCode, version) {
    if (version < 4) return refused(errorCode, null);
    return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...refused(errorCode, null) })) };
  },
};

/** The fields that both forms of the answer have. */
type Found = Draft<Omit<Coordinator, "key">>;

function find(cluster: ClusterState, key: string, keyType: number): Found {
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    return refused(ErrorCode.INVALID_REQUEST, `this broker coordinates no keys of type ${keyType}`);
  }
  const nodeId = keyType === GROUP ? cluster.groups.coordinatorOf(key) : cluster.transactions.coordinators.of(key);
  const node = cluster.nodes.find((one) => one.nodeId === nodeId);
  if (node === undefined) return refused(ErrorCode.COORDINATOR_NOT_AVAILABLE, "no node is up");
  return { nodeId, host: node.host, port: node.port };
}

function refused(errorCode: number, errorMessage: string | null): Found {
  return { nodeId: -1, port: -1, errorCode, errorMessage };
}

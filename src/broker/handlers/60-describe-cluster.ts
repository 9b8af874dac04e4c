import { ErrorCode } from "../../../protocol/errors.ts";
import {
  type DescribeClusterRequest,
  type DescribeClusterResponse,
  describeCluster,
} from "../../../protocol/messages/60-describe-cluster.ts";
import type { Handler } from "../handler.ts";

const BROKERS = 1;
const CONTROLLERS = 2;

export const describeClusterHandler: Handler<DescribeClusterRequest, DescribeClusterResponse> = {
  api: describeCluster,
  handle({ cluster }, { endpointType, includeFencedBrokers }) {
    if (endpointType !== BROKERS) {
      // Every node is both, and listens for brokers' requests only.
      const known = endpointType === CONTROLLERS;
      return { errorCode: known ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE };
    }
    const nodes = includeFencedBrokers ? cluster.nodes : cluster.liveNodes();
    return {
      clusterId: cluster.clusterId,
      controllerId: cluster.controllerId,
      brokers: nodes.map(({ nodeId, host, port, isUp, rack = null }) => ({
        brokerId: nodeId,
        host,
        port,
        rack,
        ...(isUp ? {} : { isFenced: true }),
      })),
    };
  },
  fail: (_request, errorCode) => ({ errorCode }),
};

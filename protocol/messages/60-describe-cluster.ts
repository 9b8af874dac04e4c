import { type Api, api } from "../api.ts";
import { array, boolean, int8, int16, int32, string, struct } from "../field.ts";

/** Asks who is in the cluster (KIP-700). */
export interface DescribeClusterRequest {
  readonly includeClusterAuthorizedOperations: boolean;
  /** 1 brokers, 2 controllers. */
  readonly endpointType: number;
  /** Whether to name brokers that are registered and not in service. */
  readonly includeFencedBrokers: boolean;
}

export interface DescribeClusterResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly endpointType: number;
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly DescribeClusterBroker[];
  /** A bit for each operation; the smallest 32-bit number: not asked for. */
  readonly clusterAuthorizedOperations: number;
}

export interface DescribeClusterBroker {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  readonly isFenced: boolean;
}

export const describeCluster: Api<DescribeClusterRequest, DescribeClusterResponse> = api({
  key: 60,
  name: "DescribeCluster",
  versions: [0, 2],
  flexibleSince: 0,
  request: struct<DescribeClusterRequest>({
    includeClusterAuthorizedOperations: boolean,
    endpointType: int8.since(1).default(1),
    includeFencedBrokers: boolean.since(2),
  }),
  response: struct<DescribeClusterResponse>({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    endpointType: int8.since(1).default(1),
    clusterId: string,
    controllerId: int32.default(-1),
    brokers: array(
      struct<DescribeClusterBroker>({
        brokerId: int32,
        host: string,
        port: int32,
        rack: string.nullable().default(null),
        isFenced: boolean.since(2),
      }),
    ),
    clusterAuthorizedOperations: int32.default(-2_147_483_648),
  }),
});

import { ErrorCode } from "../../protocol/errors.ts";
import type { NodeEndpoint } from "../../protocol/messages/leader-hints.ts";
import type { ClusterState, TopicLookup } from "./cluster-state.ts";
import type { Partition } from "./partition.ts";

/** A partition that the asked node leads, or why there is none. */
export type LedPartition =
  | { readonly partition: Partition; readonly errorCode: 0 }
  | { readonly partition: Partition | undefined; readonly errorCode: number };

/**
 * The partition if `nodeId` leads it or, with `orFollows`, has a replica. `leaderEpoch`: the leader's epoch as the client
 * knows it; -1: not checked.
 */
export function ledPartition(
  topic: TopicLookup,
  index: number,
  nodeId: number,
  leaderEpoch = -1,
  orFollows = false,
): LedPartition {
  if (typeof topic === "number") return { partition: undefined, errorCode: topic };
  const partition = topic.partitions[index];
  if (partition === undefined) return { partition, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  const serves = partition.leaderId === nodeId || (orFollows && partition.replicas.includes(nodeId));
  if (!serves) return { partition, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
  if (leaderEpoch >= 0 && leaderEpoch < partition.leaderEpoch) {
    return { partition, errorCode: ErrorCode.FENCED_LEADER_EPOCH };
  }
  if (leaderEpoch > partition.leaderEpoch) return { partition, errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH };
  return { partition, errorCode: ErrorCode.NONE };
}

/** Who leads instead, and where that node listens (KIP-951): gathered while one response is made. */
export class LeaderHints {
  readonly #cluster: ClusterState;
  readonly #isKnown: boolean;
  readonly #endpoints = new Map<number, NodeEndpoint>();

  /** `isKnown`: whether the version of the response has a place for hints. */
  constructor(cluster: ClusterState, isKnown: boolean) {
    this.#cluster = cluster;
    this.#isKnown = isKnown;
  }

  get endpoints(): NodeEndpoint[] {
    return [...this.#endpoints.values()];
  }

  /** The current leader, where the error is one that it helps with. */
  for(partition: Partition | undefined, errorCode: number): { leaderId: number; leaderEpoch: number } | undefined {
    if (errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER && errorCode !== ErrorCode.FENCED_LEADER_EPOCH) return undefined;
    if (partition === undefined || !this.#isKnown) return undefined;
    const node = this.#cluster.nodes.find((one) => one.nodeId === partition.leaderId);
    if (node !== undefined) {
      this.#endpoints.set(node.nodeId, {
        nodeId: node.nodeId,
        host: node.host,
        port: node.port,
        rack: node.rack ?? null,
      });
    }
    return { leaderId: partition.leaderId, leaderEpoch: partition.leaderEpoch };
  }
}

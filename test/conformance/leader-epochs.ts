import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { type FetchPartition, fetch, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import {
  type OffsetForLeaderPartition,
  type OffsetForLeaderPartitionResult,
  offsetForLeaderEpoch,
} from "../../protocol/messages/23-offset-for-leader-epoch.ts";
import type { Wire } from "../support/raw-transactions.ts";
import { clusterWire } from "./cluster-wire.ts";
import { conformanceTest, type TestCluster } from "./conformance-test.ts";
import type { Target } from "./target.ts";

interface Scene {
  readonly topic: string;
  /** The leader's epoch: real clusters do not all begin at 0. */
  readonly epoch: number;
  readonly wire: Wire;
  endOf(wanted: Draft<OffsetForLeaderPartition>, version?: number): Promise<OffsetForLeaderPartitionResult>;
  fetch(wanted: Draft<FetchPartition>): Promise<PartitionData>;
}

/** A topic of three records. */
async function start(cluster: TestCluster): Promise<Scene> {
  const [topic, wire] = [await cluster.topic(), clusterWire(cluster.kafka())];
  for (const value of ["a", "b", "c"]) await cluster.kafka().producer().send({ topic, partition: 0, value });
  await cluster.kafka().cluster.refresh([topic]);
  const epoch = cluster.kafka().cluster.metadata.partition(topic, 0)!.leaderEpoch;
  return {
    ...{ topic, wire, epoch },
    endOf: async (wanted, version = 4) => {
      const topics = [{ topic, partitions: [{ partition: 0, ...wanted }] }];
      const answer = await wire.toLeader(topic, 0, offsetForLeaderEpoch, version, { replicaId: -1, topics });
      return answer.topics[0]!.partitions[0]!;
    },
    fetch: async (wanted) => {
      const topics = [{ topic, partitions: [{ partition: 0, partitionMaxBytes: 1000, ...wanted }] }];
      const answer = await wire.toLeader(topic, 0, fetch, 12, { maxWaitMs: 0, maxBytes: 1000, topics });
      return answer.responses[0]!.partitions[0]!;
    },
  };
}

/** That readers learn where leader epochs end, so that they find out what an unclean election lost (KIP-320). */
export function leaderEpochsConformance(target: Target): void {
  const test = conformanceTest(target);

  test("the end of the current leader epoch is the end of the log, in every version", async (cluster) => {
    const { endOf, epoch } = await start(cluster);
    for (const version of [2, 3, 4]) {
      const { errorCode, leaderEpoch, endOffset } = await endOf({ leaderEpoch: epoch }, version);
      assert.deepEqual([errorCode, leaderEpoch, endOffset], [ErrorCode.NONE, epoch, 3]);
    }
  });

  test("of an epoch that has not begun, nothing is known", async (cluster) => {
    const { endOf, epoch } = await start(cluster);
    const { errorCode, leaderEpoch, endOffset } = await endOf({ leaderEpoch: epoch + 7 });
    assert.deepEqual([errorCode, leaderEpoch, endOffset], [ErrorCode.NONE, -1, -1]);
  });

  test("who knows another leader epoch than the leader is told so", async (cluster) => {
    const { endOf, epoch, wire } = await start(cluster);
    const later = await endOf({ leaderEpoch: epoch, currentLeaderEpoch: epoch + 1 });
    assert.equal(later.errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH);
    if (epoch > 0) {
      const earlier = await endOf({ leaderEpoch: epoch, currentLeaderEpoch: epoch - 1 });
      assert.equal(earlier.errorCode, ErrorCode.FENCED_LEADER_EPOCH);
    }
    const topic = await cluster.topic();
    const topics = [{ topic, partitions: [{ partition: 7, leaderEpoch: 0 }] }];
    const answer = await wire.toLeader(topic, 0, offsetForLeaderEpoch, 4, { replicaId: -1, topics });
    assert.equal(answer.topics[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("who has read more than the log has of an epoch is told where it ends", async (cluster) => {
    const { fetch: read, epoch } = await start(cluster);
    const within = await read({ fetchOffset: 3, lastFetchedEpoch: epoch });
    assert.deepEqual([within.errorCode, within.divergingEpoch.endOffset], [ErrorCode.NONE, -1]);
    const beyond = await read({ fetchOffset: 5, lastFetchedEpoch: epoch });
    assert.equal(beyond.errorCode, ErrorCode.NONE);
    assert.deepEqual({ ...beyond.divergingEpoch }, { epoch, endOffset: 3 });
    assert.equal(beyond.records?.length ?? 0, 0);
    const unknown = await read({ fetchOffset: 3, lastFetchedEpoch: epoch + 7 });
    assert.equal(unknown.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE);
  });
}

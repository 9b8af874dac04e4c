import type { Cluster } from "../client/cluster.ts";
import type { Coordinator } from "../client/coordinator.ts";
import { type CommittedOffset, fetchOffsets } from "../client/group-offsets.ts";
import { listOffsets } from "../client/list-offsets.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { type CommitMetadata, decodeCommitMetadata, type FailingJob } from "./commit-metadata.ts";

/** Where a new owner goes on. */
export interface StartPoint {
  readonly offset: number;
  readonly topicId: string;
  readonly failing: readonly FailingJob[];
  /** What Kafka has, or undefined where there is no valid commit: the partition is read from its beginning. */
  readonly committed: { readonly offset: number; readonly metadata: string } | undefined;
}

/** Longest wait (ms) for the broker's word; the caller asks again after that. */
const TIMEOUT = 60_000;

/**
 * Asks where each partition's last owner got to. A partition whose commit cannot be read has an error in place of a
 * start point: to begin anywhere would be a guess.
 */
export async function loadStartPoints(
  cluster: Cluster,
  coordinator: Coordinator,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<Map<string, StartPoint | Error>> {
  const offsets = await fetchOffsets(coordinator, partitions, TIMEOUT, signal);
  const points = new Map<string, StartPoint | Error>();
  const without: TopicPartition[] = [];
  for (const topicPartition of partitions) {
    const key = partitionKey(topicPartition.topic, topicPartition.partition);
    const topicId = cluster.metadata.topic(topicPartition.topic)?.topicId ?? "";
    const point = readCommitted(offsets.get(key), topicId);
    if (point === undefined) without.push(topicPartition);
    else points.set(key, point);
  }
  if (without.length === 0) return points;
  const earliest = await listOffsets(cluster, without, "earliest", TIMEOUT, signal);
  for (const { topic, partition } of without) {
    const key = partitionKey(topic, partition);
    const topicId = cluster.metadata.topic(topic)?.topicId ?? "";
    points.set(key, { offset: earliest.get(key) ?? 0, topicId, failing: [], committed: undefined });
  }
  return points;
}

function readCommitted(committed: CommittedOffset | undefined, topicId: string): StartPoint | Error | undefined {
  if (committed === undefined) return undefined;
  const { offset, metadata } = committed;
  let read: CommitMetadata | undefined;
  try {
    read = decodeCommitMetadata(offset, metadata);
  } catch (error) {
    return error as Error;
  }
  // A topic that was deleted and made again has other jobs at these offsets.
  if (read !== undefined && read.topicId !== topicId) return undefined;
  return { offset, topicId, failing: read?.failing ?? [], committed: { offset, metadata } };
}

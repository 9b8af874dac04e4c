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
  /** Finished offsets beyond it. */
  readonly finished: readonly number[];
  /** The last owner neither released it nor closed: it died, or was put out. */
  readonly open: boolean;
  /** What Kafka has, or undefined where there is no valid commit: the partition is read from its beginning. */
  readonly committed: { readonly offset: number; readonly metadata: string } | undefined;
}

const NOTHING: Pick<CommitMetadata, "failing" | "finished" | "open"> = { failing: [], finished: [], open: false };
/** Longest wait (ms) for the broker's word; the caller asks again after that. */
const TIMEOUT = 10_000;

/**
 * Asks where each partition's last owner got to. One without a valid commit is missing from the answer; one whose
 * commit cannot be read has an error in place of a start point: to begin anywhere would be a guess.
 */
export async function loadCommitted(
  cluster: Cluster,
  coordinator: Coordinator,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<Map<string, StartPoint | Error>> {
  const topicIds = await loadTopicIds(cluster, partitions, signal);
  const offsets = await fetchOffsets(coordinator, partitions, TIMEOUT, signal);
  const points = new Map<string, StartPoint | Error>();
  for (const { topic, partition } of partitions) {
    const key = partitionKey(topic, partition);
    const point = readCommitted(offsets.get(key), topicIds.get(topic)!);
    if (point !== undefined) points.set(key, point);
  }
  return points;
}

/** The beginning of each partition's log. */
export async function loadEarliest(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<Map<string, StartPoint>> {
  const topicIds = await loadTopicIds(cluster, partitions, signal);
  const earliest = await listOffsets(cluster, partitions, "earliest", TIMEOUT, signal);
  return new Map(
    partitions.map(({ topic, partition }) => {
      const key = partitionKey(topic, partition);
      const offset = earliest.get(key)!;
      return [
        key,
        { offset, topicId: topicIds.get(topic)!, failing: [], finished: [], open: false, committed: undefined },
      ];
    }),
  );
}

/** The same where the log was cut at `cut`: what is known of jobs from there on says nothing of those that came since. */
export function beforeCut(point: StartPoint, cut: number): StartPoint {
  const failing = point.failing.filter(({ offset }) => offset < cut);
  const finished = point.finished.filter((offset) => offset < cut);
  return { ...point, offset: Math.min(point.offset, cut), failing, finished };
}

/** A topic that is not known for a moment must not be taken for one that was made again: it is asked for. */
async function loadTopicIds(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const topics = [...new Set(partitions.map(({ topic }) => topic))];
  const known = await Promise.all(topics.map((topic) => cluster.topic(topic, TIMEOUT, signal)));
  return new Map(known.map(({ topicId }, i) => [topics[i]!, topicId]));
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
  const { failing, finished, open } = read ?? NOTHING;
  return { offset, topicId, failing, finished, open, committed: { offset, metadata } };
}

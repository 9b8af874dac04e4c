import type { Cluster } from "../client/cluster.ts";
import { type Isolation, listOffsets } from "../client/list-offsets.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";

/** Offsets of a partition's log. */
export interface LogBounds {
  /** Of the first record that there is. */
  readonly start: number;
  /** Behind the last one. */
  readonly end: number;
}

/**
 * Where the logs of partitions begin and end now, each by its partition's key. `timeout`: milliseconds. `isolation`
 * "readUncommitted": what is written, and not decided yet, counts.
 */
export async function logBounds(
  cluster: Cluster,
  places: readonly TopicPartition[],
  timeout: number,
  signal?: AbortSignal,
  isolation?: Isolation,
): Promise<ReadonlyMap<string, LogBounds>> {
  const [starts, ends] = await Promise.all([
    listOffsets(cluster, places, "earliest", timeout, signal),
    listOffsets(cluster, places, "latest", timeout, signal, isolation),
  ]);
  const keys = places.map(({ topic, partition }) => partitionKey(topic, partition));
  return new Map(keys.map((key) => [key, { start: starts.get(key)!, end: ends.get(key)! }]));
}

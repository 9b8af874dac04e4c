import { groupBy } from "./group-by.ts";

/** One partition of one topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A key for maps: topic names hold no slash. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/** Partitions gathered by topic, as requests want them. */
export function groupByTopic<T extends TopicPartition>(partitions: Iterable<T>): Map<string, T[]> {
  return groupBy(partitions, ({ topic }) => topic);
}

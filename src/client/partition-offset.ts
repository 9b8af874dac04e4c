import { InvalidArgumentError } from "./errors.ts";
import type { OffsetToCommit } from "./group-offsets.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** An offset to commit for a group: the next to read. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
  /** The leader epoch of the last record before it. Default -1: not known. */
  readonly leaderEpoch?: number | undefined;
  /** Kept beside the offset; brokers take 4,096 bytes by default. Default "". */
  readonly metadata?: string | undefined;
}

/** Fills in what was left out. Throws an {@link InvalidArgumentError} where no record can have the offset. */
export function toCommit(given: PartitionOffset): OffsetToCommit {
  const { topic, partition, offset, leaderEpoch = -1, metadata = "" } = given;
  if (typeof topic !== "string" || topic === "" || !Number.isInteger(partition) || partition < 0)
    throw new InvalidArgumentError("an offset needs a topic and a partition");
  checkOffset(offset, { topic, partition });
  return { topic, partition, offset, leaderEpoch, metadata };
}

/** Throws where no record can have the offset. */
export function checkOffset(offset: number, { topic, partition }: TopicPartition): void {
  if (Number.isSafeInteger(offset) && offset >= 0) return;
  const message = `offset ${String(offset)} of ${partitionKey(topic, partition)}: a whole number from 0 is wanted`;
  throw new InvalidArgumentError(message, { topic, partition });
}

import { describe } from "./check-options.ts";
import { InvalidKeyError, PartitionOutOfRangeError } from "./errors.ts";
import { isWellFormed } from "./well-formed.ts";

/**
 * How a partitioner's result decides the partition. `"key"` (default): it is the record's key, and the partition is the
 * one that Java's default partitioner picks. `"partitionKey"`: the same partition, but the record has no key.
 * `"partition"`: it is the partition's number.
 */
export type PartitionKeyType = "key" | "partitionKey" | "partition";

/** What a partitioner may give: text, or what has one obvious text. */
export type PartitionerResult = string | number | bigint | boolean;

/** The text of what a partitioner gave: jobs with the same text are run in order. */
export function keyText(job: string, type: PartitionKeyType, result: unknown): string {
  if (type === "partition") return String(checkPartitionNumber(job, result));
  switch (typeof result) {
    case "string":
      if (result === "")
        throw new InvalidKeyError(job, 'gave "": give a key, or leave the partitioner out where order does not matter');
      if (!isWellFormed(result))
        throw new InvalidKeyError(job, "gave text with half a surrogate pair, which UTF-8 cannot write");
      return result;
    case "number":
      if (!Number.isFinite(result))
        throw new InvalidKeyError(job, `gave ${result}: unrelated jobs would share that key`);
      return String(result);
    case "bigint":
    case "boolean":
      return String(result);
    default:
      throw new InvalidKeyError(job, problemOf(result));
  }
}

function problemOf(result: unknown): string {
  if (result === undefined || result === null)
    return `gave ${result}: every job of a queue that is partitioned needs a key`;
  if (result instanceof Promise) return "gave a promise: it runs synchronously, so compute the key before the enqueue";
  return `gave ${describe(result)}: give text or a number`;
}

function checkPartitionNumber(job: string, result: unknown): number {
  if (typeof result === "number" && Number.isInteger(result) && result >= 0) return result;
  throw new InvalidKeyError(
    job,
    `gave ${describe(result)}: partitionKeyType "partition" takes the number of a partition, from 0`,
  );
}

/** The partition of a key's text in a topic of `count` partitions, where it is the partition's own number. */
export function numberedPartition(job: string, topic: string, key: string, count: number): number {
  const partition = Number(key);
  if (partition < count) return partition;
  throw new PartitionOutOfRangeError(job, topic, partition, count);
}

import { PartitionMismatchError } from "./errors.ts";
import type { QueueSettings } from "./queue-options.ts";

/** Throws a {@link PartitionMismatchError} where a topic has another number of partitions than its queue declares, and may not. */
export function checkPartitions(queue: QueueSettings, actual: number): void {
  if (queue.partitions === undefined || queue.partitions === actual || queue.allowPartitionMismatch) return;
  const { name, pattern, declaredBy = `queues.${name}` } = queue;
  const by = pattern === undefined ? `${declaredBy}.partitions` : `the queue pattern ${pattern}`;
  throw new PartitionMismatchError(queue.name, queue.partitions, actual, by);
}

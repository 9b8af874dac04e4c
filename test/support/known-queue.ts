import { PartitionQueue } from "../../src/client/partition-queue.ts";
import type { QueuedBatch } from "../../src/client/queued-batch.ts";

export const IDENTITY = { producerId: 7, epoch: 0 } as const;

/** A queue whose producer the broker knows, so that several batches may be in flight. Its next sequence is 1. */
export function knownQueue(): PartitionQueue {
  const queue = new PartitionQueue("t", 0, 5);
  addBatch(queue);
  queue.delivered(queue.take(IDENTITY).batch, 0);
  return queue;
}

/** Puts a batch of `count` records into the queue. */
export function addBatch(queue: PartitionQueue, count = 1, now = 0): QueuedBatch {
  const batch = queue.startBatch(10_000, now);
  for (let i = 0; i < count; i++) batch.builder.append(null, new Uint8Array([i]), 0);
  batch.closed = true;
  return batch;
}

import { defaultPartition } from "../client/default-partitioner.ts";
import type { ProducerRecord } from "../client/producer-record.ts";
import { uuidv7 } from "../net/clock.ts";
import type { MovedRecord } from "./moved-record.ts";
import type { Runtime } from "./runtime.ts";
import { entryRecord } from "./schedule-entry.ts";

/**
 * The entry by which a job that is moved, with this key, waits in a schedule topic for `wait` milliseconds. Undefined
 * where nobody knows at the moment how many partitions the topic has.
 */
export function delayedRecord(
  { clock, kafka }: Runtime,
  record: MovedRecord,
  key: string | undefined,
  topic: string,
  wait: number,
): ProducerRecord | undefined {
  const places = kafka.cluster.cached(topic)?.partitions.length;
  if (places === undefined) return undefined;
  const entry = uuidv7(clock);
  const dueAt = Math.ceil(clock.now() + wait);
  return entryRecord(record, entry, dueAt, { topic, partition: defaultPartition(key ?? entry, places) });
}

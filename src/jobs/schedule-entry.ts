import type { HeaderInput, ProducerRecord } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import {
  AT_HEADER,
  ERROR_HEADER,
  JOB_HEADER,
  NO_VALUE_HEADER,
  RECORD_KEY_HEADER,
  REQUEST_HEADER,
  TARGET_HEADER,
  TARGET_PARTITION_HEADER,
  VERDICT_HEADER,
} from "./headers.ts";
import { errorHeader, keptHeaders, type MovedRecord } from "./moved-record.ts";
import { headerOf, headerTextOf, type JobRecord } from "./received-job.ts";
import type { RecordPlace } from "./record-place.ts";
import { deadScheduleTopic } from "./reserved-topics.ts";

/** Where an entry goes, and where it will be dispatched to: partitions of the schedule topic and of the queue. */
export interface EntryRoute {
  readonly partition: number;
  readonly target: number;
}

const EMPTY = new Uint8Array(0);
/** What an entry has besides the record that it becomes. */
export const OF_ENTRIES: ReadonlySet<string> = new Set([
  ...[AT_HEADER, TARGET_HEADER, TARGET_PARTITION_HEADER],
  ...[RECORD_KEY_HEADER, NO_VALUE_HEADER, VERDICT_HEADER, REQUEST_HEADER],
]);

const REPLACED_IN_DEAD: ReadonlySet<string> = new Set([ERROR_HEADER]);

/**
 * The entry by which `record` waits in a schedule topic, at `to`, until `dueAt` (ms since 1970). Its key is its own, so
 * that it is one of a kind: `entry`, a UUID (S7.2).
 */
export function entryRecord(record: MovedRecord, entry: string, dueAt: number, to: TopicPartition): ProducerRecord {
  const { topic, partition, key, value, headers } = record;
  const all: HeaderInput[] = [
    ...headers,
    [AT_HEADER, new Date(dueAt).toISOString()],
    [TARGET_HEADER, topic],
    [TARGET_PARTITION_HEADER, String(partition)],
  ];
  if (key !== undefined && key !== null) all.push([RECORD_KEY_HEADER, key]);
  if (value === null) all.push([NO_VALUE_HEADER, ""]);
  return { topic: to.topic, partition: to.partition, key: entry, value: value ?? EMPTY, headers: all };
}

/** The record that ends an entry, or a request. */
export function entryTombstone(key: string | Uint8Array, at: TopicPartition): ProducerRecord {
  return { topic: at.topic, partition: at.partition, key, value: null };
}

/** An entry that can never be dispatched, as it was, in the topic for such: with where it was, and why. */
export function deadEntry(entry: JobRecord, from: RecordPlace, error: unknown): ProducerRecord {
  return {
    ...{ topic: deadScheduleTopic(from.topic), partition: from.partition, key: entry.key, value: entry.value },
    headers: [...keptHeaders(entry, from, REPLACED_IN_DEAD), errorHeader(error)],
  };
}

/** Where an entry is to be dispatched to. Undefined: it does not say so in a way that could be followed. */
export function targetOf(entry: JobRecord): TopicPartition | undefined {
  const [topic, partition] = [TARGET_HEADER, TARGET_PARTITION_HEADER].map((name) => headerTextOf(entry, name));
  if (topic === undefined || topic === "" || partition === undefined || !/^\d{1,9}$/.test(partition)) return undefined;
  return { topic, partition: Number(partition) };
}

/** The record that an entry becomes. A job's says where it waited (S1.2); any other is as it was given. */
export function dispatchedRecord(entry: JobRecord, from: RecordPlace, target: TopicPartition): ProducerRecord {
  const isJob = headerOf(entry, JOB_HEADER) !== undefined;
  const headers = isJob
    ? keptHeaders(entry, from, OF_ENTRIES)
    : entry.headers.filter(([name]) => !OF_ENTRIES.has(name));
  return {
    ...{ topic: target.topic, partition: target.partition, headers },
    key: headerOf(entry, RECORD_KEY_HEADER) ?? null,
    value: headerOf(entry, NO_VALUE_HEADER) === undefined ? entry.value : null,
  };
}

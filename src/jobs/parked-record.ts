import type { ProducerRecord } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import {
  ATTEMPT_HEADER,
  ERROR_HEADER,
  NO_VALUE_HEADER,
  PARKED_BY_HEADER,
  RECORD_KEY_HEADER,
  RETRIES_HEADER,
  TOPIC_ID_HEADER,
} from "./headers.ts";
import { countHeaders, errorHeader, keptHeaders } from "./moved-record.ts";
import { headerOf, type JobRecord } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { RecordPlace } from "./record-place.ts";
import { stateKey } from "./state-topic.ts";
import type { FailureCounts } from "./verdict.ts";

const decoder = new TextDecoder();
const EMPTY = new Uint8Array(0);
/** What a parked record has besides the job's own headers. */
const OF_PARKING: ReadonlySet<string> = new Set([
  PARKED_BY_HEADER,
  TOPIC_ID_HEADER,
  RECORD_KEY_HEADER,
  NO_VALUE_HEADER,
  ERROR_HEADER,
]);

/** What jobs are parked by: those that share it stay in order. A job without a key is parked by itself. */
export function parkedBy(key: string | undefined, offset: number): string {
  return key === undefined ? `offset:${offset}` : `key:${key}`;
}

/** The key that a job is parked by; undefined: it has none. */
export function keyParkedBy(by: string): string | undefined {
  return by.startsWith("key:") ? by.slice(4) : undefined;
}

export interface Parked {
  readonly by: string;
  readonly topicId: string;
  /** Failures that count against it. Undefined: whatever it has brought along. */
  readonly counts?: FailureCounts | undefined;
  /** Why it was parked. Undefined: because it is behind one that was. */
  readonly error?: unknown;
}

/** The job as its group's state topic keeps it, at `to`: with its own bytes, key and headers (S4.6). */
export function parkedRecord(record: JobRecord, from: RecordPlace, to: TopicPartition, parked: Parked): ProducerRecord {
  const { by, topicId, counts, error } = parked;
  const replaced = new Set(OF_PARKING);
  if (counts !== undefined) for (const name of [ATTEMPT_HEADER, RETRIES_HEADER]) replaced.add(name);
  const headers = keptHeaders(record, from, replaced);
  headers.push([PARKED_BY_HEADER, by], [TOPIC_ID_HEADER, topicId]);
  if (record.key !== null) headers.push([RECORD_KEY_HEADER, record.key]);
  if (record.value === null) headers.push([NO_VALUE_HEADER, ""]);
  if (counts !== undefined && counts.attempt > 0) headers.push(...countHeaders(counts));
  if (error !== undefined) headers.push(errorHeader(error));
  const key = stateKey({ kind: "park", topic: from.topic, partition: from.partition, id: String(from.offset) });
  return { ...to, key, value: record.value ?? EMPTY, headers, timestamp: record.timestamp };
}

/** The job again, as its queue had it at `offset`. */
export function unparkedRecord(record: JobRecord, offset: number): BufferedRecord {
  const key = headerOf(record, RECORD_KEY_HEADER) ?? null;
  const value = headerOf(record, NO_VALUE_HEADER) === undefined ? record.value : null;
  const headers = record.headers.filter(([name]) => !OF_PARKING.has(name));
  return { offset, timestamp: record.timestamp, key, value, headers, byteLength: value?.length ?? 0 };
}

/** What the record is parked by, and the id of its topic. Undefined: it is no parked job. */
export function parkedOf(record: JobRecord): { readonly by: string; readonly topicId: string } | undefined {
  const [by, topicId] = [PARKED_BY_HEADER, TOPIC_ID_HEADER].map((name) => headerOf(record, name));
  return by === undefined ? undefined : { by: decoder.decode(by), topicId: decoder.decode(topicId) };
}

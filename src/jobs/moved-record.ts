import type { HeaderInput, ProducerRecord } from "../client/producer-record.ts";
import {
  ATTEMPT_HEADER,
  ERROR_HEADER,
  ORIGIN_HEADER,
  PROGRESS_HEADER,
  REDRIVE_HEADER,
  RESUMPTION_HEADER,
  RETRIES_HEADER,
  TARGET_HEADER,
} from "./headers.ts";
import { headerTextOf, type JobRecord } from "./received-job.ts";
import { placeText, type RecordPlace } from "./record-place.ts";
import type { FailureCounts } from "./verdict.ts";

/** A job's record elsewhere: its partition is known. */
export interface MovedRecord extends ProducerRecord {
  readonly partition: number;
  readonly headers: readonly HeaderInput[];
}

/** A moved job says why in at most so many characters: headers count against the size of a record. */
const MAX_ERROR_CHARS = 1_000;

/**
 * The job as a dead letter: its own bytes, key, headers and partition number, where it came from, and why (S4.5). Also its
 * queue, where its first record was elsewhere: it waited in a schedule topic.
 */
export function deadLetter(record: JobRecord, from: RecordPlace, topic: string, error: unknown): ProducerRecord {
  const isFromQueue = headerTextOf(record, ORIGIN_HEADER)?.startsWith(`${from.topic}/`) ?? true;
  const queue: HeaderInput[] = isFromQueue ? [] : [[TARGET_HEADER, from.topic]];
  return moved(record, from, topic, [...queue, errorHeader(error)]);
}

/** Why the job was moved. */
export function errorHeader(error: unknown): HeaderInput {
  return [ERROR_HEADER, errorText(error).slice(0, MAX_ERROR_CHARS)];
}

/**
 * The job once more in its own partition, behind those that are there already, with the failures it has had (S4.2), and
 * with `progress` headers in place of its own.
 */
export function requeued(
  record: JobRecord,
  from: RecordPlace,
  counts: FailureCounts,
  progress: readonly HeaderInput[] = [],
): MovedRecord {
  return moved(record, from, from.topic, [...countHeaders(counts), ...progress]);
}

/** The failures that a job brings along. */
export function countHeaders({ attempt, counters }: FailureCounts): HeaderInput[] {
  return [
    [ATTEMPT_HEADER, String(attempt)],
    [RETRIES_HEADER, counters.join(",")],
  ];
}

/** What a job that begins anew does not bring along. */
const OF_PAST_RUNS: ReadonlySet<string> = new Set([
  ...[ERROR_HEADER, ATTEMPT_HEADER, RETRIES_HEADER, REDRIVE_HEADER],
  ...[RESUMPTION_HEADER, PROGRESS_HEADER, TARGET_HEADER],
]);

/** The dead letter as a job again, in its queue `topic`: it begins anew, for the `redrives`th time (S4.5). */
export function redriven(record: JobRecord, from: RecordPlace, topic: string, redrives: number): ProducerRecord {
  const { offset, timestamp, key, value } = record;
  const headers = record.headers.filter(([name]) => !OF_PAST_RUNS.has(name));
  const fresh: JobRecord = { offset, timestamp, key, value, headers };
  return moved(fresh, from, topic, [[REDRIVE_HEADER, String(redrives)]]);
}

/** A move keeps key and partition number (S1.3), and every header that it does not replace, unknown ones included (S1.2). */
function moved(record: JobRecord, from: RecordPlace, topic: string, added: readonly HeaderInput[]): MovedRecord {
  const headers = [...keptHeaders(record, from, new Set(added.map(([name]) => name))), ...added];
  return { topic, partition: from.partition, key: record.key, value: record.value, headers };
}

/** What a job takes along from `from`: all headers but those that are replaced, and where its first move was from. */
export function keptHeaders(record: JobRecord, from: RecordPlace, replaced: ReadonlySet<string>): HeaderInput[] {
  const kept: HeaderInput[] = record.headers.filter(([name]) => !replaced.has(name));
  if (!record.headers.some(([name]) => name === ORIGIN_HEADER)) kept.push([ORIGIN_HEADER, placeText(from)]);
  return kept;
}

function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

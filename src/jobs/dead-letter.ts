import {
  ENQUEUED_AT_HEADER,
  ERROR_HEADER,
  ID_HEADER,
  JOB_HEADER,
  type JobHeaders,
  KEY_HEADER,
  ORIGIN_HEADER,
  REDRIVE_HEADER,
  TARGET_HEADER,
} from "./headers.ts";
import { dateOf } from "./iso-time.ts";
import type { JobRecord } from "./received-job.ts";
import type { RecordPlace } from "./record-place.ts";

/** A job that failed for good, as its dead letter topic has it. */
export interface DeadLetter extends RecordPlace {
  /** The job's name. Undefined: the letter names none. */
  readonly job: string | undefined;
  readonly id: string | undefined;
  /** What order is kept for. Undefined: the job is not ordered. */
  readonly key: string | undefined;
  /** Where it goes when it is redriven. Undefined: something other than a worker wrote the letter. */
  readonly queue: string | undefined;
  /** Where its first record was: in its queue, or in the schedule topic that it waited in. Undefined as `queue`. */
  readonly origin: RecordPlace | undefined;
  /** What it failed with. */
  readonly error: string | undefined;
  /** How often it has been redriven. */
  readonly redrives: number;
  /** When it was put into the dead letter topic. */
  readonly diedAt: Date;
  readonly enqueuedAt: Date | undefined;
}

/** All of a dead letter. */
export interface DeadLetterContent extends DeadLetter {
  /** Whether it is still to be dealt with: it has been neither redriven nor discarded. */
  readonly isLeft: boolean;
  /** Ottla's own and the user's; of several with one name the last. One without a value is left out. */
  readonly headers: JobHeaders;
  /** The payload as it was serialized. */
  readonly value: Uint8Array<ArrayBuffer> | null;
}

const decoder = new TextDecoder();

export function readLetter(topic: string, partition: number, record: JobRecord): DeadLetter {
  const headers = headersOf(record);
  const key = headers[KEY_HEADER] ?? (record.key === null ? undefined : decoder.decode(record.key));
  const origin = parseOrigin(headers[ORIGIN_HEADER]);
  const enqueuedAt = new Date(headers[ENQUEUED_AT_HEADER] ?? Number.NaN);
  return {
    ...{ topic, partition, offset: record.offset },
    job: headers[JOB_HEADER],
    id: headers[ID_HEADER],
    key,
    queue: headers[TARGET_HEADER] ?? origin?.topic,
    origin,
    error: headers[ERROR_HEADER],
    redrives: redrivesOf(headers[REDRIVE_HEADER]),
    diedAt: dateOf(record.timestamp),
    enqueuedAt: Number.isNaN(enqueuedAt.getTime()) ? undefined : enqueuedAt,
  };
}

export function readLetterContent(letter: DeadLetter, record: JobRecord, isLeft: boolean): DeadLetterContent {
  const value = record.value === null ? null : new Uint8Array(record.value);
  return { ...letter, isLeft, headers: headersOf(record), value };
}

function headersOf({ headers }: JobRecord): Record<string, string> {
  // A header's name may be anything, "__proto__" too.
  const texts: [string, string][] = [];
  for (const [name, value] of headers) if (value !== null) texts.push([name, decoder.decode(value)]);
  return Object.fromEntries(texts);
}

/** `topic/partition/offset`: a topic's name has no slash. */
export function parseOrigin(text: string | undefined): RecordPlace | undefined {
  const match = /^([a-zA-Z0-9._-]{1,249})\/(\d{1,10})\/(\d{1,16})$/.exec(text ?? "");
  if (match === null) return undefined;
  return { topic: match[1]!, partition: Number(match[2]), offset: Number(match[3]) };
}

function redrivesOf(text: string | undefined): number {
  return /^\d{1,9}$/.test(text ?? "") ? Number(text) : 0;
}

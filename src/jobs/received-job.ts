import type { TopicPartition } from "../client/topic-partition.ts";
import { describe } from "./check-options.ts";
import { UnreadableRecordError } from "./errors.ts";
import {
  ENQUEUED_AT_HEADER,
  ID_HEADER,
  JOB_HEADER,
  type JobHeaders,
  KEY_HEADER,
  NO_PAYLOAD,
  PAYLOAD_HEADER,
  RESERVED_PREFIX,
  TICK_HEADER,
  VERSION_HEADER,
} from "./headers.ts";
import { dateOf } from "./iso-time.ts";
import { placeText } from "./record-place.ts";

/** Headers by their names: of several with one name the last that has a value. */
export interface HeaderTexts {
  text(name: string): string | undefined;
  /** Of one that says the same in many records. */
  knownText(name: string): string | undefined;
}

/** As much of a record as makes a job of it. */
export interface JobRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
  /** The same, of a record that need not cut all of them to give one. */
  readonly namedHeaders?: HeaderTexts | undefined;
}

// What begins with U+FEFF is written with it, and has to be read so.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Of a record that has them as they are. */
class GivenHeaders implements HeaderTexts {
  readonly #all: JobRecord["headers"];

  constructor(all: JobRecord["headers"]) {
    this.#all = all;
  }

  text(name: string): string | undefined {
    const found = this.#all.findLast((header) => header[1] !== null && header[0] === name);
    return found === undefined ? undefined : decoder.decode(found[1]!);
  }

  knownText(name: string): string | undefined {
    return this.text(name);
  }
}

/** Of several headers with one name the last, as Kafka's lastHeader has it. Undefined: there is none, or it has no value. */
export function headerOf({ headers }: JobRecord, name: string): Uint8Array | undefined {
  return headers.findLast((header) => header[0] === name)?.[1] ?? undefined;
}

export function headerTextOf(record: JobRecord, name: string): string | undefined {
  const value = headerOf(record, name);
  return value === undefined ? undefined : decoder.decode(value);
}

/**
 * A job as a record carries it. Only its name is read at once; the rest when asked for. Foreign producers need no more
 * than `ottla-job`: id and time of enqueueing then come from where and when the record is.
 */
export class ReceivedJob {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly name: string;
  readonly #record: JobRecord;
  /** Read once: a record makes them anew each time. */
  readonly #headers: HeaderTexts;

  /** Throws an {@link UnreadableRecordError} where the record names no job. */
  constructor(topic: string, partition: number, record: JobRecord) {
    this.topic = topic;
    this.partition = partition;
    this.offset = record.offset;
    this.#record = record;
    this.#headers = record.namedHeaders ?? new GivenHeaders(record.headers);
    this.name = this.#headers.knownText(JOB_HEADER) ?? "";
    if (this.name === "") {
      throw new UnreadableRecordError(`the record at ${placeText(this)} has no ${JOB_HEADER} header`);
    }
  }

  /** What its enqueue returned; `topic/partition/offset` where the record has none. */
  get id(): string {
    return this.text(ID_HEADER) ?? placeText(this);
  }
  /** What order is kept for. Undefined: the job is not ordered. */
  get key(): string | undefined {
    const own = this.text(KEY_HEADER);
    if (own !== undefined) return own;
    const { key } = this.#record;
    return key === null ? undefined : decoder.decode(key);
  }
  get enqueuedAt(): Date {
    const text = this.text(ENQUEUED_AT_HEADER);
    const time = text === undefined ? Number.NaN : Date.parse(text);
    return dateOf(Number.isNaN(time) ? this.#record.timestamp : time);
  }
  /** The tick of a recurring job that it is for. */
  get tick(): Date | undefined {
    const time = Date.parse(this.text(TICK_HEADER) ?? "");
    return Number.isNaN(time) ? undefined : new Date(time);
  }
  /** The user's headers. One without a value is left out. */
  get headers(): JobHeaders {
    const entries: [string, string][] = [];
    for (const [name, value] of this.#record.headers) {
      if (value !== null && !name.startsWith(RESERVED_PREFIX)) entries.push([name, decoder.decode(value)]);
    }
    return Object.fromEntries(entries);
  }
  get value(): Uint8Array | null {
    return this.#record.value;
  }
  /** The payload is undefined. */
  get isVoid(): boolean {
    return this.text(PAYLOAD_HEADER) === NO_PAYLOAD;
  }

  /** Of the job's definition where it was enqueued. Throws an {@link UnreadableRecordError} where it is no version. */
  get version(): number {
    const text = this.text(VERSION_HEADER);
    if (text === undefined) return 1;
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw new UnreadableRecordError(`the header ${VERSION_HEADER} is ${describe(text)}: a whole number is expected`);
  }

  /** One of Ottla's own headers: of several the last that has a value. */
  text(name: string): string | undefined {
    return this.#headers.text(name);
  }
}

/** Undefined where the record names no job. */
export function readJob({ topic, partition }: TopicPartition, record: JobRecord): ReceivedJob | undefined {
  try {
    return new ReceivedJob(topic, partition, record);
  } catch {
    return undefined;
  }
}

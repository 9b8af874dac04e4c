import { InvalidArgumentError } from "./errors.ts";

/** A header's key and value; a value as text is sent as UTF-8. */
export type HeaderInput = readonly [key: string, value: string | Uint8Array | null];

/** A record to send. Text is sent as UTF-8. */
export interface ProducerRecord {
  readonly topic: string;
  /** Decides the partition as Java's default partitioner does (murmur2). Without one, records stick to a partition for a batch. */
  readonly key?: string | Uint8Array | null | undefined;
  /** Null is a tombstone. */
  readonly value: string | Uint8Array | null;
  /** An object, or pairs where a key repeats. */
  readonly headers?: Readonly<Record<string, string | Uint8Array | null>> | readonly HeaderInput[] | undefined;
  /** Overrides what the key decides. */
  readonly partition?: number | undefined;
  /** Milliseconds since 1970. Default: now. */
  readonly timestamp?: number | undefined;
}

/** Where a record ended up. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  /** -1 with acks "none". */
  readonly offset: number;
  /** The record's own, or the broker's where the topic is set to LogAppendTime. */
  readonly timestamp: number;
}

/** Throws an {@link InvalidArgumentError} that names the part that cannot be sent. */
export function checkRecord(record: ProducerRecord): void {
  if (typeof record !== "object" || record === null) {
    throw new InvalidArgumentError(`a record is ${record === null ? "null" : typeof record}: an object is wanted`);
  }
  const { topic, key, value, timestamp } = record;
  if (typeof topic !== "string" || topic === "") throw new InvalidArgumentError("a record needs a topic");
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw new InvalidArgumentError(`record timestamp ${timestamp}: milliseconds since 1970 are wanted`, { topic });
  }
  if (!isPart(key)) throw wrongPart("key", key, topic);
  if (!isPart(value)) throw wrongPart("value", value, topic);
}

/** A record's headers as pairs. Throws as {@link checkRecord} does. */
export function headersOf({ topic, headers }: ProducerRecord): readonly HeaderInput[] | undefined {
  if (headers === undefined) return undefined;
  const pairs = Array.isArray(headers) ? (headers as readonly HeaderInput[]) : Object.entries(headers);
  for (const [key, value] of pairs) {
    if (typeof key !== "string") throw new InvalidArgumentError("a header's key must be a string", { topic });
    if (!isPart(value)) throw wrongPart(`header ${key}`, value, topic);
  }
  return pairs;
}

/** The part with bytes of its own. */
export function copyOf(part: string | Uint8Array | null | undefined): string | Uint8Array | null {
  // Not by `slice`: a Buffer's is a view.
  return part instanceof Uint8Array ? new Uint8Array(part) : (part ?? null);
}

function isPart(part: unknown): boolean {
  return typeof part === "string" || part === null || part === undefined || part instanceof Uint8Array;
}

function wrongPart(name: string, part: unknown, topic: string): InvalidArgumentError {
  const problem = `record ${name} is ${typeof part}: a string, a Uint8Array or null is wanted`;
  return new InvalidArgumentError(problem, { topic });
}

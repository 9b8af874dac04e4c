import type { HeaderToWrite } from "../../protocol/batch-builder.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
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

/** A record's parts as bytes. */
export interface EncodedRecord {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly HeaderToWrite[] | undefined;
  readonly partition: number | undefined;
  readonly timestamp: number | undefined;
}

/** Throws an {@link InvalidArgumentError} that names the part that cannot be sent. */
export function encodeRecord(record: ProducerRecord): EncodedRecord {
  if (typeof record !== "object" || record === null) {
    throw new InvalidArgumentError(`a record is ${record === null ? "null" : typeof record}: an object is wanted`);
  }
  const { topic, partition, timestamp } = record;
  if (typeof topic !== "string" || topic === "") throw new InvalidArgumentError("a record needs a topic");
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw new InvalidArgumentError(`record timestamp ${timestamp}: milliseconds since 1970 are wanted`, { topic });
  }
  return {
    topic,
    key: toBytes(record.key, "key", topic),
    value: toBytes(record.value, "value", topic),
    headers: record.headers === undefined ? undefined : encodeHeaders(record.headers, topic),
    partition,
    timestamp,
  };
}

function toBytes(part: string | Uint8Array | null | undefined, name: string, topic: string): Uint8Array | null {
  if (part === null || part === undefined) return null;
  if (typeof part === "string") return encodeUtf8(part);
  if (part instanceof Uint8Array) return part;
  throw new InvalidArgumentError(`record ${name} is ${typeof part}: a string, a Uint8Array or null is wanted`, {
    topic,
  });
}

function encodeHeaders(headers: NonNullable<ProducerRecord["headers"]>, topic: string): HeaderToWrite[] {
  const pairs = Array.isArray(headers) ? (headers as readonly HeaderInput[]) : Object.entries(headers);
  return pairs.map(([key, value]): HeaderToWrite => {
    if (typeof key !== "string") throw new InvalidArgumentError("a header's key must be a string", { topic });
    return [key, toBytes(value, `header ${key}`, topic)];
  });
}

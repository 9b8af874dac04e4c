import { decompress } from "./compression.ts";
import { isAt } from "./known-texts.ts";
import type { AbortedTransaction } from "./messages/01-fetch.ts";
import { NamedHeaders, type RecordHeader } from "./named-headers.ts";
import type { ProducerId } from "./producer-id.ts";
import { DecodeError, Reader } from "./reader.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  checkCrc,
  codecIdOf,
  isControl,
  isLogAppendTime,
  isTransactional,
  readBatchHeader,
  UnreadableBatchError,
} from "./record-batch.ts";

/**
 * A record as read. It holds the batch's bytes and where its parts lie in them: key, value and headers are cut when
 * asked for, as views that keep those bytes alive.
 */
export class KafkaRecord {
  readonly offset: number;
  /** Milliseconds since 1970: the producer's time, or the broker's where the topic says LogAppendTime. */
  readonly timestamp: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #key: number;
  readonly #keyLength: number;
  readonly #value: number;
  readonly #valueLength: number;
  readonly #end: number;

  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    offset: number,
    timestamp: number,
    key: number,
    keyLength: number,
    value: number,
    valueLength: number,
    end: number,
  ) {
    this.#bytes = bytes;
    this.offset = offset;
    this.timestamp = timestamp;
    this.#key = key;
    this.#keyLength = keyLength;
    this.#value = value;
    this.#valueLength = valueLength;
    this.#end = end;
  }

  /** Null where the record has no key. An empty key is a key. */
  get key(): Uint8Array<ArrayBuffer> | null {
    return this.#keyLength < 0 ? null : this.#bytes.subarray(this.#key, this.#key + this.#keyLength);
  }
  /** Null: a tombstone. */
  get value(): Uint8Array<ArrayBuffer> | null {
    return this.#valueLength < 0 ? null : this.#bytes.subarray(this.#value, this.#value + this.#valueLength);
  }
  get headers(): readonly RecordHeader[] {
    return this.namedHeaders.all();
  }
  /** @internal The headers, made anew each time, for who looks at few of them. */
  get namedHeaders(): NamedHeaders {
    return new NamedHeaders(this.#bytes, this.#value + Math.max(0, this.#valueLength), this.#end);
  }
  /** Whether it has no value, without one being cut. */
  get isTombstone(): boolean {
    return this.#valueLength < 0;
  }
  /** What `read` makes of the key, which lies in `bytes` from `from` up to `to`: no view of it is made. Undefined: there is none. */
  readKey<T>(read: PartReader<T>): T | undefined {
    return this.#keyLength < 0 ? undefined : read(this.#bytes, this.#key, this.#key + this.#keyLength);
  }
  /**
   * What `read` makes of the value of the last header with this key (in UTF-8). Undefined: there is none, or it has no
   * value. Nothing is made of the others.
   */
  readLastHeader<T>(key: Uint8Array, read: PartReader<T>): T | undefined {
    const cursor: Cursor = { bytes: this.#bytes, at: this.#value + Math.max(0, this.#valueLength), end: this.#end };
    let [from, length] = [-1, -1];
    for (let left = varint(cursor); left > 0; left--) {
      const keyLength = varint(cursor);
      const isIt = isAt(this.#bytes, skip(cursor, keyLength), keyLength, key);
      const valueLength = varint(cursor);
      const value = skip(cursor, Math.max(0, valueLength));
      if (isIt) [from, length] = [value, valueLength];
    }
    return from < 0 || length < 0 ? undefined : read(this.#bytes, from, from + length);
  }
  /** Bytes of key, value and headers together. */
  get byteLength(): number {
    return this.#end - this.#key;
  }

  /** The same record with bytes of its own: it keeps no batch in memory. */
  detached(): KafkaRecord {
    const from = this.#key;
    const bytes = this.#bytes.slice(from, this.#end);
    const [key, value, end] = [this.#key, this.#value, this.#end].map((at) => at - from) as [number, number, number];
    return new KafkaRecord(bytes, this.offset, this.timestamp, key, this.#keyLength, value, this.#valueLength, end);
  }
}

/** Makes something of a part of a record, which lies in `bytes` from `from` up to `to`. */
export type PartReader<T> = (bytes: Uint8Array<ArrayBuffer>, from: number, to: number) => T;

/** A reader that costs next to nothing, for one look at each of very many records. */
interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

function varint(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = cursor.bytes[skip(cursor, 1)]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
  }
  throw new DecodeError(`a varint at ${cursor.at} is longer than 5 bytes`);
}

function skip(cursor: Cursor, length: number): number {
  const { at } = cursor;
  if (length < 0 || length > cursor.end - at)
    throw new DecodeError(`${length} bytes wanted at ${at}, ${cursor.end - at} left in the record`);
  cursor.at += length;
  return at;
}

/** The records of one batch, which must have passed {@link checkCrc}. `maxBytes` bounds what decompression may give. */
export function readRecords(bytes: Uint8Array<ArrayBuffer>, header: BatchHeader, maxBytes: number): KafkaRecord[] {
  const codecId = codecIdOf(header);
  const start = header.start + BATCH_HEADER_BYTES;
  if (codecId === 0) return readPlain(bytes, start, header.end, header);
  const plain = decompress(codecId, bytes.subarray(start, header.end), maxBytes) as Uint8Array<ArrayBuffer>;
  return readPlain(plain, 0, plain.length, header);
}

function readPlain(bytes: Uint8Array<ArrayBuffer>, start: number, end: number, header: BatchHeader): KafkaRecord[] {
  // A record takes at least 7 bytes, so a hostile count allocates nothing.
  if (header.recordCount > (end - start) / 7) {
    throw new DecodeError(
      `batch at offset ${header.baseOffset} claims ${header.recordCount} records in ${end - start} bytes`,
    );
  }
  const reader = new Reader(bytes, start, end);
  const fixedTime = isLogAppendTime(header) ? header.maxTimestamp : undefined;
  const records = new Array<KafkaRecord>(header.recordCount);
  for (let i = 0; i < records.length; i++) records[i] = readRecord(reader, header, fixedTime);
  if (reader.remaining > 0) {
    throw new DecodeError(`batch at offset ${header.baseOffset}: ${reader.remaining} bytes after its last record`);
  }
  return records;
}

function readRecord(reader: Reader, header: BatchHeader, fixedTime: number | undefined): KafkaRecord {
  const length = reader.varint();
  const end = reader.take(length) + length;
  reader.position = end - length;
  reader.take(1);
  const timestamp = fixedTime ?? header.baseTimestamp + reader.varlong();
  if (fixedTime !== undefined) reader.varlong();
  const offset = header.baseOffset + reader.varint();
  const keyLength = reader.varint();
  const key = reader.take(Math.max(0, keyLength));
  const valueLength = reader.varint();
  const value = reader.take(Math.max(0, valueLength));
  if (reader.position > end) throw new DecodeError(`record at offset ${offset} is longer than it says`);
  reader.position = end;
  return new KafkaRecord(
    reader.bytes as Uint8Array<ArrayBuffer>,
    offset,
    timestamp,
    key,
    keyLength,
    value,
    valueLength,
    end,
  );
}

/** What one partition's part of a fetch response holds for its reader. */
export interface FetchedRecords {
  readonly records: KafkaRecord[];
  /** Where to read on: past control, aborted and compacted-away offsets too. */
  readonly nextOffset: number;
  /** The leader epoch of the last batch read, or -1. */
  readonly leaderEpoch: number;
  /** Bytes that the records keep in memory. */
  readonly byteLength: number;
}

/**
 * Reads what a fetch from `fetchOffset` gave: whole batches from the one that contains it. Records below it, markers
 * and aborted transactions are left out. `aborted` is null under read_uncommitted.
 */
export function readFetched(
  bytes: Uint8Array<ArrayBuffer>,
  fetchOffset: number,
  aborted: readonly AbortedTransaction[] | null,
  maxBytes: number,
): FetchedRecords {
  const isAborted = abortedFilter(aborted ?? []);
  const records: KafkaRecord[] = [];
  let nextOffset = fetchOffset;
  let leaderEpoch = -1;
  let kept = 0;
  const take = (header: BatchHeader): void => {
    checkCrc(bytes, header);
    try {
      if (!isControl(header) ? !isAborted.drops(header) : isAborted.mark(bytes, header, maxBytes)) {
        kept += keep(records, readRecords(bytes, header, maxBytes), nextOffset);
      }
    } catch (error) {
      throw asWritten(header, error);
    }
    leaderEpoch = header.partitionLeaderEpoch;
    nextOffset = header.baseOffset + header.lastOffsetDelta + 1;
  };
  try {
    for (let at = 0; at < bytes.length; ) {
      const header = readBatchHeader(bytes, at);
      if (header === undefined) break;
      at = header.end;
      if (header.baseOffset + header.lastOffsetDelta >= nextOffset) take(header);
    }
  } catch (error) {
    // What came before the bad batch is good: it is handed out, and the next fetch begins with the bad one.
    if (nextOffset === fetchOffset) throw error;
  }
  // Since KIP-74 the first batch comes whole whatever its size: what brings nothing now would bring nothing for ever.
  if (nextOffset === fetchOffset && bytes.length > 0) {
    throw new DecodeError(`${bytes.length} bytes hold no whole record batch with offset ${fetchOffset} or later`);
  }
  return { records, nextOffset, leaderEpoch, byteLength: kept };
}

/** What is wrong with a batch whose sum is right was wrong when it was written. */
function asWritten({ baseOffset }: BatchHeader, error: unknown): unknown {
  if (!(error instanceof DecodeError)) return error;
  return new UnreadableBatchError(`record batch at offset ${baseOffset} cannot be read: ${error.message}`);
}

function keep(into: KafkaRecord[], records: readonly KafkaRecord[], from: number): number {
  let size = 0;
  for (const record of records) {
    if (record.offset < from) continue;
    into.push(record);
    size += record.byteLength;
  }
  return size;
}

interface AbortedFilter {
  /** Whether the batch belongs to an aborted transaction. */
  drops(header: BatchHeader): boolean;
  /** Takes note of a marker. Always false: markers are never data. */
  mark(bytes: Uint8Array<ArrayBuffer>, header: BatchHeader, maxBytes: number): false;
}

const ABORT_MARKER = 0;

/**
 * Per producer, a queue of aborted first offsets, ascending: the head applies from its offset on until that
 * producer's next abort marker. One producer may have several, and a marker may lie beyond this response.
 */
function abortedFilter(aborted: readonly AbortedTransaction[]): AbortedFilter {
  const queues = new Map<ProducerId, number[]>();
  for (const { producerId, firstOffset } of [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)) {
    const queue = queues.get(producerId);
    if (queue === undefined) queues.set(producerId, [firstOffset]);
    else queue.push(firstOffset);
  }
  return {
    drops(header) {
      if (!isTransactional(header)) return false;
      const first = queues.get(header.producerId)?.[0];
      return first !== undefined && first <= header.baseOffset;
    },
    mark(bytes, header, maxBytes) {
      // Compaction leaves an empty one where a marker was the last that its producer wrote.
      if (header.recordCount === 0) return false;
      const [marker] = readRecords(bytes, header, maxBytes);
      const key = marker?.key;
      if (key == null || key.length < 4)
        throw new DecodeError(`control batch at offset ${header.baseOffset} has no type`);
      const queue = queues.get(header.producerId);
      if (new Reader(key, 2).int16() === ABORT_MARKER && queue !== undefined && queue[0]! <= header.baseOffset)
        queue.shift();
      return false;
    },
  };
}

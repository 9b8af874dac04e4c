import { type CompressionType, codecIds, compress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import type { ProducerId } from "./producer-id.ts";
import { attributesOf, BATCH_HEADER_BYTES, BATCH_LENGTH_END, CRC_START, FIELD_AT } from "./record-batch.ts";
import { encodeUtf8, writeAscii } from "./utf8.ts";

/** Who writes a batch, and where it stands in that producer's sequence on the partition (KIP-98). */
export interface ProducerStamp {
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  /** Sequence of the first record; -1 without idempotence. */
  readonly baseSequence: number;
  readonly transactional: boolean;
}

export const NO_PRODUCER: ProducerStamp = { producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false };

/** A part of a record; text is written as UTF-8. */
export type PartToWrite = string | Uint8Array | null;
/** A header as written. */
export type HeaderToWrite = readonly [key: string, value: PartToWrite];

type Headers = readonly (readonly [key: string | Uint8Array, value: PartToWrite])[];

const NO_HEADERS: Headers = [];
/** What is asked for at first: most batches of single sends are smaller. */
const FIRST_CAPACITY = 1024;

/**
 * Gathers records into one batch. They are encoded as they are added, so the caller's bytes may change afterwards, a
 * repeated send needs no second encoding, and its size is always known.
 */
export class BatchBuilder {
  readonly #maxBytes: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #position = BATCH_HEADER_BYTES;
  #codecId = 0;
  #baseTimestamp = -1;
  #maxTimestamp = -1;
  /** What {@link stamped} was last given. */
  #stamp: ProducerStamp | undefined;
  recordCount = 0;

  /**
   * `maxBytes`: a record that would take the batch beyond it starts another; the first always fits. `expectedBytes`:
   * what to make room for at once, so that a large batch is not copied as it grows. `allocate` gives memory.
   */
  constructor(maxBytes: number, expectedBytes = 0, allocate: (bytes: number) => Uint8Array<ArrayBuffer> = cleared) {
    this.#maxBytes = maxBytes;
    this.#bytes = allocate(Math.min(Math.max(FIRST_CAPACITY, expectedBytes), maxBytes));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** The memory that it is in. Once that is used for something else, nothing may be asked of this any more. */
  get memory(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Size of the batch, header included. After {@link close}: as it will be sent. */
  get byteLength(): number {
    return this.#position;
  }

  /** Adds a record; false where it belongs into another batch. `timestamp` in milliseconds since 1970. */
  append(
    key: PartToWrite,
    value: PartToWrite,
    timestamp: number,
    headers: readonly HeaderToWrite[] | undefined = undefined,
  ): boolean {
    // Nearly all text is ASCII, whose bytes need not be made to be counted.
    return (
      this.#append(key, value, timestamp, headers ?? NO_HEADERS) ??
      this.#append(
        bytesOf(key),
        bytesOf(value),
        timestamp,
        headers === undefined ? NO_HEADERS : headers.map(([name, part]) => [encodeUtf8(name), bytesOf(part)]),
      )!
    );
  }

  /** As {@link append}, for text that is ASCII. Undefined: some is not, and nothing was added. */
  #append(key: PartToWrite, value: PartToWrite, timestamp: number, headers: Headers): boolean | undefined {
    const start = this.#position;
    const first = this.recordCount === 0;
    const timestampDelta = first ? 0 : timestamp - this.#baseTimestamp;
    const length =
      1 +
      varlongSize(timestampDelta) +
      varintSize(this.recordCount) +
      fieldSize(key) +
      fieldSize(value) +
      varintSize(headers.length) +
      headersSize(headers);
    const needed = start + varintSize(length) + length;
    if (needed > this.#maxBytes && !first) return false;
    this.#ensure(needed);
    this.#varint(length);
    this.#bytes[this.#position++] = 0;
    this.#varlong(timestampDelta);
    this.#varint(this.recordCount);
    let isWritten = this.#field(key) && this.#field(value);
    this.#varint(headers.length);
    for (let i = 0; isWritten && i < headers.length; i++)
      isWritten = this.#field(headers[i]![0]) && this.#field(headers[i]![1]);
    if (!isWritten) {
      this.#position = start;
      return undefined;
    }
    if (first) this.#baseTimestamp = timestamp;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    this.recordCount++;
    return true;
  }

  /** Ends the batch, compressed where that makes it smaller. Nothing may be appended after this. */
  close(compression: CompressionType): void {
    if (compression === "none") return;
    const plain = this.#bytes.subarray(BATCH_HEADER_BYTES, this.#position);
    const packed = compress(compression, plain);
    if (packed.length >= plain.length) return;
    this.#codecId = codecIds[compression];
    this.#bytes.set(packed, BATCH_HEADER_BYTES);
    this.#position = BATCH_HEADER_BYTES + packed.length;
  }

  /**
   * The batch as bytes to send, a view of its own buffer. A repetition may carry another stamp: what was given before
   * stays as it is, since it may still be on its way out.
   */
  stamped(stamp: ProducerStamp): Uint8Array<ArrayBuffer> {
    if (this.#stamp !== undefined) {
      if (isSame(this.#stamp, stamp)) return this.#bytes.subarray(0, this.#position);
      this.#moveTo(this.#position);
    }
    this.#stamp = stamp;
    const view = this.#view;
    view.setInt32(FIELD_AT.baseOffset, 0);
    view.setInt32(FIELD_AT.baseOffset + 4, 0);
    view.setInt32(FIELD_AT.batchLength, this.#position - BATCH_LENGTH_END);
    view.setInt32(FIELD_AT.partitionLeaderEpoch, -1);
    view.setInt8(FIELD_AT.magic, 2);
    view.setInt16(FIELD_AT.attributes, attributesOf(this.#codecId, stamp.transactional));
    view.setInt32(FIELD_AT.lastOffsetDelta, this.recordCount - 1);
    setInt64(view, FIELD_AT.baseTimestamp, this.#baseTimestamp);
    setInt64(view, FIELD_AT.maxTimestamp, this.#maxTimestamp);
    view.setBigInt64(FIELD_AT.producerId, BigInt(stamp.producerId));
    view.setInt16(FIELD_AT.producerEpoch, stamp.producerEpoch);
    view.setInt32(FIELD_AT.baseSequence, stamp.baseSequence);
    view.setInt32(FIELD_AT.recordCount, this.recordCount);
    view.setUint32(FIELD_AT.crc, crc32c(this.#bytes, CRC_START, this.#position));
    return this.#bytes.subarray(0, this.#position);
  }

  #ensure(needed: number): void {
    if (needed <= this.#bytes.length) return;
    this.#moveTo(Math.max(needed, Math.min(this.#bytes.length * 2, this.#maxBytes)));
  }

  #moveTo(capacity: number): void {
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** False: it is text that is not ASCII. */
  #field(value: PartToWrite): boolean {
    this.#varint(value === null ? -1 : value.length);
    if (value === null) return true;
    const at = this.#position;
    this.#position += value.length;
    if (typeof value === "string") return writeAscii(this.#bytes, at, value);
    this.#bytes.set(value, at);
    return true;
  }

  #varint(value: number): void {
    let zigzag = (value << 1) ^ (value >> 31);
    while ((zigzag & ~0x7f) !== 0) {
      this.#bytes[this.#position++] = (zigzag & 0x7f) | 0x80;
      zigzag >>>= 7;
    }
    this.#bytes[this.#position++] = zigzag;
  }

  #varlong(value: number): void {
    if (value >= -0x4000_0000 && value < 0x4000_0000) return this.#varint(value);
    let zigzag = zigzag64(value);
    while (zigzag > 0x7f) {
      this.#bytes[this.#position++] = (zigzag % 0x80) | 0x80;
      zigzag = Math.floor(zigzag / 0x80);
    }
    this.#bytes[this.#position++] = zigzag;
  }
}

function cleared(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function isSame(a: ProducerStamp, b: ProducerStamp): boolean {
  return (
    a.producerId === b.producerId &&
    a.producerEpoch === b.producerEpoch &&
    a.baseSequence === b.baseSequence &&
    a.transactional === b.transactional
  );
}

function bytesOf(part: PartToWrite): Uint8Array | null {
  return typeof part === "string" ? encodeUtf8(part) : part;
}

/** Text is taken for ASCII. */
function fieldSize(value: PartToWrite): number {
  return value === null ? 1 : varintSize(value.length) + value.length;
}

function headersSize(headers: Headers): number {
  let size = 0;
  for (let i = 0; i < headers.length; i++) size += fieldSize(headers[i]![0]) + fieldSize(headers[i]![1]);
  return size;
}

function varintSize(value: number): number {
  const zigzag = (value << 1) ^ (value >> 31);
  if ((zigzag & ~0x7f) === 0) return 1;
  if ((zigzag & ~0x3fff) === 0) return 2;
  if ((zigzag & ~0x1f_ffff) === 0) return 3;
  return (zigzag & ~0xfff_ffff) === 0 ? 4 : 5;
}

function varlongSize(value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) return varintSize(value);
  let size = 1;
  for (let zigzag = zigzag64(value); zigzag > 0x7f; zigzag = Math.floor(zigzag / 0x80)) size++;
  return size;
}

/** Zigzag of what 32 bits cannot hold. Record times are far below the 2^52 from which this would round. */
function zigzag64(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function setInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 0x1_0000_0000));
  view.setInt32(at + 4, value | 0);
}

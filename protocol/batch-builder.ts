import { type CompressionType, codecIds, compress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import type { ProducerId } from "./producer-id.ts";
import { attributesOf, BATCH_HEADER_BYTES, BATCH_LENGTH_END, CRC_START, FIELD_AT } from "./record-batch.ts";
import { encodeUtf8 } from "./utf8.ts";

/** Who writes a batch, and where it stands in that producer's sequence on the partition (KIP-98). */
export interface ProducerStamp {
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  /** Sequence of the first record; -1 without idempotence. */
  readonly baseSequence: number;
  readonly transactional: boolean;
}

export const NO_PRODUCER: ProducerStamp = { producerId: -1, producerEpoch: -1, baseSequence: -1, transactional: false };

/** A header as written: its key as text, its value as bytes or null. */
export type HeaderToWrite = readonly [key: string, value: Uint8Array | null];

const NO_HEADERS: readonly HeaderToWrite[] = [];
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
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestamp: number,
    headers: readonly HeaderToWrite[] = NO_HEADERS,
  ): boolean {
    const first = this.recordCount === 0;
    const timestampDelta = first ? 0 : timestamp - this.#baseTimestamp;
    const keys = headers.length === 0 ? undefined : headers.map(([name]) => encodeUtf8(name));
    const length =
      1 +
      varlongSize(timestampDelta) +
      varintSize(this.recordCount) +
      fieldSize(key) +
      fieldSize(value) +
      varintSize(headers.length) +
      (keys === undefined ? 0 : headersSize(keys, headers));
    const needed = this.#position + varintSize(length) + length;
    if (needed > this.#maxBytes && !first) return false;
    this.#ensure(needed);
    if (first) this.#baseTimestamp = timestamp;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    this.#varint(length);
    this.#bytes[this.#position++] = 0;
    this.#varlong(timestampDelta);
    this.#varint(this.recordCount);
    this.#field(key);
    this.#field(value);
    this.#varint(headers.length);
    if (keys !== undefined) {
      for (let i = 0; i < keys.length; i++) {
        this.#field(keys[i]!);
        this.#field(headers[i]![1]);
      }
    }
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

  #field(value: Uint8Array | null): void {
    if (value === null) return this.#varint(-1);
    this.#varint(value.length);
    this.#bytes.set(value, this.#position);
    this.#position += value.length;
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

function fieldSize(value: Uint8Array | null): number {
  return value === null ? 1 : varintSize(value.length) + value.length;
}

function headersSize(keys: readonly Uint8Array[], headers: readonly HeaderToWrite[]): number {
  let size = 0;
  for (let i = 0; i < keys.length; i++) size += fieldSize(keys[i]!) + fieldSize(headers[i]![1]);
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

import { crc32c } from "./crc32c.ts";
import type { ProducerId } from "./producer-id.ts";
import { DecodeError, Reader } from "./reader.ts";

/**
 * The header of a record batch in format v2 (KIP-98). The CRC covers everything from `attributes` on, so a broker may
 * set `baseOffset` and `partitionLeaderEpoch` without computing it again.
 */
export interface BatchHeader {
  /** Where the batch begins and ends in the bytes it was read from. */
  readonly start: number;
  readonly end: number;
  readonly baseOffset: number;
  readonly partitionLeaderEpoch: number;
  readonly crc: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** A batch that came as it was written, and cannot be read all the same: asking for it again would change nothing. */
export class UnreadableBatchError extends DecodeError {}

/** Bytes before the records. */
export const BATCH_HEADER_BYTES = 61;
/** Bytes before what `batchLength` counts. */
export const BATCH_LENGTH_END = 12;
/** Where the bytes begin that the CRC covers. */
export const CRC_START = 21;
export const FIELD_AT: {
  readonly baseOffset: 0;
  readonly batchLength: 8;
  readonly partitionLeaderEpoch: 12;
  readonly magic: 16;
  readonly crc: 17;
  readonly attributes: 21;
  readonly lastOffsetDelta: 23;
  readonly baseTimestamp: 27;
  readonly maxTimestamp: 35;
  readonly producerId: 43;
  readonly producerEpoch: 51;
  readonly baseSequence: 53;
  readonly recordCount: 57;
} = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
};

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;
export const DELETE_HORIZON = 0x40;

export function attributesOf(codecId: number, transactional: boolean): number {
  return codecId | (transactional ? TRANSACTIONAL : 0);
}
export function codecIdOf(header: BatchHeader): number {
  return header.attributes & CODEC_MASK;
}
/** The broker's time at append stands for every record's own. */
export function isLogAppendTime(header: BatchHeader): boolean {
  return (header.attributes & LOG_APPEND_TIME) !== 0;
}
export function isTransactional(header: BatchHeader): boolean {
  return (header.attributes & TRANSACTIONAL) !== 0;
}
/** Its one record is a transaction marker, not data. */
export function isControl(header: BatchHeader): boolean {
  return (header.attributes & CONTROL) !== 0;
}
/** `baseTimestamp` holds the instant after which a compacted tombstone may go (KIP-534). */
export function hasDeleteHorizon(header: BatchHeader): boolean {
  return (header.attributes & DELETE_HORIZON) !== 0;
}
export function lastOffsetOf(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta;
}

/**
 * The header of the batch at `at`, or undefined where the bytes end before the batch does: a fetch may cut its last
 * batch. Formats 0 and 1 (before Kafka 0.11) and lengths that cannot be are errors.
 */
export function readBatchHeader(bytes: Uint8Array, at: number, limit: number = bytes.length): BatchHeader | undefined {
  if (limit - at < FIELD_AT.magic + 1) return undefined;
  const magic = bytes[at + FIELD_AT.magic]!;
  if (magic !== 2) {
    const message = `record batch at byte ${at} has format ${magic}: only format 2 (Kafka 0.11 and later) is read`;
    throw magic < 2 ? new UnreadableBatchError(message) : new DecodeError(message);
  }
  const reader = new Reader(bytes, at, limit);
  const baseOffset = reader.int64();
  const batchLength = reader.int32();
  const end = at + BATCH_LENGTH_END + batchLength;
  if (batchLength < BATCH_HEADER_BYTES - BATCH_LENGTH_END) {
    throw new DecodeError(`record batch at byte ${at} claims ${batchLength} bytes, less than its own header`);
  }
  if (end > limit) return undefined;
  const partitionLeaderEpoch = reader.int32();
  reader.int8();
  const header: BatchHeader = {
    start: at,
    end,
    baseOffset,
    partitionLeaderEpoch,
    crc: reader.uint32(),
    attributes: reader.int16(),
    lastOffsetDelta: reader.int32(),
    baseTimestamp: reader.int64(),
    maxTimestamp: reader.int64(),
    producerId: reader.producerId(),
    producerEpoch: reader.int16(),
    baseSequence: reader.int32(),
    recordCount: reader.int32(),
  };
  if (header.recordCount < 0 || header.lastOffsetDelta < 0 || baseOffset < 0) {
    throw new DecodeError(`record batch at byte ${at} has a negative offset or count`);
  }
  return header;
}

/** Every whole batch in `bytes`, in order. */
export function readBatchHeaders(bytes: Uint8Array): BatchHeader[] {
  const headers: BatchHeader[] = [];
  for (let at = 0; at < bytes.length; ) {
    const header = readBatchHeader(bytes, at);
    if (header === undefined) break;
    headers.push(header);
    at = header.end;
  }
  return headers;
}

/** How far the whole batches in some bytes go. */
export interface BatchSpan {
  /** The offset after the last batch, or `from` where there is none. */
  readonly nextOffset: number;
  /** The leader epoch of the last batch, or -1. */
  readonly leaderEpoch: number;
}

/**
 * How far the whole batches in `bytes` go, from their headers alone: nothing is checked yet. What cannot be, such as
 * offsets that fall, ends the span before it.
 */
export function spanOfBatches(bytes: Uint8Array, from: number): BatchSpan {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let nextOffset = from;
  let leaderEpoch = -1;
  for (let at = 0; bytes.length - at >= BATCH_HEADER_BYTES; ) {
    const end = at + BATCH_LENGTH_END + view.getInt32(at + FIELD_AT.batchLength);
    if (end < at + BATCH_HEADER_BYTES || end > bytes.length || bytes[at + FIELD_AT.magic] !== 2) break;
    const baseOffset = Number(view.getBigInt64(at));
    const last = baseOffset + view.getInt32(at + FIELD_AT.lastOffsetDelta);
    if (last >= nextOffset) {
      if (baseOffset < nextOffset && nextOffset !== from) break;
      nextOffset = last + 1;
      leaderEpoch = view.getInt32(at + FIELD_AT.partitionLeaderEpoch);
    }
    at = end;
  }
  return { nextOffset, leaderEpoch };
}

/** Throws where the bytes are not those that were written. */
export function checkCrc(bytes: Uint8Array, header: BatchHeader): void {
  const actual = crc32c(bytes, header.start + CRC_START, header.end);
  if (actual !== header.crc) {
    throw new DecodeError(`record batch at offset ${header.baseOffset} is corrupt: CRC ${actual}, not ${header.crc}`);
  }
}

import { type CompressionType, codecIds, compress, decompress } from "../../protocol/compression.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { Reader } from "../../protocol/reader.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_END,
  type BatchHeader,
  CRC_START,
  codecIdOf,
  DELETE_HORIZON,
  FIELD_AT,
  hasDeleteHorizon,
  isLogAppendTime,
} from "../../protocol/record-batch.ts";

/** A record of a batch that is being compacted. */
export interface StoredRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly isTombstone: boolean;
  /** What comes before its time, and what comes after. */
  readonly attributes: number;
  readonly rest: Uint8Array;
}

/** How much a batch may decompress to: a broker took it, so this is for what time has damaged. */
const DECOMPRESSED_LIMIT = 1024 * 1024 * 1024;
const CODEC_MASK = 0x07;
const NO_TIMESTAMP = -1n;
const TYPES = Object.keys(codecIds) as CompressionType[];

/** The records of a batch, with what is needed to write them again. */
export function storedRecords(bytes: Uint8Array, header: BatchHeader): StoredRecord[] {
  const packed = bytes.subarray(header.start + BATCH_HEADER_BYTES, header.end);
  const reader = new Reader(decompress(codecIdOf(header), packed, DECOMPRESSED_LIMIT));
  return Array.from({ length: header.recordCount }, () => {
    const length = reader.varint();
    const end = reader.take(length) + length;
    reader.position = end - length;
    const attributes = reader.int8();
    const timestamp = header.baseTimestamp + reader.varlong();
    const rest = reader.bytes.subarray(reader.position, end);
    const offset = header.baseOffset + reader.varint();
    const keyLength = reader.varint();
    const key = keyLength < 0 ? null : reader.slice(keyLength);
    const isTombstone = reader.varint() < 0;
    reader.position = end;
    return { offset, timestamp, key, isTombstone, attributes, rest };
  });
}

/**
 * The batch with only these of its records: offsets, sequences and compression are as they were. `deleteHorizon`: when
 * its tombstones may go, which then stands where the first timestamp was (KIP-534).
 */
export function filteredBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  kept: readonly StoredRecord[],
  deleteHorizon: number | undefined,
): Uint8Array {
  const base = deleteHorizon ?? header.baseTimestamp;
  const plain = encodeRecords(kept, base);
  const type = kept.length === 0 ? "none" : TYPES.find((one) => codecIds[one] === codecIdOf(header))!;
  const packed = compress(type, plain);
  const batch = new Uint8Array(BATCH_HEADER_BYTES + packed.length);
  batch.set(bytes.subarray(header.start, header.start + BATCH_HEADER_BYTES));
  batch.set(packed, BATCH_HEADER_BYTES);
  const view = new DataView(batch.buffer);
  view.setInt32(FIELD_AT.batchLength, batch.length - BATCH_LENGTH_END);
  const isMarked = kept.length > 0 && (deleteHorizon !== undefined || hasDeleteHorizon(header));
  const attributes = (header.attributes & ~CODEC_MASK & ~DELETE_HORIZON) | codecIds[type];
  view.setInt16(FIELD_AT.attributes, isMarked ? attributes | DELETE_HORIZON : attributes);
  view.setBigInt64(FIELD_AT.baseTimestamp, kept.length === 0 ? NO_TIMESTAMP : BigInt(base));
  view.setBigInt64(FIELD_AT.maxTimestamp, BigInt(greatestTimestamp(header, kept)));
  view.setInt32(FIELD_AT.recordCount, kept.length);
  view.setUint32(FIELD_AT.crc, crc32c(batch, CRC_START, batch.length));
  return batch;
}

function greatestTimestamp(header: BatchHeader, kept: readonly StoredRecord[]): number {
  if (isLogAppendTime(header) || kept.length === 0) return header.maxTimestamp;
  return kept.reduce((max, { timestamp }) => Math.max(max, timestamp), -1);
}

function encodeRecords(records: readonly StoredRecord[], baseTimestamp: number): Uint8Array {
  const parts = records.map(({ attributes, timestamp, rest }) => {
    const delta = zigzag(timestamp - baseTimestamp);
    return { length: zigzag(1 + delta.length + rest.length), attributes, delta, rest };
  });
  const size = parts.reduce((sum, one) => sum + one.length.length + 1 + one.delta.length + one.rest.length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const { length, attributes, delta, rest } of parts) {
    bytes.set(length, at);
    at += length.length;
    bytes[at++] = attributes;
    bytes.set(delta, at);
    at += delta.length;
    bytes.set(rest, at);
    at += rest.length;
  }
  return bytes;
}

/** A varlong of a value that may be beyond 32 bits. */
function zigzag(value: number): number[] {
  const bytes: number[] = [];
  let left = value >= 0 ? value * 2 : -value * 2 - 1;
  while (left > 0x7f) {
    bytes.push((left % 0x80) | 0x80);
    left = Math.floor(left / 0x80);
  }
  bytes.push(left);
  return bytes;
}

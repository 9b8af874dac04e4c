import {
  CodecUnavailableError,
  type CompressionType,
  codecIds,
  compress,
  decompress,
} from "../../protocol/compression.ts";
import { crc32c } from "../../protocol/crc32c.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_END,
  type BatchHeader,
  CRC_START,
  checkCrc,
  codecIdOf,
  FIELD_AT,
  isControl,
  isLogAppendTime,
  isTransactional,
  readBatchHeader,
} from "../../protocol/record-batch.ts";

/** Why a produced batch is not stored. `recordIndex`: the record at fault, where it is one (KIP-467). */
export class BatchRefused extends Error {
  override readonly name = "BatchRefused";
  readonly errorCode: number;
  readonly recordIndex: number;

  constructor(errorCode: number, message: string, recordIndex = -1) {
    super(message);
    this.errorCode = errorCode;
    this.recordIndex = recordIndex;
  }
}

/** What a topic demands of a batch. */
export interface BatchRules {
  readonly maxMessageBytes: number;
  /** Whether each record must have a key: compaction could do nothing without one. */
  readonly needsKeys: boolean;
  /** How far a record's time may be before and after the broker's, in ms. */
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** Set where the broker's time stands for the records' own. */
  readonly logAppendTime: boolean;
  /** How batches are compressed in the log. Default: as they come. */
  readonly compression?: CompressionType | undefined;
}

export interface CheckedBatch {
  readonly header: BatchHeader;
  readonly bytes: Uint8Array;
  readonly maxTimestamp: number;
}

const ZSTD = 4;
/** The first Produce version whose readers know zstd (KIP-110). */
const ZSTD_SINCE = 7;
const HIGHEST_CODEC = 4;
/** How much a batch may decompress to while it is checked: beyond it, it is an attack or an accident. */
const DECOMPRESSED_LIMIT = 256 * 1024 * 1024;

/**
 * The one batch that a partition's part of a Produce request must be, checked as Kafka's leader checks it. Throws
 * {@link BatchRefused}. `now`: the broker's time, epoch ms.
 */
export function checkBatch(records: Uint8Array | null, version: number, rules: BatchRules, now: number): CheckedBatch {
  if (records === null || records.length === 0) throw invalid("there is no record batch");
  const header = soleBatch(records);
  checkSize(records, rules);
  corruptWhereThrown(() => checkCrc(records, header));
  checkHeader(header, version);
  const latest = checkRecords(records, header, rules, now);
  const maxTimestamp = rules.logAppendTime ? now : (latest ?? header.maxTimestamp);
  const { compression } = rules;
  if (compression !== undefined && codecIds[compression] !== codecIdOf(header)) {
    const changed = recompressed(records, header, compression);
    checkSize(changed, rules);
    return { header, bytes: restamped(changed, maxTimestamp, rules.logAppendTime), maxTimestamp };
  }
  // A producer that got its own maximum wrong would make look-ups by time miss the records.
  if (!rules.logAppendTime && maxTimestamp === header.maxTimestamp) return { header, bytes: records, maxTimestamp };
  return { header, bytes: restamped(records.slice(), maxTimestamp, rules.logAppendTime), maxTimestamp };
}

function checkSize({ length }: Uint8Array, { maxMessageBytes }: BatchRules): void {
  if (length <= maxMessageBytes) return;
  const message = `the batch has ${length} bytes, and max.message.bytes is ${maxMessageBytes}`;
  throw new BatchRefused(ErrorCode.MESSAGE_TOO_LARGE, message);
}

/** The batch in another compression. Its CRC is still the old one. */
function recompressed(bytes: Uint8Array, header: BatchHeader, type: CompressionType): Uint8Array<ArrayBuffer> {
  const records = bytes.subarray(header.start + BATCH_HEADER_BYTES, header.end);
  let packed: Uint8Array;
  try {
    packed = compress(type, decompress(codecIdOf(header), records, DECOMPRESSED_LIMIT));
  } catch (error) {
    if (!(error instanceof CodecUnavailableError)) throw error;
    throw new BatchRefused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, error.message);
  }
  const changed = new Uint8Array(BATCH_HEADER_BYTES + packed.length);
  changed.set(bytes.subarray(0, BATCH_HEADER_BYTES));
  changed.set(packed, BATCH_HEADER_BYTES);
  const view = new DataView(changed.buffer);
  view.setInt32(FIELD_AT.batchLength, changed.length - BATCH_LENGTH_END);
  view.setInt16(FIELD_AT.attributes, (header.attributes & ~CODEC_MASK) | codecIds[type]);
  return changed;
}

function soleBatch(records: Uint8Array): BatchHeader {
  const magic = records[FIELD_AT.magic];
  if (magic === 0 || magic === 1) throw invalid(`record format ${magic} is not taken: only format 2 is`);
  const header = corruptWhereThrown(() => readBatchHeader(records, 0));
  if (header === undefined) throw corrupt("the batch is cut short");
  if (header.end !== records.length) throw invalid("a partition takes exactly one batch a request");
  return header;
}

function checkHeader(header: BatchHeader, version: number): void {
  const codecId = codecIdOf(header);
  if (codecId > HIGHEST_CODEC || (codecId === ZSTD && version < ZSTD_SINCE)) {
    const message = `compression ${codecId} is not possible in Produce version ${version}`;
    throw new BatchRefused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, message);
  }
  if (header.baseOffset !== 0) throw invalid(`the batch's base offset is ${header.baseOffset}, not 0`);
  if (header.recordCount === 0 || header.lastOffsetDelta !== header.recordCount - 1) {
    throw invalid(`the batch has ${header.recordCount} records and last offset delta ${header.lastOffsetDelta}`);
  }
  if (isControl(header)) throw invalid("clients may not write control batches");
  if (isLogAppendTime(header)) throw invalid("clients may not set the timestamp type to LogAppendTime");
  if (header.producerId >= 0 && (header.baseSequence < 0 || header.producerEpoch < 0)) {
    throw invalid(`producer ${header.producerId} sent epoch ${header.producerEpoch}, sequence ${header.baseSequence}`);
  }
  if (isTransactional(header) && header.producerId < 0) throw invalid("a transaction's batch has no producer id");
}

/** Walks over all records; gives the greatest timestamp, or undefined where this runtime cannot decompress them. */
function checkRecords(bytes: Uint8Array, header: BatchHeader, rules: BatchRules, now: number): number | undefined {
  const start = header.start + BATCH_HEADER_BYTES;
  const codecId = codecIdOf(header);
  try {
    if (codecId === 0) return walk(new Reader(bytes, start, header.end), header, rules, now);
    const plain = decompress(codecId, bytes.subarray(start, header.end), DECOMPRESSED_LIMIT);
    return walk(new Reader(plain), header, rules, now);
  } catch (error) {
    // Storing what only readers can read is what a broker does; it has just not looked into it.
    if (error instanceof CodecUnavailableError) return undefined;
    if (error instanceof BatchRefused) throw error;
    throw corrupt(error instanceof Error ? error.message : String(error));
  }
}

function walk(reader: Reader, header: BatchHeader, rules: BatchRules, now: number): number {
  const earliest = now - rules.timestampBeforeMaxMs;
  const last = now + rules.timestampAfterMaxMs;
  let latest = -1;
  for (let i = 0; i < header.recordCount; i++) {
    const length = reader.varint();
    const end = reader.take(length) + length;
    reader.position = end - length;
    reader.take(1);
    const timestamp = header.baseTimestamp + reader.varlong();
    if (reader.varint() !== i) throw invalid(`record ${i} has another offset delta`, i);
    const keyLength = reader.varint();
    if (rules.needsKeys && keyLength < 0) throw invalid(`record ${i} has no key, and the topic is compacted`, i);
    if (!rules.logAppendTime && (timestamp < earliest || timestamp > last)) {
      const message = `record ${i} has timestamp ${timestamp}, and the broker's time is ${now}`;
      throw new BatchRefused(ErrorCode.INVALID_TIMESTAMP, message, i);
    }
    if (timestamp > latest) latest = timestamp;
    reader.take(Math.max(0, keyLength));
    reader.take(Math.max(0, reader.varint()));
    skipHeaders(reader, i);
    if (reader.position !== end) throw invalid(`record ${i} has ${length} bytes, and its parts do not fill them`, i);
  }
  if (reader.remaining > 0) throw invalid(`${reader.remaining} bytes follow the last record`);
  return latest;
}

/** What no reader could read would hold up all of them. */
function skipHeaders(reader: Reader, record: number): void {
  const count = reader.varint();
  if (count < 0) throw invalid(`record ${record} has ${count} headers`, record);
  for (let i = 0; i < count; i++) {
    reader.take(reader.varint());
    reader.take(Math.max(0, reader.varint()));
  }
}

const LOG_APPEND_TIME_BIT = 0x08;
const CODEC_MASK = 0x07;

/** Sets the time of the batch, and its CRC, in place. */
function restamped(bytes: Uint8Array<ArrayBuffer>, maxTimestamp: number, logAppendTime: boolean): Uint8Array {
  const view = new DataView(bytes.buffer);
  if (logAppendTime) view.setInt16(FIELD_AT.attributes, view.getInt16(FIELD_AT.attributes) | LOG_APPEND_TIME_BIT);
  view.setBigInt64(FIELD_AT.maxTimestamp, BigInt(maxTimestamp));
  view.setUint32(FIELD_AT.crc, crc32c(bytes, CRC_START, bytes.length));
  return bytes;
}

function corruptWhereThrown<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) throw corrupt(error.message);
    throw error;
  }
}

function invalid(message: string, recordIndex = -1): BatchRefused {
  return new BatchRefused(ErrorCode.INVALID_RECORD, message, recordIndex);
}

function corrupt(message: string): BatchRefused {
  return new BatchRefused(ErrorCode.CORRUPT_MESSAGE, message);
}

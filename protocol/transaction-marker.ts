import { crc32c } from "./crc32c.ts";
import type { ProducerId } from "./producer-id.ts";
import { DecodeError, Reader } from "./reader.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_END,
  type BatchHeader,
  CONTROL,
  CRC_START,
  FIELD_AT,
  TRANSACTIONAL,
} from "./record-batch.ts";
import { readRecords } from "./records.ts";

/** How a transaction ended on a partition: what the marker at its end says (KIP-98). */
export interface TransactionMarker {
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  readonly committed: boolean;
  /** Of the coordinator that decided it: a later one has a greater epoch. */
  readonly coordinatorEpoch: number;
}

const ABORT = 0;
const COMMIT = 1;
/** Length, attributes, time, offset, key length and key, value length and value, header count: all of fixed size. */
const RECORD_BYTES = 17;
/** A marker takes a few bytes: anything larger is none. */
const LARGEST_MARKER = 1024;

/** The control batch that holds a marker. `timestamp`: epoch ms. */
export function markerBatch(marker: TransactionMarker, timestamp: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(BATCH_HEADER_BYTES + RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt32(FIELD_AT.batchLength, bytes.length - BATCH_LENGTH_END);
  view.setInt32(FIELD_AT.partitionLeaderEpoch, -1);
  view.setInt8(FIELD_AT.magic, 2);
  view.setInt16(FIELD_AT.attributes, TRANSACTIONAL | CONTROL);
  view.setBigInt64(FIELD_AT.baseTimestamp, BigInt(timestamp));
  view.setBigInt64(FIELD_AT.maxTimestamp, BigInt(timestamp));
  view.setBigInt64(FIELD_AT.producerId, BigInt(marker.producerId));
  view.setInt16(FIELD_AT.producerEpoch, marker.producerEpoch);
  view.setInt32(FIELD_AT.baseSequence, -1);
  view.setInt32(FIELD_AT.recordCount, 1);
  const type = marker.committed ? COMMIT : ABORT;
  // Zigzag: 32 is a length of 16, 8 one of 4, 12 one of 6. The key has version and type, the value version and epoch.
  bytes.set([32, 0, 0, 0, 8, 0, 0, 0, type, 12, 0, 0], BATCH_HEADER_BYTES);
  view.setInt32(BATCH_HEADER_BYTES + 12, marker.coordinatorEpoch);
  view.setUint32(FIELD_AT.crc, crc32c(bytes, CRC_START, bytes.length));
  return bytes;
}

/** The marker in a control batch. */
export function readMarker(bytes: Uint8Array<ArrayBuffer>, header: BatchHeader): TransactionMarker {
  const [record] = readRecords(bytes, header, LARGEST_MARKER);
  if (record?.key == null || record.value === null) {
    throw new DecodeError(`control batch at offset ${header.baseOffset} has no marker`);
  }
  const { producerId, producerEpoch } = header;
  const committed = new Reader(record.key, 2).int16() === COMMIT;
  return { producerId, producerEpoch, committed, coordinatorEpoch: new Reader(record.value, 2).int32() };
}

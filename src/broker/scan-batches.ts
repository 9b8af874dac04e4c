import { crc32c } from "../../protocol/crc32c.ts";
import { DecodeError } from "../../protocol/reader.ts";
import { type BatchHeader, CRC_START, FIELD_AT, lastOffsetOf, readBatchHeader } from "../../protocol/record-batch.ts";
import type { EpochStart } from "./leader-epochs.ts";
import type { ChunkIndex } from "./log-chunk.ts";

/** The whole batches at the beginning of a file. */
export interface ScannedBatches {
  readonly index: ChunkIndex;
  /** One past the last offset. */
  readonly endOffset: number;
  /** The leader epochs that begin in it. */
  readonly epochs: readonly EpochStart[];
  /** Where they end. */
  readonly size: number;
  /** Where another whole batch begins behind bytes that are none; undefined: nothing follows but the rest of a write. */
  readonly laterAt: number | undefined;
}

/** Batches are no further apart: so a number that is none is not taken for an offset. */
const FARTHEST = 0x7fff_ffff;

/** Checks every batch by its CRC, and that the offsets from `baseOffset` on are all there. */
export function scanBatches(bytes: Uint8Array, baseOffset: number): ScannedBatches {
  const offsets: number[] = [];
  const ends: number[] = [];
  const positions: number[] = [];
  const timestamps: number[] = [];
  const epochs: EpochStart[] = [];
  let endOffset = baseOffset;
  let at = 0;
  for (;;) {
    const header = wholeBatch(bytes, at, endOffset);
    if (header?.baseOffset !== endOffset) break;
    if (epochs.at(-1)?.epoch !== header.partitionLeaderEpoch) {
      epochs.push({ epoch: header.partitionLeaderEpoch, startOffset: header.baseOffset });
    }
    endOffset = lastOffsetOf(header) + 1;
    offsets.push(header.baseOffset);
    ends.push(endOffset);
    positions.push(at);
    timestamps.push(header.maxTimestamp);
    at = header.end;
  }
  return {
    index: { offsets, ends, positions, timestamps },
    endOffset,
    epochs,
    size: at,
    laterAt: later(bytes, at, endOffset),
  };
}

function wholeBatch(bytes: Uint8Array, at: number, minOffset: number): BatchHeader | undefined {
  let header: BatchHeader | undefined;
  try {
    header = readBatchHeader(bytes, at);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
  if (header === undefined || header.baseOffset < minOffset || header.baseOffset > minOffset + FARTHEST)
    return undefined;
  return crc32c(bytes, at + CRC_START, header.end) === header.crc ? header : undefined;
}

function later(bytes: Uint8Array, from: number, minOffset: number): number | undefined {
  for (let at = from + 1; at < bytes.length; at++) {
    // The upper bytes of an offset are zero, and the format is 2: few places have both.
    if (bytes[at] !== 0 || bytes[at + FIELD_AT.magic] !== 2) continue;
    if (wholeBatch(bytes, at, minOffset) !== undefined) return at;
  }
  return undefined;
}

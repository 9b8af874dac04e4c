import { FIELD_AT } from "../../protocol/record-batch.ts";

/** A partition's first segment starts small, so that a quiet partition costs little, and doubles up to the full size. */
export const FIRST_SEGMENT_BYTES: number = 4 * 1024;
export const SEGMENT_BYTES: number = 1024 * 1024;

/** What the log has to know of a batch before it stores it. */
export interface AppendedBatch {
  /** The whole batch as it goes on the wire; offset and epoch in it are not yet those of the log. */
  readonly bytes: Uint8Array;
  /** How many offsets it takes. */
  readonly offsetCount: number;
  /** The greatest timestamp in it. */
  readonly maxTimestamp: number;
}

/**
 * Batches that follow each other, in one buffer: a fetch of any number of them is one view, and a frame that brought
 * them is not kept alive. Only ever appended to, so a view stays right while the segment grows.
 */
export class LogSegment {
  readonly baseOffset: number;
  /** One past the last offset. */
  endOffset: number;
  /** The greatest timestamp of all its batches, or -1. */
  maxTimestamp = -1;
  /** Where its bytes begin, counted from the log's first byte ever. */
  readonly logPosition: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #size = 0;
  readonly #offsets: number[] = [];
  readonly #positions: number[] = [];
  readonly #timestamps: number[] = [];

  /** `capacity`: how many bytes to make room for at first. */
  constructor(baseOffset: number, logPosition: number, capacity: number) {
    this.baseOffset = baseOffset;
    this.endOffset = baseOffset;
    this.logPosition = logPosition;
    this.#bytes = new Uint8Array(capacity);
  }

  get size(): number {
    return this.#size;
  }
  get batchCount(): number {
    return this.#offsets.length;
  }
  get lastBatchOffset(): number {
    return this.#offsets.at(-1) ?? this.baseOffset;
  }

  hasRoom(bytes: number): boolean {
    return this.#size === 0 || this.#size + bytes <= SEGMENT_BYTES;
  }

  append(batch: AppendedBatch, leaderEpoch: number): void {
    const at = this.#size;
    this.#grow(at + batch.bytes.length);
    this.#bytes.set(batch.bytes, at);
    const view = new DataView(this.#bytes.buffer, at);
    view.setBigInt64(FIELD_AT.baseOffset, BigInt(this.endOffset));
    view.setInt32(FIELD_AT.partitionLeaderEpoch, leaderEpoch);
    this.#offsets.push(this.endOffset);
    this.#positions.push(at);
    this.#timestamps.push(batch.maxTimestamp);
    this.#size = at + batch.bytes.length;
    this.endOffset += batch.offsetCount;
    this.maxTimestamp = Math.max(this.maxTimestamp, batch.maxTimestamp);
  }

  /** Keeps the first `count` batches. Their bytes move, so that views handed out before stay right. */
  truncate(count: number): void {
    this.endOffset = this.offsetOf(count);
    this.#size = this.positionOf(count);
    this.#bytes = this.#bytes.slice(0, this.#size);
    this.#offsets.length = count;
    this.#positions.length = count;
    this.#timestamps.length = count;
    this.maxTimestamp = this.#timestamps.reduce((max, one) => Math.max(max, one), -1);
  }

  #grow(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, Math.min(SEGMENT_BYTES, this.#bytes.length * 2)));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }

  /** The batch that contains `offset`, which must lie in this segment. */
  indexOf(offset: number): number {
    return lastAtMost(this.#offsets, offset);
  }
  positionOf(index: number): number {
    return this.#positions[index] ?? this.#size;
  }
  offsetOf(index: number): number {
    return this.#offsets[index] ?? this.endOffset;
  }
  timestampOf(index: number): number {
    return this.#timestamps[index]!;
  }
  /** Whole batches from index `from` up to, not including, `to`. */
  view(from: number, to: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.positionOf(from), this.positionOf(to));
  }
  /** How many batches from index `from` on fit whole into `maxBytes`, as the index after the last of them. */
  fitting(from: number, maxBytes: number): number {
    const limit = this.positionOf(from) + maxBytes;
    if (limit >= this.#size) return this.batchCount;
    return Math.max(from, lastAtMost(this.#positions, limit));
  }
}

/** The index of the last value that is at most `wanted` in an ascending list; 0 where there is none. */
function lastAtMost(values: readonly number[], wanted: number): number {
  let low = 0;
  let high = values.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= wanted) low = middle;
    else high = middle;
  }
  return low;
}

import { FIELD_AT } from "../../protocol/record-batch.ts";
import type { StoredFile } from "./storage.ts";

/** What the log has to know of a batch before it stores it. */
export interface AppendedBatch {
  /** The whole batch as it goes on the wire. The log writes its offset and epoch into it. */
  readonly bytes: Uint8Array;
  /** How many offsets it takes. */
  readonly offsetCount: number;
  /** The greatest timestamp in it. */
  readonly maxTimestamp: number;
}

/** A batch that is in the log already, offset and epoch in it. */
export interface StoredBatch extends AppendedBatch {
  readonly baseOffset: number;
}

/** Where each batch of a chunk is and what it holds, for look-ups that read no batch. */
export interface ChunkIndex {
  readonly offsets: readonly number[];
  /** One past the last offset of each: compaction leaves gaps. */
  readonly ends: readonly number[];
  readonly positions: readonly number[];
  readonly timestamps: readonly number[];
}

/** Where a chunk stands in its log. */
export interface ChunkPlace {
  readonly baseOffset: number;
  /** Where the segment begins that it is a part of. */
  readonly segmentBase: number;
}

/**
 * Batches that follow each other, in one file or buffer: a fetch of any number of them is one read, and a frame that
 * brought them is not kept alive. One or several chunks make what Kafka calls a segment.
 */
export class LogChunk {
  readonly baseOffset: number;
  readonly segmentBase: number;
  /** One past the last offset that it covers, be there a batch for it or not. */
  endOffset: number;
  /** Nothing is appended any more: it has its index file. */
  isSealed = false;
  /** The greatest timestamp of all its batches, or -1. */
  maxTimestamp = -1;
  readonly #bytes: StoredFile;
  readonly #offsets: number[] = [];
  readonly #ends: number[] = [];
  readonly #positions: number[] = [];
  readonly #timestamps: number[] = [];
  #size = 0;

  constructor({ baseOffset, segmentBase }: ChunkPlace, bytes: StoredFile) {
    this.baseOffset = baseOffset;
    this.segmentBase = segmentBase;
    this.endOffset = baseOffset;
    this.#bytes = bytes;
  }

  /** A chunk whose bytes hold these batches already. */
  static restore(place: ChunkPlace, bytes: StoredFile, index: ChunkIndex, endOffset: number): LogChunk {
    const chunk = new LogChunk(place, bytes);
    for (const [i, offset] of index.offsets.entries()) {
      chunk.#note(offset, index.ends[i]!, index.timestamps[i]!, index.positions[i]!);
    }
    chunk.#size = bytes.size;
    chunk.endOffset = endOffset;
    return chunk;
  }

  get size(): number {
    return this.#size;
  }
  get batchCount(): number {
    return this.#offsets.length;
  }
  get index(): ChunkIndex {
    return { offsets: this.#offsets, ends: this.#ends, positions: this.#positions, timestamps: this.#timestamps };
  }

  /** Appends a batch at the next offset. Where it cannot be written, an error is thrown and nothing has changed. */
  append({ bytes, offsetCount, maxTimestamp }: AppendedBatch, leaderEpoch: number): void {
    const baseOffset = this.endOffset;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setBigInt64(FIELD_AT.baseOffset, BigInt(baseOffset));
    view.setInt32(FIELD_AT.partitionLeaderEpoch, leaderEpoch);
    this.keep({ baseOffset, bytes, offsetCount, maxTimestamp });
  }

  /** Appends a batch as it is, at an offset that no batch here has reached. */
  keep({ baseOffset, bytes, offsetCount, maxTimestamp }: StoredBatch): void {
    this.#bytes.append(bytes);
    this.#note(baseOffset, baseOffset + offsetCount, maxTimestamp, this.#size);
    this.#size += bytes.length;
  }

  #note(baseOffset: number, endOffset: number, timestamp: number, position: number): void {
    this.#offsets.push(baseOffset);
    this.#ends.push(endOffset);
    this.#positions.push(position);
    this.#timestamps.push(timestamp);
    this.endOffset = endOffset;
    if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp;
  }

  /** Keeps the first `count` batches; the chunk then ends at `endOffset`. */
  truncate(count: number, endOffset: number): void {
    const size = this.positionOf(count);
    this.#bytes.truncate(size);
    this.#size = size;
    this.endOffset = endOffset;
    for (const list of [this.#offsets, this.#ends, this.#positions, this.#timestamps]) list.length = count;
    this.maxTimestamp = this.#timestamps.reduce((max, one) => Math.max(max, one), -1);
  }

  /** The batch that contains `offset` or, where that is compacted away, the next one; `batchCount` where there is none. */
  indexOf(offset: number): number {
    const index = lastAtMost(this.#offsets, offset);
    return (this.#ends[index] ?? 0) > offset ? index : index + (this.#offsets.length === 0 ? 0 : 1);
  }
  positionOf(index: number): number {
    return this.#positions[index] ?? this.#size;
  }
  /** Where the batch begins; after the last one, where the chunk ends. */
  offsetOf(index: number): number {
    return this.#offsets[index] ?? this.endOffset;
  }
  timestampOf(index: number): number {
    return this.#timestamps[index]!;
  }
  /** Whole batches from index `from` up to, not including, `to`. */
  view(from: number, to: number): Uint8Array<ArrayBuffer> {
    const position = this.positionOf(from);
    return this.#bytes.read(position, this.positionOf(to) - position);
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

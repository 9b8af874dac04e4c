import { type BatchHeader, readBatchHeaders } from "../../protocol/record-batch.ts";
import { readRecords } from "../../protocol/records.ts";
import type { ByteSource } from "../../protocol/writer.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import type { JournalValue } from "./journal-value.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { type AppendedBatch, LogChunk, type StoredBatch } from "./log-chunk.ts";
import type { PartitionFiles } from "./partition-files.ts";

/** A record found by its time. */
export interface TimedOffset {
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

/** Batches as they were read. */
export interface LogRead {
  readonly records: Uint8Array | ByteSource;
  /** The offset after the last batch of them; where there is none, the one that was asked for. */
  readonly endOffset: number;
}

/** When a log begins a new segment: retention and compaction leave the last one alone. */
export interface SegmentRules {
  /** How large a segment may grow, in bytes (`segment.bytes`). */
  readonly segmentBytes: number;
  /** How far its timestamps may go beyond its first one, in ms (`segment.ms`). */
  readonly segmentMs: number;
}

/** Where a log is kept, and what of its partition is kept with it. */
export interface LogOptions {
  /** Default: in memory. */
  readonly files?: PartitionFiles | undefined;
  /** What is to be remembered of the batches up to the log's end, the log itself aside. `from`: where its last chunk begins. */
  readonly state?: ((from: number) => JournalValue) | undefined;
}

/** The first chunk in memory starts small, so that a quiet partition costs little, and doubles up to the full size. */
const FIRST_CHUNK_BYTES = 4 * 1024;
/** How large a chunk may grow, in memory and in a file. */
export const CHUNK_BYTES: number = 1024 * 1024;
export const FILE_CHUNK_BYTES: number = 16 * 1024 * 1024;
/** How much one batch may decompress to when a look-up by time reads into it. */
const DECOMPRESSED_LIMIT = 256 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

/** The records of one partition, as the batches in which they came. */
export class PartitionLog {
  readonly #files: PartitionFiles | undefined;
  readonly #state: (from: number) => JournalValue;
  readonly #epochs: LeaderEpochs;
  #chunks: LogChunk[];
  /** Rises whenever chunks go that were not the last one growing: who works through them has to begin anew. */
  #version = 0;
  /** Below it, compaction has been. */
  cleanedTo = 0;
  #rules: SegmentRules = { segmentBytes: Number.POSITIVE_INFINITY, segmentMs: Number.POSITIVE_INFINITY };
  #mustRoll = false;
  /** Bytes of the active segment, and its first batch's timestamp. */
  #segmentSize = 0;
  #segmentTimestamp = -1;
  #startOffset: number;
  #endOffset: number;
  /** What was remembered of the batches before `from`: one for each chunk that was full when the process ended. */
  readonly recovered: { readonly states: readonly JournalValue[]; readonly from: number };

  /** Reads what there is in `files`. Throws a {@link StorageError} where that is damaged. */
  constructor({ files, state = () => null }: LogOptions = {}) {
    this.#files = files;
    this.#state = state;
    const found = files?.load() ?? { chunks: [], startOffset: 0, epochs: [], states: [], from: 0 };
    this.#chunks = found.chunks;
    this.#epochs = new LeaderEpochs(found.epochs);
    this.#startOffset = found.startOffset;
    this.#endOffset = found.chunks.at(-1)?.endOffset ?? found.startOffset;
    this.recovered = { states: found.states, from: found.from };
    this.#measureSegment();
  }

  /** The first offset that can be read. */
  get startOffset(): number {
    return this.#startOffset;
  }
  /** The offset that the next record gets. All replicas share this log, so it is the high watermark too. */
  get endOffset(): number {
    return this.#endOffset;
  }
  /** Bytes that are kept. */
  get size(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  }
  /** In the order of their offsets, without gaps between them. The last one is the only one that grows. */
  get chunks(): readonly LogChunk[] {
    return this.#chunks;
  }
  get version(): number {
    return this.#version;
  }
  /** Where the segment begins that is appended to: nothing from here on is old enough for anything. */
  get activeBase(): number {
    return this.#mustRoll ? this.#endOffset : (this.#chunks.at(-1)?.segmentBase ?? this.#endOffset);
  }

  /** How large a chunk may grow. */
  get chunkLimit(): number {
    return this.#files === undefined ? CHUNK_BYTES : FILE_CHUNK_BYTES;
  }
  /** Whether nothing more comes to a chunk, and what is to be remembered with it is known. */
  canReplace(chunk: LogChunk): boolean {
    return chunk.endOffset <= this.activeBase && (this.#files === undefined || chunk.isSealed);
  }

  configure(rules: SegmentRules): void {
    this.#rules = rules;
  }

  /** Ends the active segment: what is appended next begins another. */
  roll(): void {
    const last = this.#chunks.at(-1);
    if (last === undefined || this.#mustRoll) return;
    if (!last.isSealed) this.#files?.seal(last, true, this.#epochs.starts, this.#state(last.baseOffset));
    this.#mustRoll = true;
  }

  /** Stores a batch and gives the offset of its first record. Where it cannot be written, nothing has changed. */
  append(batch: AppendedBatch, leaderEpoch: number): number {
    const baseOffset = this.#endOffset;
    const chunk = this.#chunkFor(batch);
    chunk.append(batch, leaderEpoch);
    this.#epochs.begin(leaderEpoch, baseOffset);
    this.#endOffset = chunk.endOffset;
    if (this.#segmentSize === 0) this.#segmentTimestamp = batch.maxTimestamp;
    this.#segmentSize += batch.bytes.length;
    return baseOffset;
  }

  #chunkFor({ bytes, maxTimestamp }: AppendedBatch): LogChunk {
    const last = this.#chunks.at(-1);
    if (last === undefined) return this.#begin(this.#endOffset, FIRST_CHUNK_BYTES);
    const isRolled =
      this.#mustRoll ||
      last.isSealed ||
      (this.#segmentSize > 0 &&
        (this.#segmentSize + bytes.length > this.#rules.segmentBytes ||
          maxTimestamp - this.#segmentTimestamp > this.#rules.segmentMs));
    if (!isRolled && (last.size === 0 || last.size + bytes.length <= this.chunkLimit)) return last;
    if (!last.isSealed) this.#files?.seal(last, isRolled, this.#epochs.starts, this.#state(last.baseOffset));
    if (!isRolled) return this.#begin(last.segmentBase, CHUNK_BYTES);
    this.#mustRoll = false;
    return this.#begin(this.#endOffset, FIRST_CHUNK_BYTES);
  }

  #begin(segmentBase: number, capacity: number): LogChunk {
    const place = { baseOffset: this.#endOffset, segmentBase };
    const chunk = this.#files?.create(place) ?? new LogChunk(place, new GrowingBytes(capacity, CHUNK_BYTES));
    this.#chunks.push(chunk);
    this.#measureSegment();
    return chunk;
  }

  #measureSegment(): void {
    const { segmentBase } = this.#chunks.at(-1) ?? {};
    const chunks = this.#chunks.filter((chunk) => chunk.segmentBase === segmentBase);
    this.#segmentSize = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
    this.#segmentTimestamp = chunks.find((chunk) => chunk.batchCount > 0)?.timestampOf(0) ?? -1;
  }

  /**
   * Whole batches from the one that contains `offset` on, `maxBytes` at the most; with `atLeastOne`, the first comes
   * whatever its size (KIP-74). `offset` must lie between the start and the end. Nothing comes of the batch that
   * contains `upTo`, nor what follows it.
   */
  read(offset: number, maxBytes: number, atLeastOne: boolean, upTo: number = this.#endOffset): LogRead {
    const views: Uint8Array[] = [];
    let left = maxBytes;
    let endOffset = offset;
    for (let c = this.#chunkOf(offset); c < this.#chunks.length; c++) {
      const chunk = this.#chunks[c]!;
      const from = views.length === 0 ? chunk.indexOf(offset) : 0;
      let to = chunk.fitting(from, left);
      if (to === from && to < chunk.batchCount && atLeastOne && views.length === 0) to = from + 1;
      if (upTo < chunk.endOffset) to = Math.min(to, chunk.indexOf(upTo));
      if (to > from) {
        const view = chunk.view(from, to);
        views.push(view);
        left -= view.length;
        endOffset = chunk.offsetOf(to);
      }
      if (to < chunk.batchCount) break;
    }
    return { records: views.length > 1 ? concatenation(views) : (views[0] ?? NO_BYTES), endOffset };
  }

  /** The first record whose timestamp is at least `timestamp`. */
  firstSince(timestamp: number): TimedOffset | undefined {
    for (const chunk of this.#chunks) {
      if (chunk.maxTimestamp < timestamp) continue;
      for (let i = 0; i < chunk.batchCount; i++) {
        if (chunk.timestampOf(i) < timestamp) continue;
        const found = this.#recordsOf(chunk, i).find((record) => record.timestamp >= timestamp);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** The first of the records with the greatest timestamp. */
  greatestTimestamp(): TimedOffset | undefined {
    let best: { chunk: LogChunk; index: number; timestamp: number } | undefined;
    for (const chunk of this.#chunks) {
      if (chunk.maxTimestamp <= (best?.timestamp ?? -1)) continue;
      for (let index = 0; index < chunk.batchCount; index++) {
        const timestamp = chunk.timestampOf(index);
        if (timestamp > (best?.timestamp ?? -1)) best = { chunk, index, timestamp };
      }
    }
    if (best === undefined) return undefined;
    const records = this.#recordsOf(best.chunk, best.index);
    return records.find((record) => record.timestamp === best.timestamp);
  }

  /** A leader begins: what is appended from here on is of its epoch. */
  beginEpoch(epoch: number): void {
    this.#epochs.begin(epoch, this.#endOffset);
  }

  /**
   * The offset after the last one of `epoch` or, where the log has none of it, of the greatest epoch before it. Undefined
   * for an epoch that has not begun.
   */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    return this.#epochs.endOf(epoch, this.#endOffset);
  }

  /** The epoch in which the record at `offset` was written, or -1. */
  epochOf(offset: number): number {
    return this.#epochs.of(offset);
  }

  /** Forgets the records below `offset`, which must not be beyond the end. */
  deleteBefore(offset: number): void {
    if (offset <= this.#startOffset) return;
    const kept = this.#chunks.findIndex((chunk) => chunk.endOffset > offset);
    const gone = this.#chunks.slice(0, kept === -1 ? this.#chunks.length : kept);
    this.#files?.keepStart(offset, kept === -1 ? this.#state(offset) : this.#files.stateOf(gone.at(-1)));
    this.#startOffset = offset;
    this.#chunks.splice(0, gone.length);
    for (const chunk of gone) this.#files?.remove(chunk);
    if (gone.length > 0) this.#version += 1;
  }

  /**
   * Puts one chunk with these batches in the place of chunks that follow each other and no longer grow. `merge` makes one
   * of what was remembered with each.
   */
  replace(
    inputs: readonly LogChunk[],
    batches: readonly StoredBatch[],
    merge: (states: readonly JournalValue[]) => JournalValue,
  ): void {
    const [first] = inputs;
    const place = { baseOffset: first!.baseOffset, segmentBase: first!.baseOffset };
    const endOffset = inputs.at(-1)!.endOffset;
    const size = batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const cleaned =
      this.#files?.replace(inputs, place, batches, merge) ?? new LogChunk(place, new GrowingBytes(size, size));
    if (this.#files === undefined) for (const batch of batches) cleaned.keep(batch);
    cleaned.endOffset = endOffset;
    this.#chunks.splice(this.#chunks.indexOf(first!), inputs.length, cleaned);
    this.#version += 1;
  }

  /** Forgets the batch that contains `offset` and all that follow it. */
  truncate(offset: number): void {
    if (offset >= this.#endOffset) return;
    const index = this.#chunkOf(offset);
    const chunk = this.#chunks[index];
    const isKept = chunk !== undefined && offset > this.#startOffset;
    const count = isKept ? chunk.indexOf(offset) : 0;
    const end = isKept ? Math.min(offset, chunk.offsetOf(count)) : offset;
    while (this.#chunks.length > index + (count > 0 ? 1 : 0)) this.#drop();
    if (count > 0) {
      this.#files?.unseal(chunk!);
      chunk!.truncate(count, end);
    }
    this.#endOffset = end;
    this.cleanedTo = Math.min(this.cleanedTo, end);
    this.#version += 1;
    this.#mustRoll = false;
    this.#measureSegment();
    this.#epochs.truncate(end);
    if (end >= this.#startOffset) return;
    this.#files?.keepStart(end, this.#state(end));
    this.#startOffset = end;
  }

  #drop(): void {
    const chunk = this.#chunks.pop()!;
    this.#files?.remove(chunk);
  }

  /** Every batch that is kept, with its place in `bytes`; `from`: of the chunks from this offset on. */
  *batches(from = 0): Generator<{ readonly header: BatchHeader; readonly bytes: Uint8Array<ArrayBuffer> }> {
    for (const chunk of this.#chunks) {
      if (chunk.endOffset <= from) continue;
      const bytes = chunk.view(0, chunk.batchCount);
      for (const header of readBatchHeaders(bytes)) yield { header, bytes };
    }
  }

  #recordsOf(chunk: LogChunk, index: number): TimedOffset[] {
    const bytes = chunk.view(index, index + 1);
    const found: TimedOffset[] = [];
    for (const header of readBatchHeaders(bytes)) {
      for (const { offset, timestamp } of readRecords(bytes, header, DECOMPRESSED_LIMIT)) {
        if (offset < this.#startOffset) continue;
        found.push({ offset, timestamp, leaderEpoch: header.partitionLeaderEpoch });
      }
    }
    return found;
  }

  #chunkOf(offset: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#chunks[middle]!.baseOffset <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}

function concatenation(views: readonly Uint8Array[]): ByteSource {
  return {
    byteLength: views.reduce((sum, view) => sum + view.length, 0),
    writeTo(target, offset) {
      let at = offset;
      for (const view of views) {
        target.set(view, at);
        at += view.length;
      }
    },
  };
}

import { type BatchHeader, readBatchHeaders } from "../../protocol/record-batch.ts";
import { readRecords } from "../../protocol/records.ts";
import type { ByteSource } from "../../protocol/writer.ts";
import { type AppendedBatch, FIRST_SEGMENT_BYTES, LogSegment, SEGMENT_BYTES } from "./log-segment.ts";

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

/** Where the offsets of a leader epoch begin. */
interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

/** How much one batch may decompress to when a look-up by time reads into it. */
const DECOMPRESSED_LIMIT = 256 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);

/** The records of one partition, as the batches in which they came. */
export class PartitionLog {
  #segments: LogSegment[] = [];
  #epochs: EpochStart[] = [];
  #startOffset = 0;
  #endOffset = 0;
  #endPosition = 0;

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
    return this.#endPosition - (this.#segments[0]?.logPosition ?? this.#endPosition);
  }

  /** Stores a batch and gives the offset of its first record. */
  append(batch: AppendedBatch, leaderEpoch: number): number {
    const baseOffset = this.#endOffset;
    if (this.#epochs.at(-1)?.epoch !== leaderEpoch) this.#epochs.push({ epoch: leaderEpoch, startOffset: baseOffset });
    let segment = this.#segments.at(-1);
    if (segment === undefined || !segment.hasRoom(batch.bytes.length)) {
      const capacity = Math.max(segment === undefined ? FIRST_SEGMENT_BYTES : SEGMENT_BYTES, batch.bytes.length);
      segment = new LogSegment(baseOffset, this.#endPosition, capacity);
      this.#segments.push(segment);
    }
    segment.append(batch, leaderEpoch);
    this.#endOffset = segment.endOffset;
    this.#endPosition += batch.bytes.length;
    return baseOffset;
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
    for (let s = this.#segmentOf(offset); s < this.#segments.length; s++) {
      const segment = this.#segments[s]!;
      const from = views.length === 0 ? segment.indexOf(offset) : 0;
      if (offset >= segment.endOffset) break;
      let to = segment.fitting(from, left);
      if (to === from && atLeastOne && views.length === 0) to = from + 1;
      if (upTo < segment.endOffset) to = Math.min(to, segment.indexOf(upTo));
      if (to <= from) break;
      const view = segment.view(from, to);
      views.push(view);
      left -= view.length;
      endOffset = segment.offsetOf(to);
      if (to < segment.batchCount) break;
    }
    return { records: views.length > 1 ? concatenation(views) : (views[0] ?? NO_BYTES), endOffset };
  }

  /** How many bytes a read from `offset` could give without a limit. */
  bytesFrom(offset: number): number {
    const segment = this.#segments[this.#segmentOf(offset)];
    if (segment === undefined || offset >= segment.endOffset) return 0;
    return this.#endPosition - segment.logPosition - segment.positionOf(segment.indexOf(offset));
  }

  /** The first record whose timestamp is at least `timestamp`. */
  firstSince(timestamp: number): TimedOffset | undefined {
    for (const segment of this.#segments) {
      if (segment.maxTimestamp < timestamp) continue;
      for (let i = 0; i < segment.batchCount; i++) {
        if (segment.timestampOf(i) < timestamp) continue;
        const found = this.#recordsOf(segment, i).find((record) => record.timestamp >= timestamp);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  /** The first of the records with the greatest timestamp. */
  greatestTimestamp(): TimedOffset | undefined {
    let best: { segment: LogSegment; index: number; timestamp: number } | undefined;
    for (const segment of this.#segments) {
      if (segment.maxTimestamp <= (best?.timestamp ?? -1)) continue;
      for (let index = 0; index < segment.batchCount; index++) {
        const timestamp = segment.timestampOf(index);
        if (timestamp > (best?.timestamp ?? -1)) best = { segment, index, timestamp };
      }
    }
    if (best === undefined) return undefined;
    const records = this.#recordsOf(best.segment, best.index);
    return records.find((record) => record.timestamp === best.timestamp);
  }

  /** A leader begins: what is appended from here on is of its epoch. */
  beginEpoch(epoch: number): void {
    this.#epochs = this.#epochs.filter((entry) => entry.startOffset < this.#endOffset);
    this.#epochs.push({ epoch, startOffset: this.#endOffset });
  }

  /**
   * The offset after the last one of `epoch` or, where the log has none of it, of the greatest epoch before it. Undefined
   * for an epoch that has not begun.
   */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    const last = this.#epochs.at(-1);
    if (last === undefined || epoch > last.epoch) return undefined;
    if (epoch === last.epoch) return { epoch, endOffset: this.#endOffset };
    const next = this.#epochs.findIndex((entry) => entry.epoch > epoch);
    return { epoch: this.#epochs[next - 1]?.epoch ?? epoch, endOffset: this.#epochs[next]!.startOffset };
  }

  /** The epoch in which the record at `offset` was written, or -1. */
  epochOf(offset: number): number {
    return this.#epochs.findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1;
  }

  /** Forgets the records below `offset`, which must not be beyond the end. */
  deleteBefore(offset: number): void {
    if (offset <= this.#startOffset) return;
    this.#startOffset = offset;
    const kept = this.#segments.findIndex((segment) => segment.endOffset > offset);
    this.#segments = kept === -1 ? [] : this.#segments.slice(kept);
  }

  /** Forgets the batch that contains `offset` and all that follow it. */
  truncate(offset: number): void {
    if (offset >= this.#endOffset) return;
    const index = this.#segmentOf(offset);
    const segment = this.#segments[index];
    const isKept = segment !== undefined && offset > this.#startOffset;
    const batch = isKept ? segment.indexOf(offset) : 0;
    this.#endOffset = isKept ? segment.offsetOf(batch) : offset;
    if (batch > 0) segment!.truncate(batch);
    this.#segments = isKept ? this.#segments.slice(0, batch > 0 ? index + 1 : index) : [];
    const last = this.#segments.at(-1);
    this.#endPosition = last === undefined ? 0 : last.logPosition + last.size;
    this.#startOffset = Math.min(this.#startOffset, this.#endOffset);
    this.#epochs = this.#epochs.filter((entry) => entry.startOffset < this.#endOffset);
  }

  /** Every batch that is kept, with its place in `bytes`. */
  *batches(): Generator<{ readonly header: BatchHeader; readonly bytes: Uint8Array<ArrayBuffer> }> {
    for (const segment of this.#segments) {
      const bytes = segment.view(0, segment.batchCount);
      for (const header of readBatchHeaders(bytes)) yield { header, bytes };
    }
  }

  #recordsOf(segment: LogSegment, index: number): TimedOffset[] {
    const bytes = segment.view(index, index + 1);
    const found: TimedOffset[] = [];
    for (const header of readBatchHeaders(bytes)) {
      for (const { offset, timestamp } of readRecords(bytes, header, DECOMPRESSED_LIMIT)) {
        if (offset < this.#startOffset) continue;
        found.push({ offset, timestamp, leaderEpoch: header.partitionLeaderEpoch });
      }
    }
    return found;
  }

  #segmentOf(offset: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#segments[middle]!.baseOffset <= offset) low = middle;
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

/**
 * Compaction: of the records of a key only the last one stays, at its offset. As in Kafka, a round goes over all segments
 * but the active one, up to where all transactions are decided:
 *
 * - what an aborted transaction wrote goes, and its marker once nothing of it is left and the tombstones' time is over;
 * - a tombstone is marked with the time at which it may go in the first round that meets it (KIP-534), and goes in a
 *   round after that;
 * - the last batch of each producer stays, empty if need be: it says where its sequence is; so does the last of the round.
 */
import { CodecUnavailableError } from "../../protocol/compression.ts";
import {
  type BatchHeader,
  hasDeleteHorizon,
  isControl,
  lastOffsetOf,
  readBatchHeaders,
} from "../../protocol/record-batch.ts";
import { readMarker } from "../../protocol/transaction-marker.ts";
import { CleanedTransactions } from "./cleaned-transactions.ts";
import { filteredBatch, type StoredRecord, storedRecords } from "./filtered-batch.ts";
import type { LogChunk, StoredBatch } from "./log-chunk.ts";
import type { LogRules } from "./log-rules.ts";
import type { Partition } from "./partition.ts";

/** What of a log a round of compaction goes over. */
export interface CleaningRange {
  /** What was compacted already, and is gone over again for what has come since. */
  readonly clean: readonly LogChunk[];
  readonly dirty: readonly LogChunk[];
  /** When more of it can, or has to, be compacted, epoch ms; infinity: once something has changed. */
  readonly nextAt: number;
}

/** The part of a log that can be compacted now. */
export function cleaningRange({ log, lastStableOffset }: Partition, rules: LogRules, now: number): CleaningRange {
  const cleanedTo = Math.max(log.cleanedTo, log.startOffset);
  const limit = Math.min(lastStableOffset, log.activeBase);
  const closed = log.chunks.filter((chunk) => chunk.endOffset <= limit && log.canReplace(chunk));
  const isYoung = ({ maxTimestamp }: LogChunk): boolean => maxTimestamp > now - rules.minCompactionLagMs;
  const uncleaned = closed.filter((chunk) => chunk.endOffset > cleanedTo);
  const young = rules.minCompactionLagMs > 0 ? uncleaned.find(isYoung) : undefined;
  const dirty = young === undefined ? uncleaned : uncleaned.filter((chunk) => chunk.endOffset <= young.segmentBase);
  const [first] = dirty.filter((chunk) => chunk.batchCount > 0);
  return {
    clean: closed.filter((chunk) => chunk.endOffset <= cleanedTo),
    dirty,
    nextAt: Math.min(
      young === undefined ? Number.POSITIVE_INFINITY : young.maxTimestamp + rules.minCompactionLagMs,
      first === undefined ? Number.POSITIVE_INFINITY : first.timestampOf(0) + rules.maxCompactionLagMs + 1,
    ),
  };
}

/** Whether a round is worth it by the topic's rules. */
export function isWorthCleaning({ clean, dirty }: CleaningRange, rules: LogRules, now: number): boolean {
  const bytes = (chunks: readonly LogChunk[]): number => chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  const dirtyBytes = bytes(dirty);
  if (dirtyBytes === 0) return false;
  const isLate = dirty.some((chunk) => chunk.batchCount > 0 && chunk.timestampOf(0) < now - rules.maxCompactionLagMs);
  return isLate || dirtyBytes / (bytes(clean) + dirtyBytes) > rules.minDirtyRatio;
}

/**
 * One round, in steps between which other things may be done. It ends early where the log is deleted or cut meanwhile.
 * `now`: epoch ms.
 */
export function* cleanLog(partition: Partition, range: CleaningRange, rules: LogRules, now: number): Generator<void> {
  const { log } = partition;
  const endOffset = range.dirty.at(-1)?.endOffset ?? 0;
  const round = new CleaningRound(partition, rules, now, endOffset);
  let { version } = log;
  for (const chunk of range.dirty) {
    round.learn(chunk);
    yield;
    if (log.version !== version) return;
  }
  for (const group of grouped([...range.clean, ...range.dirty], Math.min(log.chunkLimit, rules.segmentBytes))) {
    round.clean(group);
    version = log.version;
    yield;
    if (log.version !== version) return;
  }
  log.cleanedTo = Math.max(log.cleanedTo, endOffset);
}

/** Chunks that fit into one, so that a log does not become many small ones. */
function grouped(chunks: readonly LogChunk[], limit: number): LogChunk[][] {
  const groups: LogChunk[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const chunk of chunks) {
    if (size + chunk.size > limit) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)!.push(chunk);
    size += chunk.size;
  }
  return groups;
}

class CleaningRound {
  readonly #partition: Partition;
  readonly #rules: LogRules;
  readonly #now: number;
  readonly #endOffset: number;
  readonly #from: number;
  /** The last offset of each key. */
  readonly #latest = new Map<string, number>();
  /** As they are followed from the dirty part's beginning, and from the log's. */
  readonly #learning: CleanedTransactions;
  readonly #cleaning: CleanedTransactions;

  constructor(partition: Partition, rules: LogRules, now: number, endOffset: number) {
    const { log, transactions } = partition;
    this.#partition = partition;
    this.#rules = rules;
    this.#now = now;
    this.#endOffset = endOffset;
    this.#from = Math.max(log.cleanedTo, log.startOffset);
    this.#learning = new CleanedTransactions(transactions.abortedIn(this.#from, endOffset));
    this.#cleaning = new CleanedTransactions(transactions.abortedIn(0, endOffset));
  }

  /** Takes note of where the keys of a chunk are. */
  learn(chunk: LogChunk): void {
    const bytes = chunk.view(0, chunk.batchCount);
    for (const header of readBatchHeaders(bytes)) {
      if (isControl(header)) {
        isIdleMarker(this.#learning, bytes, header);
        continue;
      }
      if (this.#learning.isAborted(header)) continue;
      for (const { key, offset } of readable(bytes, header) ?? []) {
        if (key !== null && offset >= this.#from) this.#latest.set(textOf(key), offset);
      }
    }
  }

  /** Puts one chunk with what stays of them in the place of these. */
  clean(chunks: readonly LogChunk[]): void {
    const kept: StoredBatch[] = [];
    const goneMarkers = new Set<number>();
    let isChanged = chunks.length > 1;
    for (const chunk of chunks) {
      const bytes = chunk.view(0, chunk.batchCount);
      for (const header of readBatchHeaders(bytes)) {
        const batch = this.#filter(bytes, header);
        isChanged ||= batch !== "whole";
        const isGone = isControl(header) && header.recordCount > 0 && (batch === undefined || isEmpty(batch));
        if (isGone) goneMarkers.add(header.baseOffset);
        if (batch === undefined) continue;
        const { baseOffset, start, end, lastOffsetDelta } = header;
        const stored = batch === "whole" ? bytes.subarray(start, end) : batch;
        const [{ maxTimestamp }] = readBatchHeaders(stored) as [BatchHeader];
        kept.push({ baseOffset, bytes: stored, offsetCount: lastOffsetDelta + 1, maxTimestamp });
      }
    }
    if (isChanged) this.#partition.compacted(chunks, kept, goneMarkers);
  }

  /** What stays of a batch: "whole", a smaller one, or undefined for nothing. */
  #filter(bytes: Uint8Array<ArrayBuffer>, header: BatchHeader): Uint8Array | "whole" | undefined {
    const isIdle = isControl(header) && isIdleMarker(this.#cleaning, bytes, header);
    const isOver = hasDeleteHorizon(header) && header.baseTimestamp <= this.#now;
    const isDiscarded = isControl(header) ? isIdle && isOver : this.#cleaning.isAborted(header);
    const records = isDiscarded ? undefined : readable(bytes, header);
    if (!isDiscarded && records === undefined) return "whole";
    const kept = (records ?? []).filter((record) => isControl(header) || this.#stays(record, isOver));
    if (kept.length === 0) {
      if (!this.#keepsEmpty(header)) return undefined;
      return header.recordCount === 0 ? "whole" : filteredBatch(bytes, header, [], undefined);
    }
    const needsHorizon = !hasDeleteHorizon(header) && (isIdle || kept.some((record) => record.isTombstone));
    if (kept.length === header.recordCount && !needsHorizon) return "whole";
    return filteredBatch(bytes, header, kept, needsHorizon ? this.#now + this.#rules.deleteRetentionMs : undefined);
  }

  /** `isOver`: the time of the batch's tombstones is. */
  #stays({ key, offset, isTombstone }: StoredRecord, isOver: boolean): boolean {
    if (key === null || (isTombstone && isOver)) return false;
    return offset >= (this.#latest.get(textOf(key)) ?? -1);
  }

  #keepsEmpty(header: BatchHeader): boolean {
    const lastOffset = lastOffsetOf(header);
    if (lastOffset + 1 === this.#endOffset) return true;
    const last = this.#partition.producers.lastOf(header.producerId);
    if (last === undefined) return false;
    if (last.lastOffset !== undefined) return last.lastOffset === lastOffset;
    return isControl(header) && last.epoch === header.producerEpoch;
  }
}

function isEmpty(batch: Uint8Array | "whole"): boolean {
  return batch !== "whole" && readBatchHeaders(batch)[0]!.recordCount === 0;
}

/** Whether a marker decides about nothing that is left. One that was emptied does not. */
function isIdleMarker(transactions: CleanedTransactions, bytes: Uint8Array<ArrayBuffer>, header: BatchHeader): boolean {
  return header.recordCount === 0 || transactions.isIdle(header, readMarker(bytes, header));
}

/** Undefined where this runtime cannot decompress them: then they stay as they are. */
function readable(bytes: Uint8Array, header: BatchHeader): StoredRecord[] | undefined {
  try {
    return storedRecords(bytes, header);
  } catch (error) {
    if (error instanceof CodecUnavailableError) return undefined;
    throw error;
  }
}

const latin1 = new TextDecoder("latin1");

/** Bytes as text that differs where they do: each byte is one character. */
function textOf(key: Uint8Array): string {
  return latin1.decode(key);
}

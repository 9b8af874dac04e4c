import { ErrorCode } from "../../protocol/errors.ts";
import { type BatchHeader, isControl, isTransactional } from "../../protocol/record-batch.ts";
import { markerBatch, readMarker, type TransactionMarker } from "../../protocol/transaction-marker.ts";
import { BatchRefused, type BatchRules, checkBatch } from "./batch-check.ts";
import type { PartitionStore } from "./cluster-store.ts";
import type { JournalValue } from "./journal-value.ts";
import type { LogChunk, StoredBatch } from "./log-chunk.ts";
import { PartitionLog } from "./partition-log.ts";
import { PartitionTransactions } from "./partition-transactions.ts";
import { ProducerState } from "./producer-state.ts";

/** Where a batch went. */
export interface Appended {
  readonly baseOffset: number;
  /** The broker's time, where the topic is set to LogAppendTime, else -1. */
  readonly logAppendTimeMs: number;
}

/** Asked for the first batch of a transaction on a partition. Throws {@link BatchRefused} where it may not begin. */
export type BeginTransaction = (batch: BatchHeader) => void;

/** What a start needs not to read a partition's log for. */
interface PartitionState {
  readonly producers: JournalValue;
  readonly transactions: JournalValue;
}

function mergedState(states: readonly JournalValue[], goneMarkers: ReadonlySet<number>): JournalValue {
  const all = states as unknown as readonly PartitionState[];
  const transactions = PartitionTransactions.merged(
    all.map((one) => one.transactions),
    goneMarkers,
  );
  return { producers: all.at(-1)!.producers, transactions };
}

/** One partition: its log, its leader, and who waits for records. All nodes share it, so all replicas are in sync. */
export class Partition {
  readonly topicName: string;
  readonly index: number;
  readonly log: PartitionLog;
  readonly producers: ProducerState = new ProducerState();
  readonly transactions: PartitionTransactions = new PartitionTransactions();
  /** The nodes that hold it; the first one alive leads. */
  replicas: readonly number[];
  /** -1: none of its nodes is up. */
  leaderId: number;
  leaderEpoch: number;
  readonly #store: PartitionStore | undefined;
  readonly #waiting = new Set<() => void>();

  /** `store`: where it was kept and is to be kept; default: in memory. Throws a {@link StorageError}. */
  constructor(topicName: string, index: number, replicas: readonly number[], leaderId: number, store?: PartitionStore) {
    this.topicName = topicName;
    this.index = index;
    this.replicas = replicas;
    this.leaderId = leaderId;
    this.#store = store;
    this.log = new PartitionLog({ files: store?.files, state: (from) => this.#snapshot(from) });
    const { states, from } = this.log.recovered;
    for (const state of states) this.#restore(state);
    this.#replay(from);
    this.leaderEpoch = Math.max(store?.leaderEpoch ?? -1, this.log.epochOf(this.log.endOffset)) + 1;
    this.log.beginEpoch(this.leaderEpoch);
  }

  #snapshot(from: number): JournalValue {
    return { producers: this.producers.snapshot(), transactions: this.transactions.snapshot(from) };
  }

  #restore(state: JournalValue): void {
    const { producers, transactions } = state as unknown as PartitionState;
    this.producers.restore(producers);
    this.transactions.restore(transactions);
  }

  /** Everything before it is committed or aborted for good. */
  get lastStableOffset(): number {
    const firstOpen = this.transactions.firstOpenOffset;
    return firstOpen === undefined ? this.log.endOffset : Math.max(firstOpen, this.log.startOffset);
  }

  /** Appends the batch, or finds that it was appended before. Throws {@link BatchRefused}. `now`: epoch ms. */
  append(
    records: Uint8Array | null,
    version: number,
    rules: BatchRules,
    now: number,
    beginTransaction: BeginTransaction,
  ): Appended {
    const { header, bytes, maxTimestamp } = checkBatch(records, version, rules, now);
    this.#checkTransaction(header, beginTransaction);
    const verdict = this.producers.judge(header);
    if (verdict.kind === "refuse") throw new BatchRefused(verdict.errorCode, verdict.reason);
    if (verdict.kind === "duplicate") {
      return { baseOffset: verdict.baseOffset, logAppendTimeMs: rules.logAppendTime ? verdict.timestamp : -1 };
    }
    const baseOffset = this.log.append({ bytes, offsetCount: header.recordCount, maxTimestamp }, this.leaderEpoch);
    this.#note(header, baseOffset, maxTimestamp);
    this.wake();
    return { baseOffset, logAppendTimeMs: rules.logAppendTime ? maxTimestamp : -1 };
  }

  #checkTransaction(header: BatchHeader, beginTransaction: BeginTransaction): void {
    const { producerId, producerEpoch } = header;
    const isOpen = this.transactions.openSince(producerId) !== undefined;
    if (!isTransactional(header)) {
      if (!isOpen) return;
      const message = `producer ${producerId} has a transaction open, and the batch is part of none`;
      throw new BatchRefused(ErrorCode.INVALID_TXN_STATE, message);
    }
    if (!isOpen || this.producers.epochOf(producerId) !== producerEpoch) beginTransaction(header);
  }

  #note(header: BatchHeader, baseOffset: number, maxTimestamp: number): void {
    this.producers.appended(header, baseOffset, maxTimestamp);
    if (isTransactional(header)) this.transactions.appended(header.producerId, baseOffset);
  }

  /** Ends a producer's transaction on this partition. */
  appendMarker(marker: TransactionMarker, now: number): void {
    const batch = { bytes: markerBatch(marker, now), offsetCount: 1, maxTimestamp: now };
    this.#noteMarker(marker, this.log.append(batch, this.leaderEpoch), now);
    this.wake();
  }

  #noteMarker(marker: TransactionMarker, offset: number, timestamp: number): void {
    this.producers.marked(marker, timestamp);
    this.transactions.ended(marker.producerId, marker.committed, offset);
  }

  /** Forgets the records below `offset`, which must not be beyond the end. */
  deleteBefore(offset: number): void {
    this.log.deleteBefore(offset);
    this.transactions.deleteBefore(this.log.startOffset);
    this.wake();
  }

  /** Loses the batch that contains `offset` and all that follow, as a replica does that was behind and leads now. */
  truncate(offset: number): void {
    this.log.truncate(offset);
    this.recover();
  }

  /** Learns from its log anew which producers it knows and which transactions are open or were aborted. */
  recover(): void {
    this.producers.clear();
    this.transactions.clear();
    this.#replay(0);
  }

  #replay(from: number): void {
    for (const { header, bytes } of this.log.batches(from)) {
      const { baseOffset, maxTimestamp } = header;
      // A marker that compaction has emptied is kept for its producer's epoch alone.
      if (isControl(header) && header.recordCount === 0) {
        this.producers.marked({ ...header, committed: true, coordinatorEpoch: -1 }, maxTimestamp);
      } else if (isControl(header)) this.#noteMarker(readMarker(bytes, header), baseOffset, maxTimestamp);
      else this.#note(header, baseOffset, maxTimestamp);
    }
  }

  /** Chunks of its log have been compacted: of the markers among them, some are gone. */
  compacted(inputs: readonly LogChunk[], batches: readonly StoredBatch[], goneMarkers: ReadonlySet<number>): void {
    this.log.replace(inputs, batches, (states) => mergedState(states, goneMarkers));
    this.transactions.forgetMarkers(goneMarkers);
  }

  /** Gives the partition to another node, or to none (-1). Whoever waits learns of it. */
  lead(nodeId: number): void {
    this.leaderId = nodeId;
    this.leaderEpoch += 1;
    this.#store?.keepLeaderEpoch(this.leaderEpoch);
    this.log.beginEpoch(this.leaderEpoch);
    this.wake();
  }

  /** Calls `run` at each change until the returned function is called. */
  onChange(run: () => void): () => void {
    this.#waiting.add(run);
    return () => void this.#waiting.delete(run);
  }

  wake(): void {
    for (const run of [...this.#waiting]) run();
  }
}

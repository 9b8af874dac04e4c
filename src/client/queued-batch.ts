import { BatchBuilder } from "../../protocol/batch-builder.ts";
import { readBatchHeader } from "../../protocol/record-batch.ts";
import { readRecords } from "../../protocol/records.ts";
import type { BatchMemory } from "./batch-memory.ts";
import type { KafkaError } from "./errors.ts";

/** What we wrote ourselves is not bounded again (bytes). */
const LARGEST_BATCH = 0x7fff_ffff;

/** Whoever waits for records of a batch: one call may have many records, in several batches. */
export interface RecordOwner {
  delivered(slot: number, partition: number, offset: number, timestamp: number): void;
  failed(slot: number, error: KafkaError): void;
}

/** Records that travel together, and what is known of their fate. */
export class QueuedBatch {
  readonly builder: BatchBuilder;
  readonly createdAt: number;
  readonly owners: RecordOwner[] = [];
  readonly slots: number[] = [];
  readonly timestamps: number[] = [];
  /** Sequence of its first record, once it has been sent. */
  sequence = -1;
  /** How many batches of the partition had been given a sequence, this one included. */
  ordinal = 0;
  failures = 0;
  /** It was sent, and neither an answer nor the lack of one says whether the broker has it. */
  uncertain = false;
  lastError: KafkaError | undefined;
  /** No record is added to it any more. */
  closed = false;
  /** What it counts against the producer's buffer. */
  accountedBytes = 0;
  #whenSettled: (() => void)[] = [];

  constructor(maxBytes: number, expectedBytes: number, createdAt: number, memory?: BatchMemory) {
    const allocate = memory === undefined ? undefined : (bytes: number) => memory.take(bytes);
    this.builder = new BatchBuilder(maxBytes, expectedBytes, allocate);
    this.createdAt = createdAt;
  }

  deliver(partition: number, baseOffset: number, logAppendTime: number): void {
    for (let i = 0; i < this.owners.length; i++) {
      const timestamp = logAppendTime >= 0 ? logAppendTime : this.timestamps[i]!;
      this.owners[i]!.delivered(this.slots[i]!, partition, baseOffset < 0 ? -1 : baseOffset + i, timestamp);
    }
    this.#settle();
  }

  /** `own`: errors of single records, by their places. */
  fail(error: KafkaError, own?: ReadonlyMap<number, KafkaError>): void {
    for (let i = 0; i < this.owners.length; i++) this.owners[i]!.failed(this.slots[i]!, own?.get(i) ?? error);
    this.#settle();
  }

  onSettled(listener: () => void): void {
    this.#whenSettled.push(listener);
  }

  /**
   * Its records in two batches of about the same size, in order, which stand for it from now on. `bytes`: as it was
   * sent.
   */
  split(bytes: Uint8Array<ArrayBuffer>): QueuedBatch[] {
    const half = Math.ceil(this.accountedBytes / 2);
    const records = readRecords(bytes, readBatchHeader(bytes, 0)!, LARGEST_BATCH);
    const first = new QueuedBatch(LARGEST_BATCH, half, this.createdAt);
    const second = new QueuedBatch(LARGEST_BATCH, half, this.createdAt);
    for (const [i, record] of records.entries()) {
      const isFirst = i === 0 || (i < records.length - 1 && first.builder.byteLength + record.byteLength <= half);
      const target = isFirst && second.owners.length === 0 ? first : second;
      target.builder.append(record.key, record.value, this.timestamps[i]!, record.headers);
      target.owners.push(this.owners[i]!);
      target.slots.push(this.slots[i]!);
      target.timestamps.push(this.timestamps[i]!);
    }
    first.accountedBytes = first.builder.byteLength;
    second.accountedBytes = this.accountedBytes - first.accountedBytes;
    let left = 2;
    for (const one of [first, second]) {
      one.closed = true;
      one.onSettled(() => {
        if (--left === 0) this.#settle();
      });
    }
    return [first, second];
  }

  #settle(): void {
    for (const listener of this.#whenSettled) listener();
  }
}

/** With what brokers know a producer's batch again when it comes twice (KIP-98). */

import { ErrorCode } from "../../protocol/errors.ts";
import { type ProducerId, parseProducerId } from "../../protocol/producer-id.ts";
import type { TransactionMarker } from "../../protocol/transaction-marker.ts";
import type { JournalValue } from "./journal-value.ts";

/** What a batch says of its producer. */
export interface SequencedBatch {
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastOffsetDelta: number;
}

/** A batch that was appended, kept so that a repeat of it gets the same answer. */
interface RememberedBatch {
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly timestamp: number;
}

interface ProducerEntry {
  epoch: number;
  /** The last batches of this epoch, oldest first; none where a marker began it. */
  batches: RememberedBatch[];
  lastTimestamp: number;
  /** Of the last marker, or -1. */
  coordinatorEpoch: number;
}

/** A producer that a partition knows. */
export interface KnownProducer {
  readonly producerId: ProducerId;
  readonly epoch: number;
  /** -1: it wrote nothing in this epoch. */
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
}

export type SequenceVerdict =
  | { readonly kind: "append" }
  /** It is already in the log: a repeat after a lost answer. */
  | { readonly kind: "duplicate"; readonly baseOffset: number; readonly timestamp: number }
  | { readonly kind: "refuse"; readonly errorCode: number; readonly reason: string };

/** As many as a producer may have in flight on a connection (KIP-98). */
const REMEMBERED = 5;
const SEQUENCES = 0x8000_0000;
const APPEND: SequenceVerdict = { kind: "append" };

/** What one partition knows of the producers that write to it, so that a batch sent twice is stored once (KIP-98). */
export class ProducerState {
  readonly #producers = new Map<ProducerId, ProducerEntry>();

  /** What to do with a batch. Nothing is remembered until {@link appended}. */
  judge(batch: SequencedBatch): SequenceVerdict {
    if (batch.producerId < 0) return APPEND;
    const entry = this.#producers.get(batch.producerId);
    // An id that is not known may have been forgotten with its records: any sequence begins it anew (KIP-360).
    if (entry === undefined) return APPEND;
    if (batch.producerEpoch < entry.epoch) {
      const reason = `producer ${batch.producerId} has epoch ${entry.epoch}, the batch ${batch.producerEpoch}`;
      return { kind: "refuse", errorCode: ErrorCode.INVALID_PRODUCER_EPOCH, reason };
    }
    if (batch.producerEpoch > entry.epoch) return batch.baseSequence === 0 ? APPEND : outOfOrder(batch, 0);
    const lastSequence = sequenceAfter(batch.baseSequence, batch.lastOffsetDelta);
    const repeated = entry.batches.find(
      (known) => known.baseSequence === batch.baseSequence && known.lastSequence === lastSequence,
    );
    if (repeated !== undefined) {
      return { kind: "duplicate", baseOffset: repeated.baseOffset, timestamp: repeated.timestamp };
    }
    const last = entry.batches.at(-1);
    const expected = last === undefined ? 0 : sequenceAfter(last.lastSequence, 1);
    return batch.baseSequence === expected ? APPEND : outOfOrder(batch, expected);
  }

  /** Takes note of a batch that {@link judge} let through. */
  appended(batch: SequencedBatch, baseOffset: number, timestamp: number): void {
    if (batch.producerId < 0) return;
    const entry = this.#entry(batch.producerId, batch.producerEpoch, timestamp);
    const lastSequence = sequenceAfter(batch.baseSequence, batch.lastOffsetDelta);
    entry.batches.push({ baseSequence: batch.baseSequence, lastSequence, baseOffset, timestamp });
    if (entry.batches.length > REMEMBERED) entry.batches.shift();
  }

  /** Takes note of a marker: one of a new epoch fences the old one, and the sequence begins at 0 again (KIP-890). */
  marked({ producerId, producerEpoch, coordinatorEpoch }: TransactionMarker, timestamp: number): void {
    this.#entry(producerId, producerEpoch, timestamp).coordinatorEpoch = coordinatorEpoch;
  }

  #entry(producerId: ProducerId, epoch: number, lastTimestamp: number): ProducerEntry {
    let entry = this.#producers.get(producerId);
    if (entry === undefined || entry.epoch !== epoch) {
      entry = { epoch, batches: [], lastTimestamp, coordinatorEpoch: entry?.coordinatorEpoch ?? -1 };
      this.#producers.set(producerId, entry);
    }
    entry.lastTimestamp = lastTimestamp;
    return entry;
  }

  /** The last of what a producer wrote: compaction may not lose it. */
  lastOf(producerId: ProducerId): { readonly epoch: number; readonly lastOffset: number | undefined } | undefined {
    const entry = this.#producers.get(producerId);
    if (entry === undefined) return undefined;
    const last = entry.batches.at(-1);
    if (last === undefined) return { epoch: entry.epoch, lastOffset: undefined };
    const count = (last.lastSequence - last.baseSequence + SEQUENCES) % SEQUENCES;
    return { epoch: entry.epoch, lastOffset: last.baseOffset + count };
  }

  /** Forgets the producers that wrote nothing since `timestamp`, unless they are needed. */
  expire(timestamp: number, isNeeded: (producerId: ProducerId) => boolean): void {
    for (const [producerId, entry] of this.#producers) {
      if (entry.lastTimestamp <= timestamp && !isNeeded(producerId)) this.#producers.delete(producerId);
    }
  }

  /** The producer's epoch, or undefined where it is not known. */
  epochOf(producerId: ProducerId): number | undefined {
    return this.#producers.get(producerId)?.epoch;
  }

  get known(): readonly KnownProducer[] {
    return [...this.#producers].map(([producerId, { epoch, batches, lastTimestamp, coordinatorEpoch }]) => {
      return { producerId, epoch, lastSequence: batches.at(-1)?.lastSequence ?? -1, lastTimestamp, coordinatorEpoch };
    });
  }

  /** What a start needs not to read the log for. */
  snapshot(): JournalValue {
    return [...this.#producers].map(([producerId, entry]) => {
      return { ...entry, producerId: String(producerId) };
    }) as unknown as JournalValue;
  }
  restore(snapshot: JournalValue): void {
    this.#producers.clear();
    for (const { producerId, ...entry } of snapshot as unknown as (ProducerEntry & { readonly producerId: string })[]) {
      this.#producers.set(parseProducerId(producerId), entry);
    }
  }

  /** Forgets everything: the log is about to be told anew. */
  clear(): void {
    this.#producers.clear();
  }
}

/** Sequences are counted in records and go from 2^31 - 1 to 0. */
function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES;
}

function outOfOrder(batch: SequencedBatch, expected: number): SequenceVerdict {
  const reason = `producer ${batch.producerId} sent sequence ${batch.baseSequence} where ${expected} is next`;
  return { kind: "refuse", errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, reason };
}

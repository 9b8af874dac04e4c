import { NO_PRODUCER, type ProducerStamp } from "../../protocol/batch-builder.ts";
import type { ProducerId } from "../../protocol/producer-id.ts";
import type { BatchMemory } from "./batch-memory.ts";
import type { KafkaError } from "./errors.ts";
import { QueuedBatch } from "./queued-batch.ts";

export interface ProducerIdentity {
  readonly producerId: ProducerId;
  readonly epoch: number;
  /** Whether what is sent under it belongs to a transaction. */
  readonly transactional?: boolean | undefined;
}

const LAST_EPOCH = 0x7fff;
/** Brokers forget producers that have been idle for long (producer.id.expiration.ms: a day); this (ms) is well within. */
const KNOWN_FOR = 3_600_000;
const SEQUENCES = 0x8000_0000;

/**
 * One partition's outbox: batches in order, and the sequence that lets the broker refuse a repetition (KIP-98).
 *
 * open: batches are sent as they come, up to `maxInFlight`. After any failure it is *recovering*: nothing is sent until
 * every batch in flight has its verdict, since those behind the failed one were refused as out of order or are
 * uncertain; then each is sent again in order, alone, with its old sequence. Brokers know no more than a producer's
 * last five batches again: a batch without a verdict never has more than four behind it, acknowledged or not.
 *
 * Where a batch was given up, the sequences have a gap: the epoch is raised by one, which lets them begin at 0 again
 * (KIP-360). Brokers keep epochs per partition, so no other partition has to wait for this. Under the new epoch a broker
 * could not tell a repetition from a new batch, so what is uncertain is asked about before, one by one with its old
 * sequence: the broker has it or takes it, or refuses it as out of order, and then has none of those behind it either.
 *
 * A broker that does not know the producer takes any sequence for its first. So one batch goes alone until it is
 * acknowledged: with two in flight and the first refused, the second would be stored before it.
 */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly #maxInFlight: number;
  readonly #memory: BatchMemory | undefined;
  /** In order; only the last may still be open for records. */
  readonly #waiting: QueuedBatch[] = [];
  readonly #inFlight: QueuedBatch[] = [];
  #identity: ProducerIdentity | undefined;
  #nextSequence = 0;
  #lastOrdinal = 0;
  #recovering = false;
  #gap = false;
  /** Sizes of the two batches that were taken last: full ones are often followed by a rest, and the next is like one of them. */
  #lastBytes = 0;
  #bytesBefore = 0;
  /** What the partition's batches may have at most, before compression: less than a batch that was found too large. */
  #mostBytes = Number.POSITIVE_INFINITY;
  #topicId: string | undefined;
  /** Until when (monotonic ms) the broker surely knows the producer under its present epoch. */
  #knownUntil = Number.NEGATIVE_INFINITY;
  /** Nothing is sent before this instant (monotonic ms). */
  retryAt = 0;

  /** `memory`: where batches get theirs from; default: new for each. */
  constructor(topic: string, partition: number, maxInFlight: number, memory?: BatchMemory) {
    this.topic = topic;
    this.partition = partition;
    this.#maxInFlight = maxInFlight;
    this.#memory = memory;
  }

  get isEmpty(): boolean {
    return this.length === 0;
  }
  /** Batches without a verdict. */
  get length(): number {
    return this.#waiting.length + this.#inFlight.length;
  }
  /** Bytes of batches without a verdict. */
  get bytes(): number {
    return [...this.#waiting, ...this.#inFlight].reduce((sum, { builder }) => sum + builder.byteLength, 0);
  }
  /** Whether a batch is open for records. */
  get isFilling(): boolean {
    return this.#waiting.at(-1)?.closed === false;
  }
  get oldest(): QueuedBatch | undefined {
    return this.#waiting[0];
  }
  /** Size of the batch that is sent next. */
  get nextBytes(): number {
    return this.#waiting[0]?.builder.byteLength ?? 0;
  }

  /** The batch that takes the next record. */
  openBatch(maxBytes: number, now: number): QueuedBatch {
    const last = this.#waiting.at(-1);
    if (last !== undefined && !last.closed) return last;
    return this.startBatch(maxBytes, now);
  }

  startBatch(maxBytes: number, now: number): QueuedBatch {
    const last = this.#waiting.at(-1);
    if (last !== undefined) last.closed = true;
    const most = Math.min(maxBytes, this.#mostBytes);
    const batch = new QueuedBatch(most, Math.max(this.#lastBytes, this.#bytesBefore), now, this.#memory);
    this.#waiting.push(batch);
    return batch;
  }

  /** Tells the topic's id. In a topic that was made again, no broker knows the producer. */
  inTopic(topicId: string): void {
    if (topicId === this.#topicId) return;
    this.#topicId = topicId;
    this.#knownUntil = Number.NEGATIVE_INFINITY;
  }

  /** Whether a batch may be sent now. `lingerUntil` holds back an open one that is younger. */
  isReady(now: number, linger: number): boolean {
    const next = this.#waiting[0];
    if (next === undefined || now < this.retryAt) return false;
    const isAlone = this.#recovering || this.#gap || now > this.#knownUntil;
    if (this.#inFlight.length >= (isAlone ? 1 : this.#maxInFlight)) return false;
    const isFar = (sent: QueuedBatch): boolean => this.#lastOrdinal - sent.ordinal >= this.#maxInFlight - 1;
    if (next.sequence < 0 && this.#inFlight.some(isFar)) return false;
    return next.closed || now - next.createdAt >= linger;
  }

  /** Milliseconds (monotonic) at which {@link isReady} may first become true by the passing of time alone. */
  readyAt(linger: number): number {
    const next = this.#waiting[0];
    if (next === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(this.retryAt, next.closed ? 0 : next.createdAt + linger);
  }

  /** Whether the queue needs a new producer id before it can send. */
  needsIdentity(current: ProducerIdentity): boolean {
    return this.#identity?.epoch === LAST_EPOCH && this.#gap && this.#identity.producerId === current.producerId;
  }

  /** Takes the next batch to send and its stamp. `identity` is undefined without idempotence. */
  take(identity: ProducerIdentity | undefined): { readonly batch: QueuedBatch; readonly stamp: ProducerStamp } {
    const batch = this.#waiting.shift()!;
    batch.closed = true;
    this.#bytesBefore = this.#lastBytes;
    this.#lastBytes = batch.builder.byteLength;
    this.#inFlight.push(batch);
    if (identity === undefined) return { batch, stamp: NO_PRODUCER };
    this.#settleIdentity(identity, batch);
    if (batch.sequence < 0) {
      this.#lastOrdinal += 1;
      batch.ordinal = this.#lastOrdinal;
      batch.sequence = this.#nextSequence;
      this.#nextSequence = (this.#nextSequence + batch.builder.recordCount) % SEQUENCES;
    }
    const { producerId, epoch, transactional = false } = this.#identity!;
    return { batch, stamp: { producerId, producerEpoch: epoch, baseSequence: batch.sequence, transactional } };
  }

  #settleIdentity(identity: ProducerIdentity, next: QueuedBatch): void {
    if (identity.transactional) {
      // Its epochs are the coordinator's to raise: what was given up under the last one is in a transaction that was aborted.
      if (this.#identity === identity) return;
      this.#identity = identity;
    } else if (this.#identity === undefined) this.#identity = identity;
    else if (!this.#gap || next.uncertain) return;
    else if (this.#identity.producerId !== identity.producerId) this.#identity = identity;
    else this.#identity = { producerId: identity.producerId, epoch: this.#identity.epoch + 1 };
    this.#gap = false;
    this.#nextSequence = 0;
    this.#knownUntil = Number.NEGATIVE_INFINITY;
    for (const batch of [...this.#inFlight, ...this.#waiting]) {
      batch.sequence = -1;
      batch.uncertain = false;
    }
  }

  /** The broker has it, as it says at `now` (monotonic ms). */
  delivered(batch: QueuedBatch, now: number): void {
    this.#knownUntil = now + KNOWN_FOR;
    this.#land(batch);
  }

  /** It failed in a way that may pass. `uncertain`: the broker may have it all the same. */
  retry(batch: QueuedBatch, error: KafkaError, uncertain: boolean, retryAt: number): void {
    batch.failures++;
    batch.lastError = error;
    batch.uncertain ||= uncertain;
    this.retryAt = Math.max(this.retryAt, retryAt);
    this.#recovering = true;
    this.#putBack(batch.sequence, [batch]);
    this.#land(batch);
  }

  /**
   * It was refused as too large, so the broker does not have it: its `halves` are sent in its place. They have its
   * sequences between them, so those behind it keep theirs.
   */
  split(batch: QueuedBatch, halves: readonly QueuedBatch[]): void {
    this.#mostBytes = Math.min(this.#mostBytes, Math.ceil(batch.accountedBytes / 2));
    let { sequence } = batch;
    for (const half of halves) {
      half.sequence = sequence;
      half.ordinal = batch.ordinal;
      if (sequence >= 0) sequence = (sequence + half.builder.recordCount) % SEQUENCES;
    }
    this.#recovering = true;
    this.#putBack(batch.sequence, halves);
    this.#land(batch);
  }

  #putBack(sequence: number, batches: readonly QueuedBatch[]): void {
    const at = this.#waiting.findIndex((other) => other.sequence < 0 || follows(other.sequence, sequence));
    this.#waiting.splice(sequence < 0 ? 0 : at < 0 ? this.#waiting.length : at, 0, ...batches);
  }

  /** The sequences cannot go on as they are: begin anew once nothing is in flight or uncertain. */
  breakSequence(): void {
    this.#gap = true;
    this.#recovering = true;
  }

  /** It is given up: its owners have been told. */
  abandon(batch: QueuedBatch): void {
    if (batch.sequence >= 0) this.breakSequence();
    this.#land(batch);
  }

  /** Whether an older batch has no verdict yet: then "out of order" is its doing. */
  isBehindAnother(batch: QueuedBatch): boolean {
    const earlier = (other: QueuedBatch): boolean =>
      other !== batch && other.sequence >= 0 && follows(batch.sequence, other.sequence);
    return this.#inFlight.some(earlier) || this.#waiting.some(earlier);
  }

  #land(batch: QueuedBatch): void {
    const at = this.#inFlight.indexOf(batch);
    if (at >= 0) this.#inFlight.splice(at, 1);
    this.#settle();
  }

  /** All that was sent has its verdict: the queue is open again. */
  #settle(): void {
    if (this.#inFlight.length === 0 && (this.#waiting[0]?.sequence ?? -1) < 0) this.#recovering = false;
  }

  /** Takes out the batches that wait and were begun at or before this instant (monotonic ms). */
  expire(createdBefore: number): QueuedBatch[] {
    const gone = this.#waiting.filter((batch) => batch.createdAt <= createdBefore);
    if (gone.length === 0) return gone;
    if (gone.some((batch) => batch.sequence >= 0)) this.breakSequence();
    const kept = this.#waiting.filter((batch) => batch.createdAt > createdBefore);
    this.#waiting.splice(0, this.#waiting.length, ...kept);
    this.#settle();
    return gone;
  }

  /** Takes out a batch that was never sent. */
  withdraw(batch: QueuedBatch): void {
    this.#waiting.splice(this.#waiting.indexOf(batch), 1);
  }

  /** Everything without a verdict. Ends the open batch, so that it is sent without lingering. */
  seal(): readonly QueuedBatch[] {
    for (const batch of this.#waiting) batch.closed = true;
    return [...this.#inFlight, ...this.#waiting];
  }
}

/** Whether sequence `a` comes after `b`, in numbers that wrap at 2^31. */
function follows(a: number, b: number): boolean {
  return (a - b + SEQUENCES) % SEQUENCES < SEQUENCES / 2 && a !== b;
}

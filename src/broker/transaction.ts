/**
 * One transactional id as its coordinator holds it.
 *
 * Empty                        the id has a producer, and no transaction yet.
 *   → Ongoing                    a partition or a group's offsets are added
 * Ongoing                      the transaction is open.
 *   → PrepareCommit, PrepareAbort  its producer ends it; or it takes too long, or a new producer takes its place: aborted
 * PrepareCommit, PrepareAbort  decided. Markers are being written to all that take part.
 *   → CompleteCommit, CompleteAbort  all have theirs
 * CompleteCommit, CompleteAbort
 *   → Ongoing                    as from Empty
 *   → Empty                      a producer takes the id (InitProducerId)
 *   → PrepareAbort               an abort of nothing, from transaction version 2 on
 *
 * From version 2 on (KIP-890) the end of each transaction raises the epoch, so that what comes late from it is fenced.
 */

import { ErrorCode } from "../../protocol/errors.ts";
import type { ProducerId } from "../../protocol/producer-id.ts";
import type { JournalValue } from "./journal-value.ts";

export type TransactionState =
  | "Empty"
  | "Ongoing"
  | "PrepareCommit"
  | "PrepareAbort"
  | "CompleteCommit"
  | "CompleteAbort";

/** Who writes: the epoch tells the producers that had the id before from the one that has it now. */
export interface ProducerIdentity {
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
}

interface TransactionSnapshot {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly state: TransactionState;
  readonly lastEpoch: number;
  readonly previousProducerId: number;
  readonly nextProducerId: number;
  readonly timeoutMs: number;
  readonly startedAt: number;
  readonly partitions: readonly (readonly [topic: string, partitions: readonly number[]])[];
  readonly groups: readonly string[];
}

/** The last epoch but one: the last is kept, so that its producer can still be fenced. */
const LAST_EPOCH = 0x7ffe;
const NONE = -1;

export class Transaction {
  readonly transactionalId: string;
  readonly #newProducerId: () => number;
  /** What takes part, and has no marker yet: topics with their partitions. */
  readonly partitions: Map<string, Set<number>> = new Map();
  /** Groups whose offsets take part. */
  readonly groups: Set<string> = new Set();
  #state: TransactionState = "Empty";
  #producerId: number;
  #producerEpoch = NONE;
  /** The epoch that a repeated request may still name; -1: none. */
  #lastEpoch = NONE;
  /** The producer id before the epochs of it were used up. */
  #previousProducerId = NONE;
  /** The one that follows, once the markers are written. */
  #nextProducerId = NONE;
  #timeoutMs = 0;
  #startedAt = NONE;

  /** `snapshot`: what the last coordinator knew. */
  constructor(transactionalId: string, newProducerId: () => number, snapshot?: JournalValue) {
    this.transactionalId = transactionalId;
    this.#newProducerId = newProducerId;
    const known = snapshot as TransactionSnapshot | undefined;
    this.#producerId = known?.producerId ?? newProducerId();
    if (known !== undefined) this.#restore(known);
  }

  get state(): TransactionState {
    return this.#state;
  }
  get identity(): ProducerIdentity {
    return { producerId: this.#producerId, producerEpoch: this.#producerEpoch };
  }
  /** The identity that its producer goes on with after this transaction. */
  get nextIdentity(): ProducerIdentity {
    return this.#nextProducerId === NONE ? this.identity : { producerId: this.#nextProducerId, producerEpoch: 0 };
  }
  get timeoutMs(): number {
    return this.#timeoutMs;
  }
  /** When the transaction began, epoch ms; -1: there was none. */
  get startedAt(): number {
    return this.#startedAt;
  }
  /** It is decided how the transaction ends, and not all who take part know it. */
  get isEnding(): boolean {
    return this.#state === "PrepareCommit" || this.#state === "PrepareAbort";
  }
  get #isExhausted(): boolean {
    return this.#producerEpoch >= LAST_EPOCH;
  }

  /**
   * Gives the id to a producer: a new one, which fences the one before, or with `expected` the same one again, after an
   * error (KIP-360). The answer is its identity, or a Kafka error code. An open transaction is aborted first.
   */
  init(timeoutMs: number, expected: ProducerIdentity | undefined, bumpsEpoch: boolean): ProducerIdentity | number {
    if (expected !== undefined && !this.#mayInit(expected)) return ErrorCode.PRODUCER_FENCED;
    if (this.isEnding) return ErrorCode.CONCURRENT_TRANSACTIONS;
    if (this.#state === "Ongoing") {
      this.fence(bumpsEpoch);
      return ErrorCode.CONCURRENT_TRANSACTIONS;
    }
    const isCurrent = expected === undefined || expected.producerEpoch === this.#producerEpoch;
    if (isCurrent && this.#isExhausted) {
      this.#lastEpoch = expected === undefined ? NONE : this.#producerEpoch;
      this.#takeProducerId(this.#newProducerId());
    } else if (isCurrent || this.#producerEpoch === NONE) {
      this.#lastEpoch = expected === undefined ? NONE : this.#producerEpoch;
      this.#producerEpoch += 1;
    } else if (expected.producerEpoch !== this.#lastEpoch) {
      return ErrorCode.PRODUCER_FENCED;
    }
    this.#state = "Empty";
    this.#timeoutMs = timeoutMs;
    this.#startedAt = NONE;
    return this.identity;
  }

  #mayInit({ producerId, producerEpoch }: ProducerIdentity): boolean {
    if (this.#producerEpoch === NONE || producerId === this.#producerId) return true;
    return producerId === this.#previousProducerId && producerEpoch >= LAST_EPOCH;
  }

  #takeProducerId(producerId: number): void {
    this.#previousProducerId = this.#producerId;
    this.#producerId = producerId;
    this.#producerEpoch = 0;
  }

  /**
   * Aborts the open transaction for another reason than its producer's wish, which can do nothing in it any more. Where
   * epochs rise anyway, it can go on in the next one: it finds the transaction aborted.
   */
  fence(bumpsEpoch: boolean): void {
    if (bumpsEpoch) return this.#prepareBumping("PrepareAbort");
    this.#lastEpoch = NONE;
    this.#producerEpoch += 1;
    this.#state = "PrepareAbort";
  }

  #prepareBumping(state: "PrepareCommit" | "PrepareAbort"): void {
    if (this.#isExhausted) this.#nextProducerId = this.#newProducerId();
    this.#lastEpoch = this.#producerEpoch;
    this.#producerEpoch += 1;
    this.#state = state;
  }

  /** Whether a request is the current producer's: a Kafka error code. */
  #ownerError({ producerId, producerEpoch }: ProducerIdentity): number {
    if (producerId !== this.#producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    return producerEpoch === this.#producerEpoch ? ErrorCode.NONE : ErrorCode.PRODUCER_FENCED;
  }

  /** Whether its producer may add to the transaction now, and begins one where there is none: a Kafka error code. */
  enter(identity: ProducerIdentity, now: number): number {
    const errorCode = this.#ownerError(identity);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    if (this.isEnding) return ErrorCode.CONCURRENT_TRANSACTIONS;
    if (this.#state !== "Ongoing") {
      this.#state = "Ongoing";
      this.#startedAt = now;
    }
    return ErrorCode.NONE;
  }

  /** Whether something was added to the producer's open transaction: a Kafka error code. */
  verify(identity: ProducerIdentity, isAdded: boolean): number {
    const errorCode = this.#ownerError(identity);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    if (this.isEnding) return ErrorCode.CONCURRENT_TRANSACTIONS;
    return isAdded ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE;
  }

  /** Ends the transaction as its producer wishes: a Kafka error code. With NONE, {@link isEnding} tells if it just did. */
  end(identity: ProducerIdentity, committed: boolean): number {
    const errorCode = this.#ownerError(identity);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    if (this.#state !== "Ongoing") return this.#repeatedEnd(committed);
    this.#state = committed ? "PrepareCommit" : "PrepareAbort";
    return ErrorCode.NONE;
  }

  /** The same from transaction version 2 on: the epoch rises, and a repetition is known by the one before. */
  endBumping(identity: ProducerIdentity, committed: boolean, now: number): number {
    if (this.#isRepeated(identity)) return this.#repeatedEnd(committed);
    const errorCode = this.#ownerError(identity);
    if (errorCode !== ErrorCode.NONE) return errorCode;
    // In its own epoch nothing was ended yet: what is ending is of the epoch before.
    if (this.isEnding) return ErrorCode.PRODUCER_FENCED;
    if (this.#state !== "Ongoing") {
      if (committed) return ErrorCode.INVALID_TXN_STATE;
      // Its producer does not know whether anything of the transaction has arrived: it has to be over in any case.
      this.#startedAt = now;
    }
    this.#prepareBumping(committed ? "PrepareCommit" : "PrepareAbort");
    return ErrorCode.NONE;
  }

  #isRepeated({ producerId, producerEpoch }: ProducerIdentity): boolean {
    const isComplete = this.#state === "CompleteCommit" || this.#state === "CompleteAbort";
    if (!this.isEnding && !isComplete) return false;
    if (producerId === this.#producerId) return producerEpoch + 1 === this.#producerEpoch;
    return producerId === this.#previousProducerId && producerEpoch === LAST_EPOCH && this.#producerEpoch === 0;
  }

  #repeatedEnd(committed: boolean): number {
    if (this.#state === (committed ? "PrepareCommit" : "PrepareAbort")) return ErrorCode.CONCURRENT_TRANSACTIONS;
    return this.#state === (committed ? "CompleteCommit" : "CompleteAbort")
      ? ErrorCode.NONE
      : ErrorCode.INVALID_TXN_STATE;
  }

  /** All markers are written. */
  complete(): void {
    this.#state = this.#state === "PrepareCommit" ? "CompleteCommit" : "CompleteAbort";
    if (this.#nextProducerId === NONE) return;
    this.#takeProducerId(this.#nextProducerId);
    this.#nextProducerId = NONE;
  }

  /** What its next coordinator has to know. */
  snapshot(): JournalValue {
    return {
      state: this.#state,
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      lastEpoch: this.#lastEpoch,
      previousProducerId: this.#previousProducerId,
      nextProducerId: this.#nextProducerId,
      timeoutMs: this.#timeoutMs,
      startedAt: this.#startedAt,
      partitions: [...this.partitions].map(([topic, partitions]) => [topic, [...partitions]]),
      groups: [...this.groups],
    };
  }

  #restore(snapshot: TransactionSnapshot): void {
    this.#state = snapshot.state;
    this.#producerEpoch = snapshot.producerEpoch;
    this.#lastEpoch = snapshot.lastEpoch;
    this.#previousProducerId = snapshot.previousProducerId;
    this.#nextProducerId = snapshot.nextProducerId;
    this.#timeoutMs = snapshot.timeoutMs;
    this.#startedAt = snapshot.startedAt;
    for (const [topic, partitions] of snapshot.partitions) this.partitions.set(topic, new Set(partitions));
    for (const groupId of snapshot.groups) this.groups.add(groupId);
  }

  has(topic: string, partition: number): boolean {
    return this.partitions.get(topic)?.has(partition) === true;
  }

  add(topic: string, partition: number): void {
    const known = this.partitions.get(topic);
    if (known === undefined) this.partitions.set(topic, new Set([partition]));
    else known.add(partition);
  }
}

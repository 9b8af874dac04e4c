import { ErrorCode } from "../../protocol/errors.ts";
import type { TransactionMarker } from "../../protocol/transaction-marker.ts";
import type { Clock, Timer } from "../net/clock.ts";
import type { CoordinatorChoice } from "./coordinator-choice.ts";
import { type Journal, noJournal } from "./journal.ts";
import type { JournalValue } from "./journal-value.ts";
import { type ProducerIdentity, Transaction } from "./transaction.ts";

/** What the coordinators need of the cluster. */
export interface TransactionsHost {
  readonly clock: Clock;
  /** The longest timeout that a producer may ask for, in ms (`transaction.max.timeout.ms`). */
  readonly maxTimeoutMs: number;
  /** How long an id is kept that nobody uses, in ms (`transactional.id.expiration.ms`). */
  readonly idExpirationMs: number;
  /** Whether the cluster has transaction version 2, so that an abort by the coordinator raises the epoch too (KIP-890). */
  bumpsEpoch(): boolean;
  newProducerId(): number;
  /** Transactions by their ids. */
  readonly journal: Journal;
  /** Ends a transaction on a partition; false where nobody leads it now. What is no partition any more needs no end. */
  writeMarker(topic: string, partition: number, marker: TransactionMarker): boolean;
  /** Ends a transaction for a group's offsets. */
  endOffsets(groupId: string, marker: TransactionMarker): void;
}

interface Entry {
  readonly transaction: Transaction;
  /** Aborts the transaction that is open. */
  timer: Timer | undefined;
  /** Who coordinates it, and how often that has changed. */
  coordinatorId: number;
  coordinatorEpoch: number;
  /** When its state last changed, epoch ms. */
  updatedAt: number;
}

/** How often Kafka looks for ids that nobody uses any more, in ms. */
const SWEEP_INTERVAL = 60 * 60 * 1000;

/** All transactional ids of the cluster. */
export class Transactions {
  readonly coordinators: CoordinatorChoice;
  readonly #host: TransactionsHost;
  readonly #entries = new Map<string, Entry>();
  #holds = 0;
  #nextSweep: number;

  constructor(host: TransactionsHost, coordinators: CoordinatorChoice) {
    this.#host = host;
    this.coordinators = coordinators;
    this.#nextSweep = host.clock.now() + SWEEP_INTERVAL;
    for (const [transactionalId, value] of host.journal.entries) this.#load(transactionalId, value);
  }

  #load(transactionalId: string, value: JournalValue): void {
    const { coordinatorEpoch, updatedAt, ...snapshot } = value as Pick<Entry, "coordinatorEpoch" | "updatedAt">;
    const entry = this.#hold(new Transaction(transactionalId, () => this.#host.newProducerId(), snapshot));
    entry.coordinatorEpoch = coordinatorEpoch + 1;
    entry.updatedAt = updatedAt;
    const { state, startedAt, timeoutMs } = entry.transaction;
    if (state === "Ongoing") this.#watch(entry, startedAt + timeoutMs - this.#host.clock.now());
  }

  /** Goes on with what the last process left undone. To be called once all topics and groups are there. */
  resume(): void {
    for (const entry of this.#entries.values()) this.#settle(entry);
  }

  #hold(transaction: Transaction): Entry {
    const { transactionalId } = transaction;
    const coordinatorId = this.coordinators.of(transactionalId);
    const updatedAt = this.#host.clock.now();
    const entry: Entry = { transaction, timer: undefined, coordinatorId, coordinatorEpoch: 0, updatedAt };
    this.#entries.set(transactionalId, entry);
    return entry;
  }

  /** Keeps what has changed, before anybody is told of it. */
  #keep(entry: Entry): void {
    entry.updatedAt = this.#host.clock.now();
    if (this.#host.journal === noJournal) return;
    const { transaction, coordinatorEpoch, updatedAt } = entry;
    const snapshot = transaction.snapshot() as { readonly [name: string]: JournalValue };
    this.#host.journal.write([[transaction.transactionalId, { ...snapshot, coordinatorEpoch, updatedAt }]]);
  }

  #watch(entry: Entry, ms: number): void {
    entry.timer ??= this.#host.clock.timer(Math.max(0, ms), () => this.#abort(entry), { idle: true });
  }

  get all(): readonly Transaction[] {
    return [...this.#entries.values()].map((entry) => entry.transaction);
  }
  find(transactionalId: string): Transaction | undefined {
    return this.#entries.get(transactionalId)?.transaction;
  }

  /** Gives a transactional id to a producer ({@link Transaction.init}): its identity, or a Kafka error code. */
  init(transactionalId: string, timeoutMs: number, expected: ProducerIdentity | undefined): ProducerIdentity | number {
    if (timeoutMs <= 0 || timeoutMs > this.#host.maxTimeoutMs) return ErrorCode.INVALID_TRANSACTION_TIMEOUT;
    this.#sweep();
    const entry = this.#obtain(transactionalId);
    const answer = entry.transaction.init(timeoutMs, expected, this.#host.bumpsEpoch());
    this.#keep(entry);
    this.#settle(entry);
    return answer;
  }

  /** Forgets ids that nobody uses. Only new ones make them many, so it is enough to look when one comes. */
  #sweep(): void {
    const now = this.#host.clock.now();
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + SWEEP_INTERVAL;
    for (const [transactionalId, { transaction, updatedAt }] of this.#entries) {
      const isBusy = transaction.isEnding || transaction.state === "Ongoing";
      if (isBusy || now - updatedAt < this.#host.idExpirationMs) continue;
      this.#entries.delete(transactionalId);
      this.#host.journal.write([[transactionalId, undefined]]);
    }
  }

  #obtain(transactionalId: string): Entry {
    const known = this.#entries.get(transactionalId);
    if (known !== undefined) return known;
    return this.#hold(new Transaction(transactionalId, () => this.#host.newProducerId()));
  }

  /** Lets partitions or a group take part in the producer's transaction, which begins where none is open: an error code. */
  enter(transactionalId: string, identity: ProducerIdentity, add: (transaction: Transaction) => void): number {
    const entry = this.#entries.get(transactionalId);
    if (entry === undefined) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    const errorCode = entry.transaction.enter(identity, this.#host.clock.now());
    if (errorCode !== ErrorCode.NONE) return errorCode;
    this.#watch(entry, entry.transaction.timeoutMs);
    add(entry.transaction);
    this.#keep(entry);
    return errorCode;
  }

  /** Whether something takes part in the producer's transaction: a Kafka error code. */
  verify(transactionalId: string, identity: ProducerIdentity, takesPart: (one: Transaction) => boolean): number {
    const transaction = this.find(transactionalId);
    if (transaction === undefined) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    return transaction.verify(identity, takesPart(transaction));
  }

  /** Ends a transaction as its producer wishes: a Kafka error code. `bumpsEpoch`: the producer expects a new epoch. */
  end(transactionalId: string, identity: ProducerIdentity, committed: boolean, bumpsEpoch: boolean): number {
    const entry = this.#entries.get(transactionalId);
    if (entry === undefined) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    const { transaction } = entry;
    const errorCode = bumpsEpoch
      ? transaction.endBumping(identity, committed, this.#host.clock.now())
      : transaction.end(identity, committed);
    if (errorCode === ErrorCode.NONE) this.#keep(entry);
    this.#settle(entry);
    return errorCode;
  }

  /** Aborts the open transaction as if its time were over; false where none is open. */
  expire(transactionalId: string): boolean {
    const entry = this.#entries.get(transactionalId);
    if (entry?.transaction.state !== "Ongoing") return false;
    this.#abort(entry);
    return true;
  }

  #abort(entry: Entry): void {
    entry.transaction.fence(this.#host.bumpsEpoch());
    this.#keep(entry);
    this.#settle(entry);
  }

  /** Writes the markers that are due and can be written. */
  #settle(entry: Entry): void {
    const { transaction } = entry;
    if (!transaction.isEnding) return;
    entry.timer?.cancel();
    entry.timer = undefined;
    if (this.#holds > 0) return;
    const committed = transaction.state === "PrepareCommit";
    const marker = { ...transaction.identity, committed, coordinatorEpoch: entry.coordinatorEpoch };
    for (const [topic, partitions] of transaction.partitions) {
      for (const index of partitions) if (this.#host.writeMarker(topic, index, marker)) partitions.delete(index);
      if (partitions.size === 0) transaction.partitions.delete(topic);
    }
    for (const groupId of transaction.groups) this.#host.endOffsets(groupId, marker);
    transaction.groups.clear();
    if (transaction.partitions.size === 0) transaction.complete();
    this.#keep(entry);
  }

  /** Keeps markers from being written until the returned function is called: transactions stay between ending and ended. */
  holdMarkers(): () => void {
    this.#holds += 1;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holds -= 1;
      for (const entry of this.#entries.values()) this.#settle(entry);
    };
  }

  /** A partition has another leader, or a node came up or went down. */
  clusterChanged(): void {
    for (const [transactionalId, entry] of this.#entries) {
      const coordinatorId = this.coordinators.of(transactionalId);
      if (coordinatorId !== entry.coordinatorId && coordinatorId !== -1) {
        entry.coordinatorId = coordinatorId;
        entry.coordinatorEpoch += 1;
      }
      this.#settle(entry);
    }
  }

  /** Stops all timers. */
  close(): void {
    for (const { timer } of this.#entries.values()) timer?.cancel();
  }
}

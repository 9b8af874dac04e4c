import type { Cluster } from "./cluster.ts";
import { ClosedError, KafkaError } from "./errors.ts";
import { Producer } from "./producer.ts";
import type { ProducerRecord, RecordMetadata } from "./producer-record.ts";
import { Transaction, type TransactionOffsets } from "./transaction.ts";
import { TransactionSession, timedOut } from "./transaction-session.ts";
import { type TransactionalProducerOptions, transactionalSettings } from "./transactional-options.ts";
import { within } from "./within.ts";

/** A whole transaction, to be written in one go. */
export interface TransactionContents {
  readonly records?: readonly ProducerRecord[] | undefined;
  /** Of one group, or of several. */
  readonly offsets?: TransactionOffsets | readonly TransactionOffsets[] | undefined;
}

/** What a function has returned, and the place of each record that it sent, in order. */
export interface TransactionResult<T> {
  readonly value: T;
  readonly records: readonly RecordMetadata[];
}

/** How long (ms) closing waits for an abort, and for what was sent. */
const CLOSE_GRACE = 5_000;

/**
 * Writes transactions (KIP-98), one at a time. The first one takes over the transactional id: whatever another producer
 * with the same id has open is aborted, and that producer is fenced.
 */
export class TransactionalProducer {
  readonly #cluster: Cluster;
  readonly #session: TransactionSession;
  readonly #producer: Producer;
  readonly #timeout: number;
  #last: Transaction | undefined;
  #isBeginning = false;
  /** A begin that was given up, and is still under way. */
  #beginning: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(cluster: Cluster, options: TransactionalProducerOptions) {
    const settings = transactionalSettings(options);
    this.#cluster = cluster;
    this.#timeout = settings.session.coordinatorTimeout;
    this.#session = new TransactionSession(cluster, settings.session);
    this.#producer = new Producer(cluster, settings.producer, undefined, this.#session);
  }

  get transactionalId(): string {
    return this.#session.transactionalId;
  }

  /** @internal */
  get coordinatorTimeout(): number {
    return this.#timeout;
  }

  /** Why it can write no more: it was fenced, or is not allowed to. A new producer has to be made. */
  get fatalError(): KafkaError | undefined {
    return this.#session.fatal;
  }

  /**
   * Takes over the transactional id now, which the first {@link begin} does otherwise. What a predecessor has left open
   * is aborted, so that it holds up nobody: until then a consumer does not even begin on partitions whose offsets it
   * wanted to commit. Rejections are those of {@link begin}.
   */
  async init(): Promise<void> {
    const transaction = await this.begin();
    await transaction.abort();
  }

  /**
   * Begins a transaction. Rejects with TRANSACTION_OPEN while another is open, with a `ProducerFencedError` where this
   * producer has been replaced, and with TRANSACTION_TIMED_OUT after `coordinatorTimeout`.
   */
  async begin(): Promise<Transaction> {
    if (this.#closing !== undefined) throw new ClosedError("the producer");
    if (this.#isBeginning || this.#last?.isOpen) {
      const message = `a transaction of ${this.transactionalId} is open: end it, or use another producer beside it`;
      throw new KafkaError("TRANSACTION_OPEN", message, false);
    }
    this.#isBeginning = true;
    let isLate = false;
    const work = this.#beginning.then(() => this.#begin(() => isLate));
    this.#beginning = work.catch(() => {});
    try {
      return await within(this.#cluster.clock, this.#timeout, work, () => {
        isLate = true;
        throw timedOut(this.transactionalId, this.#timeout);
      });
    } finally {
      this.#isBeginning = false;
    }
  }

  async #begin(isLate: () => boolean): Promise<Transaction> {
    await this.#last?.finish();
    await this.#session.begin();
    if (this.#closing !== undefined) throw new ClosedError("the producer");
    const transaction = new Transaction({
      cluster: this.#cluster,
      session: this.#session,
      producer: this.#producer,
      timeout: this.#timeout,
    });
    if (!isLate()) this.#last = transaction;
    return transaction;
  }

  /**
   * Runs `work` within a transaction: commits when it has returned, aborts when it throws, and then rejects with what
   * it threw. Rejections are otherwise those of {@link begin} and of {@link Transaction.commit}.
   */
  async transaction<T>(work: (transaction: Transaction) => T | Promise<T>): Promise<TransactionResult<T>> {
    const transaction = await this.begin();
    let value: T;
    try {
      value = await work(transaction);
    } catch (error) {
      // If it cannot be aborted now, it is before the next one begins, or by the coordinator in time.
      await transaction.abort().catch(() => {});
      throw error;
    }
    return { value, records: await transaction.commit() };
  }

  /**
   * Writes a whole transaction: begins it, sends records and offsets, and commits it. Resolves with the place of each
   * record, in order. Rejections are those of {@link begin} and of {@link Transaction.commit}.
   */
  async sendTransaction({ records = [], offsets = [] }: TransactionContents): Promise<RecordMetadata[]> {
    const transaction = await this.begin();
    if (records.length > 0) void transaction.sendMany(records);
    for (const group of [offsets].flat() as readonly TransactionOffsets[]) void transaction.sendOffsets(group);
    return transaction.commit();
  }

  /** Aborts what is open, waits for what is being ended, for 5 seconds at most, and lets go. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** What the brokers do not answer holds it up no longer than the grace, all in all. */
  async #close(): Promise<void> {
    const last = this.#last;
    const end = async (): Promise<void> => {
      await (last?.isOpen ? last.abort() : last?.finish())?.catch(() => {});
      this.#session.close();
      await this.#producer.close();
    };
    await within(this.#cluster.clock, CLOSE_GRACE, end(), () => this.#session.close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

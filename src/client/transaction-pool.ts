import type { Cluster } from "./cluster.ts";
import { ClosedError, InvalidArgumentError } from "./errors.ts";
import type { RecordMetadata } from "./producer-record.ts";
import type { Transaction } from "./transaction.ts";
import { timedOut } from "./transaction-session.ts";
import type { TransactionalProducerOptions } from "./transactional-options.ts";
import { TransactionalProducer, type TransactionContents, type TransactionResult } from "./transactional-producer.ts";
import { within } from "./within.ts";

/** Settings of a pool and of its producers. */
export interface TransactionPoolOptions extends Omit<TransactionalProducerOptions, "transactionalId"> {
  /**
   * The producers' transactional ids are `<prefix>/0`, `<prefix>/1` and so on. No two pools may have the same at a time,
   * or they fence each other: add what is the process's own.
   */
  readonly transactionalIdPrefix: string;
  /** The most producers, and so transactions at once; calls beyond that wait their turn. Default 16. */
  readonly maxProducers?: number | undefined;
}

const DEFAULT_MAX_PRODUCERS = 16;

/**
 * Producers for transactions beside each other: a producer has one open at a time. Each call takes one that is free; one
 * that was fenced is replaced. Which producer commits a partition's offsets does not matter, since they are committed
 * on behalf of a group's member (KIP-447).
 */
export class TransactionPool {
  readonly #cluster: Cluster;
  readonly #options: Omit<TransactionalProducerOptions, "transactionalId">;
  readonly #prefix: string;
  readonly #maxProducers: number;
  readonly #timeout: number;
  readonly #free: TransactionalProducer[] = [];
  /** Free or in use. */
  readonly #producers = new Set<TransactionalProducer>();
  readonly #waiting: ((producer: TransactionalProducer) => void)[] = [];
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(cluster: Cluster, options: TransactionPoolOptions) {
    const { transactionalIdPrefix, maxProducers = DEFAULT_MAX_PRODUCERS, ...rest } = options;
    if (typeof transactionalIdPrefix !== "string" || transactionalIdPrefix === "")
      throw new InvalidArgumentError("pool option transactionalIdPrefix: a name is wanted");
    if (!Number.isInteger(maxProducers) || maxProducers < 1)
      throw new InvalidArgumentError(`pool option maxProducers is ${maxProducers}: a whole number from 1 on is wanted`);
    this.#cluster = cluster;
    this.#prefix = transactionalIdPrefix;
    this.#maxProducers = maxProducers;
    this.#options = rest;
    // A wrong option is told of now, not by the first call.
    const first = this.#make();
    this.#timeout = first.coordinatorTimeout;
    this.#free.push(first);
  }

  /** Producers that there are, free or in use. */
  get size(): number {
    return this.#producers.size;
  }

  /** As a producer's: a whole transaction in one call. Rejects with TRANSACTION_TIMED_OUT where no producer gets free in time. */
  sendTransaction(contents: TransactionContents): Promise<RecordMetadata[]> {
    return this.#use((producer) => producer.sendTransaction(contents));
  }

  /** As a producer's: `work` within a transaction. */
  transaction<T>(work: (transaction: Transaction) => T | Promise<T>): Promise<TransactionResult<T>> {
    return this.#use((producer) => producer.transaction(work));
  }

  async #use<T>(work: (producer: TransactionalProducer) => Promise<T>): Promise<T> {
    const producer = await this.#take();
    try {
      return await work(producer);
    } finally {
      this.#giveBack(producer);
    }
  }

  async #take(): Promise<TransactionalProducer> {
    if (this.#closing !== undefined) throw new ClosedError("the transaction pool");
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#producers.size < this.#maxProducers) return this.#make();
    let give!: (producer: TransactionalProducer) => void;
    const given = new Promise<TransactionalProducer>((resolve) => {
      give = resolve;
    });
    this.#waiting.push(give);
    const none = (): never => {
      const at = this.#waiting.indexOf(give);
      if (at >= 0) this.#waiting.splice(at, 1);
      // One that was given in this very moment goes to the next.
      else void given.then((producer) => this.#giveBack(producer));
      throw this.#closing === undefined
        ? timedOut(`${this.#prefix}/*`, this.#timeout)
        : new ClosedError("the transaction pool");
    };
    return within(this.#cluster.clock, this.#timeout, given, none, this.#closed.signal);
  }

  #make(): TransactionalProducer {
    const used = new Set([...this.#producers].map(({ transactionalId }) => transactionalId));
    let number = 0;
    while (used.has(`${this.#prefix}/${number}`)) number += 1;
    const transactionalId = `${this.#prefix}/${number}`;
    const producer = new TransactionalProducer(this.#cluster, { ...this.#options, transactionalId });
    this.#producers.add(producer);
    return producer;
  }

  #giveBack(producer: TransactionalProducer): void {
    let next = producer;
    if (producer.fatalError !== undefined && this.#closing === undefined) {
      this.#producers.delete(producer);
      void producer.close();
      next = this.#make();
    }
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#free.push(next);
    else waiting(next);
  }

  /** Refuses new calls, and closes the producers: what is open is aborted. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#closed.abort();
      await Promise.all([...this.#producers].map((producer) => producer.close()));
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

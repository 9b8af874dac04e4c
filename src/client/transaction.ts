import type { Cluster } from "./cluster.ts";
import { notOwned } from "./commit-queue.ts";
import { asKafkaError, KafkaError } from "./errors.ts";
import type { GroupMetadata, GroupReader } from "./group-metadata.ts";
import type { OffsetToCommit } from "./group-offsets.ts";
import { type PartitionOffset, toCommit } from "./partition-offset.ts";
import type { Producer } from "./producer.ts";
import type { ProducerRecord, RecordMetadata } from "./producer-record.ts";
import type { TransactionVerdict } from "./transaction-ending.ts";
import { ProducerFencedError, TransactionAbortedError, TransactionOutcomeUnknownError } from "./transaction-errors.ts";
import { type TransactionSession, timedOut } from "./transaction-session.ts";
import { within } from "./within.ts";

/**
 * Offsets of one group, and on whose behalf they are committed: of a consumer, which must own the partitions, or of a
 * member as it was when they were read.
 */
export type TransactionOffsets = { readonly offsets: readonly PartitionOffset[] } & (
  | { readonly consumer: GroupReader }
  | { readonly groupMetadata: GroupMetadata }
);

/** What a transaction needs of the producer that began it. */
export interface TransactionParts {
  readonly cluster: Cluster;
  readonly session: TransactionSession;
  readonly producer: Producer;
  /** Milliseconds for ending it. */
  readonly timeout: number;
}

/**
 * One open transaction (KIP-98): its records and offsets count together, once `commit` has resolved, or not at all.
 * Once anything of it has failed, it can only be aborted, and `commit` does that.
 */
export class Transaction {
  readonly #parts: TransactionParts;
  readonly #sends: Promise<RecordMetadata | RecordMetadata[]>[] = [];
  #isOpen = true;
  #commit: Promise<RecordMetadata[]> | undefined;
  #abort: Promise<void> | undefined;
  /** What is under way to end it. */
  #ending: Promise<TransactionVerdict> | undefined;
  #verdict: TransactionVerdict | undefined;

  /** @internal */
  constructor(parts: TransactionParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Adds a record. Resolves once the broker has it as a part of the open transaction: its place is what `commit` tells.
   * It need not be awaited: if it fails, so does `commit`.
   */
  send(record: ProducerRecord): Promise<void> {
    return this.#add(() => this.#parts.producer.send(record));
  }

  /** Adds records. As {@link send}. */
  sendMany(records: readonly ProducerRecord[]): Promise<void> {
    return this.#add(() => this.#parts.producer.sendMany(records));
  }

  #add(send: () => Promise<RecordMetadata | RecordMetadata[]>): Promise<void> {
    if (!this.#isOpen) return Promise.reject(this.#endedError());
    const sent = send();
    this.#sends.push(sent);
    return quiet(
      sent.then(
        () => {},
        (error: unknown) => {
          this.#parts.session.fail(asKafkaError(error));
          throw error;
        },
      ),
    );
  }

  /**
   * Adds offsets of a group, which count once the transaction is committed. A member that has been replaced since is
   * refused with ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID (KIP-447). With `consumer`, NOT_OWNED
   * refuses what it does not own, or has not read since the partition came to it: it will read that again. It need not be awaited: if it fails, so does `commit`.
   */
  sendOffsets(offsets: TransactionOffsets): Promise<void> {
    if (!this.#isOpen) return Promise.reject(this.#endedError());
    try {
      const checked = offsets.offsets.map(toCommit);
      const group = "consumer" in offsets ? ownerOf(offsets.consumer, checked) : offsets.groupMetadata;
      if (checked.length === 0) return Promise.resolve();
      return quiet(this.#parts.session.addOffsets(group, checked));
    } catch (error) {
      this.#parts.session.fail(asKafkaError(error));
      return quiet(Promise.reject(error));
    }
  }

  /**
   * Commits, and resolves with the place of each record, in the order in which they were added. Rejects with a
   * {@link TransactionAbortedError} where the transaction has been aborted, with a {@link ProducerFencedError} where
   * the producer has been replaced, and with a {@link TransactionOutcomeUnknownError} where nobody said in time which:
   * then it can be called again.
   */
  commit(): Promise<RecordMetadata[]> {
    if (this.#abort !== undefined) return Promise.reject(this.#endedError());
    this.#commit ??= this.#tryCommit().catch((error: unknown) => {
      if (error instanceof TransactionOutcomeUnknownError && this.#parts.session.fatal === undefined)
        this.#commit = undefined;
      throw error;
    });
    return this.#commit;
  }

  async #tryCommit(): Promise<RecordMetadata[]> {
    const { session, producer } = this.#parts;
    if (this.#isOpen) {
      this.#isOpen = false;
      await producer.flush();
      await Promise.allSettled(this.#sends);
      await session.settled();
      const { failure } = session;
      if (failure !== undefined) {
        await this.#abandon(failure).catch(() => {});
        throw this.#abortedError(failure);
      }
      this.#ending = session.end(true);
    } else this.#askAgain();
    let verdict: TransactionVerdict;
    try {
      verdict = await this.#settle();
    } catch (error) {
      const cause = asKafkaError(error);
      if (session.isUnresolved) throw session.giveUp(cause) ? this.#unknownError(cause) : this.#abortedError(cause);
      // The answer has come in this very moment.
      verdict = await this.#end();
    }
    if (verdict.outcome === "unknown") throw this.#unknownError(verdict.cause!);
    if (verdict.outcome === "aborted") throw this.#abortedError(verdict.cause!);
    return (await Promise.all(this.#sends)).flat();
  }

  /** Aborts: nothing of it will count. Does nothing where `commit` has failed and has aborted it. */
  abort(): Promise<void> {
    if (this.#commit !== undefined) return this.#commit.then(() => Promise.reject(this.#endedError()), ignoreAborted);
    if (!this.#isOpen && this.#abort === undefined) return Promise.reject(this.#endedError());
    this.#isOpen = false;
    this.#abort ??= this.#abandon(
      new KafkaError(
        "TRANSACTION_ABORTED",
        `the transaction of ${this.#parts.session.transactionalId} is aborted`,
        false,
      ),
    );
    return this.#abort;
  }

  async #abandon(reason: KafkaError): Promise<void> {
    const { session, producer } = this.#parts;
    session.fail(reason);
    this.#ending = (async () => {
      await producer.abandon(session.failure!);
      await session.settled();
      return session.end(false);
    })();
    await this.#settle();
  }

  /** Asks again where the last question had no answer. */
  #askAgain(): void {
    const { session } = this.#parts;
    this.#ending = this.#ending!.catch((error: unknown) => {
      if (session.isUnresolved) return session.resolve();
      throw error;
    });
  }

  async #settle(): Promise<TransactionVerdict> {
    const { cluster, session, timeout } = this.#parts;
    const late = (): never => {
      throw timedOut(session.transactionalId, timeout);
    };
    return within(cluster.clock, timeout, this.#end(), late);
  }

  async #end(): Promise<TransactionVerdict> {
    this.#verdict ??= await this.#ending!;
    return this.#verdict;
  }

  /** @internal Resolves once it is known how it ended, and throws what keeps it from that. */
  async finish(): Promise<void> {
    await this.#commit?.catch(() => {});
    await this.#abort?.catch(() => {});
    if (this.#ending === undefined || this.#verdict !== undefined) return;
    this.#askAgain();
    await this.#settle();
  }

  #abortedError(cause: KafkaError): KafkaError {
    const { session } = this.#parts;
    if (session.fatal instanceof ProducerFencedError) return session.fatal;
    return new TransactionAbortedError(session.transactionalId, cause);
  }

  #unknownError(cause: KafkaError): KafkaError {
    return new TransactionOutcomeUnknownError(this.#parts.session.transactionalId, cause);
  }

  #endedError(): KafkaError {
    const { transactionalId } = this.#parts.session;
    const message = `the transaction of ${transactionalId} has ended, or is being ended: begin another`;
    return new KafkaError("TRANSACTION_ENDED", message, false);
  }
}

/** Whoever does not await it hears of it from `commit`. */
function quiet(work: Promise<void>): Promise<void> {
  work.catch(() => {});
  return work;
}

function ignoreAborted(error: unknown): void {
  if (error instanceof TransactionOutcomeUnknownError) throw error;
}

/** The consumer as a member, for what it has read of partitions that are its own: for others it may not speak. */
function ownerOf(consumer: GroupReader, offsets: readonly OffsetToCommit[]): GroupMetadata {
  for (const { topic, partition, offset } of offsets) {
    if (!consumer.owns(topic, partition)) throw notOwned(topic, partition);
    if (consumer.hasRead({ topic, partition }, offset)) continue;
    const message =
      `offset ${offset} of ${topic}/${partition} was not read since the partition came to this consumer: ` +
      "it went meanwhile, and what was read before it is read again";
    throw new KafkaError("NOT_OWNED", message, false, { topic, partition });
  }
  return consumer.groupMetadata;
}

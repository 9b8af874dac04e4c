import type { Connection } from "../net/connection.ts";
import type { Cluster } from "./cluster.ts";
import { Coordinator } from "./coordinator.ts";
import { asKafkaError, ClosedError, type KafkaError, TimeoutError } from "./errors.ts";
import type { GroupMetadata } from "./group-metadata.ts";
import type { OffsetToCommit } from "./group-offsets.ts";
import type { ProducerIdentity } from "./partition-queue.ts";
import type { IdentitySource, IdentityUser } from "./producer-identity.ts";
import type { TopicPartition } from "./topic-partition.ts";
import { TransactionEnding, type TransactionVerdict } from "./transaction-ending.ts";
import { isFenced, ProducerFencedError } from "./transaction-errors.ts";
import { TransactionPartitions } from "./transaction-partitions.ts";
import {
  addOffsets,
  addPartitions,
  commitTransactionOffsets,
  initTransactionalId,
  isImplicit,
  LAST_EXPLICIT_PRODUCE,
  type TransactionStamp,
} from "./transaction-requests.ts";

export interface SessionOptions {
  readonly transactionalId: string;
  readonly transactionTimeout: number;
  /** Milliseconds for each thing that is asked of a coordinator, with all repetitions. */
  readonly coordinatorTimeout: number;
}

/** What is open between begin and end. */
interface OpenTransaction {
  readonly beganAt: number;
  readonly partitions: TransactionPartitions;
  readonly offsets: Promise<void>[];
  /** Aborts when it has failed: nothing of it is repeated any more. */
  readonly stop: AbortController;
  /** Why it can only be aborted. */
  failure: KafkaError | undefined;
  /** The coordinator may know of it. */
  isKnown: boolean;
  /** A batch was given up that had been sent: the sequences have a gap. */
  hasGap: boolean;
}

/**
 * A transactional id as its coordinator knows it: who has it (a producer id and epoch), and one transaction after the
 * other (KIP-98). It is the identity of the producer that writes them.
 *
 * Once anything of a transaction has failed, it can only be aborted. The coordinator then raises the epoch, by itself
 * under KIP-890, else when asked (KIP-360): sequences begin anew, and what is still on its way under the old epoch is
 * refused.
 */
export class TransactionSession implements IdentitySource {
  readonly #cluster: Cluster;
  readonly #options: SessionOptions;
  readonly #coordinator: Coordinator;
  readonly #groups = new Map<string, Coordinator>();
  readonly #closing = new AbortController();
  #identity: ProducerIdentity | undefined;
  #isImplicit = false;
  #mustRenew = false;
  #open: OpenTransaction | undefined;
  /** The end of the last transaction, while it is not known. */
  #ending: TransactionEnding | undefined;
  #fatal: KafkaError | undefined;
  #user: IdentityUser | undefined;

  constructor(cluster: Cluster, options: SessionOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#coordinator = new Coordinator(cluster, options.transactionalId, "transaction");
  }

  get transactionalId(): string {
    return this.#options.transactionalId;
  }
  get maxProduceVersion(): number | undefined {
    return this.#isImplicit ? undefined : LAST_EXPLICIT_PRODUCE;
  }
  /** Why the open transaction can only be aborted. */
  get failure(): KafkaError | undefined {
    return this.#open?.failure;
  }
  /** Why there will be no further transaction. */
  get fatal(): KafkaError | undefined {
    return this.#fatal;
  }

  identityFor(_queues: unknown, user: IdentityUser): ProducerIdentity | undefined {
    this.#user = user;
    return this.#open === undefined ? undefined : this.#identity;
  }

  admits(partition: TopicPartition, user: IdentityUser): boolean {
    const open = this.#open!;
    open.isKnown = true;
    return this.#isImplicit || open.partitions.admits(partition, () => user.resume());
  }

  gaveUp(error: KafkaError, wasSent: boolean): void {
    if (this.#open !== undefined && wasSent) this.#open.hasGap = true;
    this.fail(error);
  }

  /** The open transaction can only be aborted from now on, because of `error`. */
  fail(error: KafkaError): void {
    const open = this.#open;
    if (open === undefined || open.failure !== undefined) return;
    open.failure = error;
    open.stop.abort();
    this.#cluster.clock.soon(() => this.#user?.resume());
  }

  /** The end of the last transaction was asked for, and is not known. */
  get isUnresolved(): boolean {
    return this.#ending !== undefined;
  }

  /** Begins a transaction, and takes the transactional id where that is needed. The one before must have ended. */
  async begin(): Promise<void> {
    if (this.#fatal !== undefined) throw this.#fatal;
    if (this.#identity === undefined || this.#mustRenew) await this.#take();
    this.#open = {
      beganAt: this.#cluster.clock.monotonic(),
      partitions: new TransactionPartitions(
        (partitions) => this.#addPartitions(partitions),
        (error) => this.fail(error),
      ),
      offsets: [],
      stop: new AbortController(),
      ...{ failure: undefined, isKnown: false, hasGap: false },
    };
  }

  async #take(): Promise<void> {
    const { transactionalId, transactionTimeout } = this.#options;
    try {
      this.#identity = await this.#ask(this.#closing.signal, (connection, timeout) => {
        this.#isImplicit = isImplicit(connection);
        return initTransactionalId(connection, transactionalId, transactionTimeout, this.#identity, timeout);
      });
      this.#mustRenew = false;
    } catch (error) {
      throw isFenced(error) ? this.#fenced(error as KafkaError) : error;
    }
  }

  #addPartitions(partitions: readonly TopicPartition[]): Promise<void> {
    const stamp = this.#stamp();
    return this.#ask(this.#open!.stop.signal, (connection, timeout) =>
      addPartitions(connection, stamp, partitions, timeout),
    );
  }

  /** Makes offsets of a group part of the open transaction. */
  addOffsets(group: GroupMetadata, offsets: readonly OffsetToCommit[]): Promise<void> {
    const open = this.#open!;
    const added = this.#addOffsets(open, group, offsets).catch((error: unknown) => {
      const failure = asKafkaError(error, `adding offsets of group ${group.groupId} to a transaction`);
      if (this.#open === open) this.fail(failure);
      throw failure;
    });
    open.offsets.push(added.catch(() => {}));
    return added;
  }

  async #addOffsets(open: OpenTransaction, group: GroupMetadata, offsets: readonly OffsetToCommit[]): Promise<void> {
    const { signal } = open.stop;
    const stamp = this.#stamp();
    const { groupId } = group;
    open.isKnown = true;
    if (!stamp.isImplicit) {
      await this.#ask(signal, (connection, timeout) => addOffsets(connection, stamp, groupId, timeout));
    }
    let coordinator = this.#groups.get(groupId);
    if (coordinator === undefined) {
      coordinator = new Coordinator(this.#cluster, groupId);
      this.#groups.set(groupId, coordinator);
    }
    const commit = (connection: Connection, timeout: number): Promise<void> =>
      commitTransactionOffsets(connection, stamp, group, offsets, timeout);
    await this.#ask(signal, commit, coordinator, "offsets");
  }

  #stamp(): TransactionStamp {
    return { ...this.#identity!, transactionalId: this.transactionalId, isImplicit: this.#isImplicit };
  }

  /** Resolves when nothing but batches is on its way for the open transaction. */
  async settled(): Promise<void> {
    await this.#open!.partitions.settled();
    await Promise.all(this.#open!.offsets);
  }

  /** Ends the open transaction, of which nothing may be on its way. Throws where nobody answers in time. */
  async end(commits: boolean): Promise<TransactionVerdict> {
    const open = this.#open!;
    // Sequences with a gap need another epoch: with the coordinator's own raising of it (KIP-890) the answer brings one.
    if (open.hasGap && !(this.#isImplicit && open.isKnown)) this.#mustRenew = true;
    if (!open.isKnown) {
      this.#open = undefined;
      return { outcome: commits ? "committed" : "aborted", goesOn: "next" };
    }
    this.#ending = new TransactionEnding(this.#stamp(), commits);
    return this.resolve();
  }

  /** Asks for the end of the last transaction until it is known. Throws where nobody answers in time. */
  async resolve(): Promise<TransactionVerdict> {
    const ending = this.#ending!;
    const openFor = this.#cluster.clock.monotonic() - this.#open!.beganAt;
    const verdict = await this.#ask(this.#closing.signal, async (connection, timeout) => {
      const answer = await ending.ask(connection, timeout);
      this.#isImplicit = isImplicit(connection);
      return answer;
    });
    this.#ending = undefined;
    this.#open = undefined;
    if (verdict.next !== undefined) this.#identity = verdict.next;
    if (verdict.goesOn === "renew") this.#mustRenew = true;
    if (verdict.goesOn !== "never") return verdict;
    this.#fatal = isFenced(verdict.cause) ? this.#fenced(verdict.cause!, openFor) : verdict.cause;
    return verdict;
  }

  /** No answer came in time. A commit that was never asked for will not be; says whether one may have been. */
  giveUp(cause: KafkaError): boolean {
    const ending = this.#ending!;
    if (!ending.mayHaveCommitted) ending.abortInstead(cause);
    return ending.mayHaveCommitted;
  }

  #fenced(error: KafkaError, openFor?: number): KafkaError {
    this.#fatal = new ProducerFencedError(error.code, this.transactionalId, openFor, {
      broker: error.broker,
      cause: error,
    });
    return this.#fatal;
  }

  /** Repeats a question to a coordinator while it fails in ways that pass. */
  async #ask<T>(
    signal: AbortSignal,
    attempt: (connection: Connection, timeout: number) => Promise<T>,
    coordinator: Coordinator = this.#coordinator,
    role: "transactions" | "offsets" = "transactions",
  ): Promise<T> {
    const { clock, options } = this.#cluster;
    const { coordinatorTimeout } = this.#options;
    const deadline = clock.monotonic() + coordinatorTimeout;
    try {
      return await coordinator.retry(role, coordinatorTimeout, signal, (connection) => {
        if (this.#closing.signal.aborted) throw new ClosedError("the producer");
        const left = deadline - clock.monotonic();
        if (left <= 0) throw timedOut(this.transactionalId, coordinatorTimeout);
        return attempt(connection, Math.min(left, options.requestTimeout));
      });
    } catch (error) {
      const { retriable, code } = asKafkaError(error);
      if (!retriable || code === "TRANSACTION_TIMED_OUT") throw error;
      throw timedOut(this.transactionalId, coordinatorTimeout, asKafkaError(error));
    }
  }

  /** Nothing is asked any more. */
  close(): void {
    this.#closing.abort();
  }
}

/** A coordinator had its time. */
export function timedOut(transactionalId: string, timeout: number, cause?: KafkaError): TimeoutError {
  const last = cause === undefined ? "" : `: ${cause.message}`;
  const message = `transactional id ${transactionalId}: a coordinator did not do what was asked within ${timeout} ms${last}`;
  return new TimeoutError("TRANSACTION_TIMED_OUT", message, { cause });
}

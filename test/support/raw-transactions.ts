import type { Api } from "../../protocol/api.ts";
import { BatchBuilder, type ProducerStamp } from "../../protocol/batch-builder.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { type PartitionProduceResponse, produce } from "../../protocol/messages/00-produce.ts";
import { type InitProducerIdResponse, initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../protocol/messages/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../protocol/messages/25-add-offsets-to-txn.ts";
import { type EndTxnResponse, endTxn } from "../../protocol/messages/26-end-txn.ts";
import { type TxnOffsetCommitRequest, txnOffsetCommit } from "../../protocol/messages/28-txn-offset-commit.ts";
import type { ProducerId } from "../../protocol/producer-id.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";

/** Requests to those who are responsible, in exactly the version that is asked for. */
export interface Wire {
  toTransactions<Q, R>(transactionalId: string, api: Api<Q, R>, version: number, body: Draft<Q>): Promise<R>;
  toGroup<Q, R>(groupId: string, api: Api<Q, R>, version: number, body: Draft<Q>): Promise<R>;
  toLeader<Q, R>(topic: string, partition: number, api: Api<Q, R>, version: number, body: Draft<Q>): Promise<R>;
  /** The time for records, epoch ms. */
  now(): number;
  /** Waits until it makes sense to ask again. */
  pause(): Promise<void>;
}

export interface Identity {
  readonly producerId: ProducerId;
  readonly producerEpoch: number;
}

/** What a client of each transaction version (KIP-890) speaks. */
const VERSIONS = {
  1: { produce: 11, txnOffsetCommit: 4, endTxn: 4 },
  2: { produce: 12, txnOffsetCommit: 5, endTxn: 5 },
} as const;

export type OffsetsOf = Omit<Draft<TxnOffsetCommitRequest>, "transactionalId" | "producerId" | "producerEpoch">;

/** A transactional producer that does what it is told to and no more: no state but its identity and its sequences. */
export class RawTransactions {
  readonly transactionalId: string;
  readonly version: 1 | 2;
  identity: Identity = { producerId: -1, producerEpoch: -1 };
  readonly #wire: Wire;
  readonly #sequences = new Map<string, number>();

  constructor(wire: Wire, transactionalId: string, version: 1 | 2) {
    this.#wire = wire;
    this.transactionalId = transactionalId;
    this.version = version;
  }

  static async start(
    wire: Wire,
    transactionalId: string,
    version: 1 | 2,
    timeoutMs?: number,
  ): Promise<RawTransactions> {
    const producer = new RawTransactions(wire, transactionalId, version);
    const { errorCode } = await producer.init(timeoutMs);
    if (errorCode !== ErrorCode.NONE) throw new Error(`InitProducerId failed with error ${errorCode}`);
    return producer;
  }

  /** Asks until the answer is about something else than the transaction before. */
  async patient<R>(ask: () => Promise<R>, errorOf: (answer: R) => number): Promise<R> {
    for (;;) {
      const answer = await ask();
      if (!PASSING.has(errorOf(answer))) return answer;
      await this.#wire.pause();
    }
  }

  /** One InitProducerId. */
  initOnce(timeoutMs = 60_000, expected?: Identity): Promise<InitProducerIdResponse> {
    const { transactionalId } = this;
    const body = { transactionalId, transactionTimeoutMs: timeoutMs, ...expected };
    return this.#wire.toTransactions(transactionalId, initProducerId, 5, body);
  }

  /** Takes the transactional id. `expected`: as the one who has it (KIP-360). */
  async init(timeoutMs?: number, expected?: Identity): Promise<InitProducerIdResponse> {
    const answer = await this.patient(
      () => this.initOnce(timeoutMs, expected),
      (one) => one.errorCode,
    );
    if (answer.errorCode === ErrorCode.NONE) this.become(answer);
    return answer;
  }

  become({ producerId, producerEpoch }: Identity): void {
    this.identity = { producerId, producerEpoch };
    this.#sequences.clear();
  }

  /** One AddPartitionsToTxn: the error of its first partition. */
  async addOnce(topic: string, partitions: readonly number[], version?: number): Promise<number> {
    return (await this.addAll(topic, partitions, version)).get(partitions[0]!)!;
  }

  /** One AddPartitionsToTxn: the errors by partition, in ascending order. */
  async addAll(topic: string, partitions: readonly number[], version = 3): Promise<Map<number, number>> {
    const answer = await this.#wire.toTransactions(this.transactionalId, addPartitionsToTxn, version, {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.identity.producerId,
      v3AndBelowProducerEpoch: this.identity.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions }],
    });
    const results = [...answer.resultsByTopicV3AndBelow[0]!.resultsByPartition];
    results.sort((a, b) => a.partitionIndex - b.partitionIndex);
    return new Map(results.map((one) => [one.partitionIndex, one.partitionErrorCode]));
  }

  add(topic: string, ...partitions: number[]): Promise<number> {
    return this.patient(
      () => this.addOnce(topic, partitions),
      (errorCode) => errorCode,
    );
  }

  /** One Produce of one batch, with the next sequence. */
  async produceOnce(
    topic: string,
    partition: number,
    values: readonly string[],
    options: { readonly version?: number; readonly transactional?: boolean } = {},
  ): Promise<PartitionProduceResponse> {
    const { version = VERSIONS[this.version].produce, transactional = true } = options;
    const key = `${topic}-${partition}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    const stamp = { ...this.identity, baseSequence, transactional };
    const part = await this.#produce(topic, partition, values, stamp, version);
    if (part.errorCode === ErrorCode.NONE) this.#sequences.set(key, baseSequence + values.length);
    return part;
  }

  /** Sends a batch with a sequence of its own: a repetition, or one out of order. */
  resend(
    topic: string,
    partition: number,
    baseSequence: number,
    values: readonly string[],
  ): Promise<PartitionProduceResponse> {
    const stamp = { ...this.identity, baseSequence, transactional: true };
    return this.#produce(topic, partition, values, stamp, VERSIONS[this.version].produce);
  }

  async #produce(
    topic: string,
    partition: number,
    values: readonly string[],
    stamp: ProducerStamp,
    version: number,
  ): Promise<PartitionProduceResponse> {
    const records = textBatch(values, this.#wire.now(), stamp);
    const answer = await this.#wire.toLeader(topic, partition, produce, version, {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    });
    return answer.responses[0]!.partitionResponses[0]!;
  }

  /** Sends values as one batch, as a part of the transaction, which begins where none is open. */
  async send(topic: string, partition: number, ...values: string[]): Promise<PartitionProduceResponse> {
    if (this.version === 1) await this.add(topic, partition);
    return this.patient(
      () => this.produceOnce(topic, partition, values),
      (part) => part.errorCode,
    );
  }

  addOffsetsOnce(groupId: string): Promise<number> {
    const body = { transactionalId: this.transactionalId, ...this.identity, groupId };
    return this.#wire.toTransactions(this.transactionalId, addOffsetsToTxn, 4, body).then(({ errorCode }) => errorCode);
  }

  /** One TxnOffsetCommit: the errors of its partitions. */
  async commitOffsetsOnce(
    offsets: OffsetsOf,
    version: number = VERSIONS[this.version].txnOffsetCommit,
  ): Promise<number[]> {
    const body = { transactionalId: this.transactionalId, ...this.identity, ...offsets };
    const answer = await this.#wire.toGroup(offsets.groupId!, txnOffsetCommit, version, body);
    return answer.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
  }

  /** Commits one offset as a part of the transaction: its error. */
  async commitOffset(groupId: string, topic: string, partition: number, offset: number): Promise<number> {
    if (this.version === 1) {
      const errorCode = await this.patient(
        () => this.addOffsetsOnce(groupId),
        (code) => code,
      );
      if (errorCode !== ErrorCode.NONE) return errorCode;
    }
    const partitions = [{ partitionIndex: partition, committedOffset: offset, committedMetadata: "m" }];
    const [errorCode] = await this.patient(
      () => this.commitOffsetsOnce({ groupId, topics: [{ name: topic, partitions }] }),
      ([code]) => code!,
    );
    return errorCode!;
  }

  /** One EndTxn. With version 2 the producer goes on with the identity that it is given. */
  async endOnce(committed: boolean, version: number = VERSIONS[this.version].endTxn): Promise<EndTxnResponse> {
    const body = { transactionalId: this.transactionalId, ...this.identity, committed };
    return this.#wire.toTransactions(this.transactionalId, endTxn, version, body);
  }

  async end(committed: boolean): Promise<number> {
    const answer = await this.patient(
      () => this.endOnce(committed),
      (one) => one.errorCode,
    );
    if (answer.errorCode === ErrorCode.NONE && this.version === 2) this.become(answer);
    return answer.errorCode;
  }

  commit(): Promise<number> {
    return this.end(true);
  }
  abort(): Promise<number> {
    return this.end(false);
  }
}

/** What passes by itself. */
const PASSING: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.NOT_ENOUGH_REPLICAS,
]);

/** One batch of values without keys. */
export function textBatch(values: readonly string[], timestamp: number, stamp: ProducerStamp): Uint8Array {
  const builder = new BatchBuilder(1 << 20);
  for (const value of values) builder.append(null, encodeUtf8(value), timestamp);
  return builder.stamped(stamp);
}

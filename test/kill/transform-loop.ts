import {
  type Consumer,
  type ConsumerBatch,
  type ConsumerOptions,
  type Kafka,
  type KafkaError,
  TransactionAbortedError,
  TransactionOutcomeUnknownError,
  type TransactionPool,
} from "ottla/kafka";
import { LongestSilence } from "./longest-silence.ts";

/** Many small transactions. */
const SMALL: Partial<ConsumerOptions> = { maxWait: 100, partitionMaxBytes: 400, sessionTimeout: 6_000 };

/** Takes batches through transactions until nothing is left; tells of each that was committed. */
export class TransformLoop {
  readonly #kafka: Kafka;
  readonly #pool: TransactionPool;
  readonly #limits: Partial<ConsumerOptions>;
  readonly #consumers = new Set<Consumer>();
  readonly #names: { readonly source: string; readonly sink: string; readonly group: string };
  /** Of transactions that are committed. */
  readonly silence: LongestSilence = new LongestSilence();
  #transactions = 0;
  #isOver = false;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(
    kafka: Kafka,
    pool: TransactionPool,
    names: { source: string; sink: string; group: string },
    limits: Partial<ConsumerOptions> = SMALL,
  ) {
    this.#kafka = kafka;
    this.#pool = pool;
    this.#names = names;
    this.#limits = limits;
  }

  get transactions(): number {
    return this.#transactions;
  }

  /** Resolves when `count` more transactions have been committed. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ count: this.#transactions + count, resolve }));
  }

  stop(): void {
    this.#isOver = true;
    for (const consumer of this.#consumers) void consumer.close();
  }

  /** A member of the group. One that cannot tell what became of its transaction begins anew: the offsets tell. */
  async run(): Promise<void> {
    while (!this.#isOver) {
      const { group: groupId, source } = this.#names;
      const consumer = this.#kafka.consumer({ groupId, topics: [source], groupProtocol: "classic", ...this.#limits });
      this.#consumers.add(consumer);
      try {
        for await (const batch of consumer) {
          await this.#transform(batch, consumer);
          if (this.#isOver) break;
        }
      } catch (error) {
        if (!(error instanceof TransactionOutcomeUnknownError)) throw error;
      }
    }
  }

  async #transform(batch: ConsumerBatch, consumer: ReturnType<Kafka["consumer"]>): Promise<void> {
    const { topic, partition, nextOffset: offset, leaderEpoch, records } = batch;
    const offsets = { consumer, offsets: [{ topic, partition, offset, leaderEpoch }] };
    for (;;) {
      try {
        await this.#pool.sendTransaction({
          records: records.map(({ value }) => ({ topic: this.#names.sink, value })),
          offsets,
        });
        break;
      } catch (error) {
        const isOver =
          !(error instanceof TransactionAbortedError) && (error as KafkaError).code !== "TRANSACTION_TIMED_OUT";
        if (isOver) throw error;
        if ((error as KafkaError).code === "NOT_OWNED") return;
      }
    }
    this.#transactions += 1;
    this.silence.heard();
    for (const { count, resolve } of this.#waiting) if (this.#transactions >= count) resolve();
    this.#waiting = this.#waiting.filter(({ count }) => this.#transactions < count);
  }
}

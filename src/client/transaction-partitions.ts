import { asKafkaError, type KafkaError } from "./errors.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** The partitions of an open transaction, of which the coordinator has to be told before they are written to. */
export class TransactionPartitions {
  readonly #tell: (partitions: readonly TopicPartition[]) => Promise<void>;
  readonly #failed: (error: KafkaError) => void;
  readonly #told = new Set<string>();
  /** Of which the coordinator is being told. */
  #asked: ReadonlyMap<string, TopicPartition> = new Map();
  #wanted = new Map<string, TopicPartition>();
  #telling: Promise<void> | undefined;

  /** `tell` makes partitions part of the transaction, and repeats itself; `failed` is called where that cannot be. */
  constructor(tell: (partitions: readonly TopicPartition[]) => Promise<void>, failed: (error: KafkaError) => void) {
    this.#tell = tell;
    this.#failed = failed;
  }

  /** Whether the partition can be written to. Where not, `then` is called when that may have changed. */
  admits({ topic, partition }: TopicPartition, then: () => void): boolean {
    const key = partitionKey(topic, partition);
    if (this.#told.has(key)) return true;
    if (!this.#asked.has(key)) this.#wanted.set(key, { topic, partition });
    this.#telling ??= this.#tellAll(then);
    return false;
  }

  async #tellAll(then: () => void): Promise<void> {
    // All partitions that are ready to be sent are asked about before this goes on: they share a request.
    await Promise.resolve();
    try {
      while (this.#wanted.size > 0) {
        this.#asked = this.#wanted;
        this.#wanted = new Map();
        await this.#tell([...this.#asked.values()]);
        for (const key of this.#asked.keys()) this.#told.add(key);
        then();
      }
    } catch (error) {
      this.#failed(asKafkaError(error, "adding partitions to a transaction"));
    }
    this.#telling = undefined;
  }

  /** Resolves when the coordinator is not being told of any. */
  async settled(): Promise<void> {
    await this.#telling;
  }
}

import { KafkaError } from "./errors.ts";
import type { RecordMetadata } from "./producer-record.ts";
import type { RecordOwner } from "./queued-batch.ts";

/** Some records of a `sendMany` failed. `results` has one entry for each record, in order. */
export class SendManyError extends KafkaError {
  override readonly name = "SendManyError";
  readonly results: readonly (RecordMetadata | KafkaError)[];

  constructor(results: readonly (RecordMetadata | KafkaError)[]) {
    const failures = results.filter((result) => result instanceof KafkaError);
    const [first] = failures;
    super(
      first?.code ?? "SEND_FAILED",
      `${failures.length} of ${results.length} records were not sent; the first: ${first?.message}`,
      failures.every((failure) => failure.retriable),
      { cause: first, topic: first?.topic, partition: first?.partition },
    );
    this.results = results;
  }
}

/** Waits for one record. */
export class SingleOwner implements RecordOwner {
  readonly promise: Promise<RecordMetadata>;
  readonly #topic: string;
  #resolve!: (metadata: RecordMetadata) => void;
  #reject!: (error: KafkaError) => void;

  constructor(topic: string) {
    this.#topic = topic;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  delivered(_slot: number, partition: number, offset: number, timestamp: number): void {
    this.#resolve({ topic: this.#topic, partition, offset, timestamp });
  }

  failed(_slot: number, error: KafkaError): void {
    this.#reject(error);
  }
}

/** Waits for many records; settles once, when the last has its verdict. */
export class ManyOwner implements RecordOwner {
  readonly promise: Promise<RecordMetadata[]>;
  readonly #topics: readonly string[];
  readonly #results: (RecordMetadata | KafkaError)[];
  #left: number;
  #failed = false;
  #resolve!: (results: RecordMetadata[]) => void;
  #reject!: (error: SendManyError) => void;

  constructor(topics: readonly string[]) {
    this.#topics = topics;
    this.#results = new Array(topics.length);
    this.#left = topics.length;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (this.#left === 0) this.#resolve([]);
  }

  delivered(slot: number, partition: number, offset: number, timestamp: number): void {
    this.#set(slot, { topic: this.#topics[slot]!, partition, offset, timestamp });
  }

  failed(slot: number, error: KafkaError): void {
    this.#failed = true;
    this.#set(slot, error);
  }

  #set(slot: number, result: RecordMetadata | KafkaError): void {
    this.#results[slot] = result;
    if (--this.#left > 0) return;
    if (this.#failed) this.#reject(new SendManyError(this.#results));
    else this.#resolve(this.#results as RecordMetadata[]);
  }
}

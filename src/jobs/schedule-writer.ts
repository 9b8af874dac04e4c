import type { Cluster } from "../client/cluster.ts";
import { asKafkaError, type KafkaError } from "../client/errors.ts";
import { PRODUCER_DEFAULTS, type ProducerOptions } from "../client/producer-options.ts";
import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import { SendManyError } from "../client/record-owners.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { ProducerFencedError, TransactionOutcomeUnknownError } from "../client/transaction-errors.ts";
import { TransactionalProducer } from "../client/transactional-producer.ts";
import { DEFAULTS } from "./defaults.ts";
import { HEADROOM } from "./schedule-topics.ts";

/** How long (ms) a coordinator has for each thing it is asked for. */
const COORDINATOR_TIMEOUT = 20_000;

/**
 * A transaction that counts for nothing, and why: each failure names the topic that it is about, and its partition. They
 * may be one or several.
 */
export class UnwrittenError extends Error {
  override readonly name = "UnwrittenError";
  readonly failures: readonly KafkaError[];

  constructor(failures: readonly KafkaError[]) {
    super(failures[0]?.message, { cause: failures[0] });
    this.failures = failures;
  }
}

/** What this writer can do no more: another has its id, or nobody says how a transaction of it has ended. */
export class WriterEndedError extends Error {
  override readonly name = "WriterEndedError";
  /** Its id is not its own any more. */
  readonly isFenced: boolean;
  /** Another writer has taken its id: it was not its own transaction that took too long. */
  readonly isReplaced: boolean;

  constructor(cause: KafkaError, isReplaced = false) {
    super(cause.message, { cause });
    this.isFenced = cause instanceof ProducerFencedError;
    this.isReplaced = isReplaced;
  }
}

/**
 * Writes the transactions of one schedule partition, one at a time, under an id that whoever owns the partition takes
 * over: from then on nothing of an earlier owner can count (S7.3).
 */
export class ScheduleWriter {
  readonly #producer: TransactionalProducer;
  readonly #timeout: number;
  /** When something was begun that is not known to have ended well (monotonic ms). */
  #openSince: number | undefined;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, place: TopicPartition, settings: ProducerOptions, transactionTimeout: number) {
    const { acks: _, ...rest } = settings;
    this.#cluster = cluster;
    this.#timeout = transactionTimeout;
    this.#producer = new TransactionalProducer(cluster, {
      ...rest,
      transactionalId: `ottla-schedule/${place.topic}/${place.partition}`,
      ...{
        transactionTimeout,
        deliveryTimeout: DEFAULTS.targetAck,
        // What could be scheduled can be moved.
        maxRequestSize: (rest.maxRequestSize ?? PRODUCER_DEFAULTS.maxRequestSize) + HEADROOM,
        coordinatorTimeout: COORDINATOR_TIMEOUT,
        linger: 0,
      },
    });
  }

  /** Takes the id over: what an earlier owner has left open is aborted. */
  init(): Promise<void> {
    return this.#producer.init();
  }

  /**
   * Writes records, all or none of which count. Gives their places. Throws an {@link UnwrittenError} where none counts,
   * and a {@link WriterEndedError} where this writer can go on no more.
   */
  async write(records: readonly ProducerRecord[]): Promise<readonly RecordMetadata[]> {
    const failures = new Set<KafkaError>();
    this.#openSince ??= this.#cluster.clock.monotonic();
    try {
      const transaction = await this.#producer.begin();
      const sent = transaction.sendMany(records).catch((error: unknown) => {
        if (!(error instanceof SendManyError)) return;
        for (const result of error.results) if (result instanceof Error) failures.add(result);
      });
      try {
        const places = await transaction.commit();
        this.#openSince = undefined;
        return places;
      } finally {
        await sent;
      }
    } catch (thrown) {
      const error = asKafkaError(thrown, "dispatching");
      if (error instanceof TransactionOutcomeUnknownError) throw new WriterEndedError(error);
      if (error instanceof ProducerFencedError) throw new WriterEndedError(error, !this.#tookTooLong);
      if (this.#producer.fatalError !== undefined) throw new WriterEndedError(this.#producer.fatalError);
      throw new UnwrittenError(failures.size > 0 ? [...failures] : [causeOf(error)]);
    }
  }

  /**
   * Its coordinator puts it out when a transaction was open for too long: nobody else has its id then. One that could not
   * be aborted may be learned of only as the next is begun.
   */
  get #tookTooLong(): boolean {
    return this.#cluster.clock.monotonic() - this.#openSince! >= this.#timeout;
  }

  /** What is open is aborted. */
  close(): Promise<void> {
    return this.#producer.close();
  }
}

/** An aborted transaction tells why in its cause. */
function causeOf(error: KafkaError): KafkaError {
  return error.cause === undefined ? error : asKafkaError(error.cause);
}

import { Kafka } from "../client/kafka.ts";
import type { Producer } from "../client/producer.ts";
import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import type { TransactionPool } from "../client/transaction-pool.ts";
import { type Clock, systemClock, uuidv7 } from "../net/clock.ts";
import type { Transport } from "../net/transport.ts";
import { AppClosedError, AppInUseError } from "./errors.ts";
import { createTopicsInProcess } from "./in-process-topics.ts";
import type { LazyProducer, ProducerSource } from "./lazy-producer.ts";
import { type AppSettings, defaultBrokers, topicSettings } from "./options.ts";
import { deliveryTimeoutOf } from "./producer-settings.ts";
import { QueueLine } from "./queue-line.ts";
import { ScheduleTopicCheck } from "./schedule-topic-check.ts";
import { type SentJobs, tellAllSent, tellSent } from "./sent-jobs.ts";
import { VerdictReaders } from "./verdict-readers.ts";

/** What the test kit puts in the place of the outside world. */
export interface RuntimeParts {
  /** Its brokers are the caller's own: they are spoken to in plain text, without authentication. */
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
  readonly brokers?: readonly string[] | undefined;
  /** Is told of every job that is sent. */
  readonly sent?: SentJobs | undefined;
  /** Lets time pass for what waits for a worker's word. Default: it passes by itself. */
  readonly awaiting?: (<T>(work: Promise<T>) => Promise<T>) | undefined;
  /** How long (ms) a worker's fetch waits at the broker for jobs, for who knows better than the worker. */
  readonly fetchWait?: (() => number) | undefined;
}

interface ProducerLines {
  readonly producer: Producer;
  readonly byQueue: Map<string, QueueLine>;
}

/** An app's connection to the outside, from its first use until it is closed. */
export class Runtime {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly scheduleTopics: ScheduleTopicCheck;
  readonly verdicts: VerdictReaders;
  readonly awaiting: <T>(work: Promise<T>) => Promise<T>;
  readonly fetchWait: (() => number) | undefined;
  readonly #settings: AppSettings;
  readonly #producers = new Map<LazyProducer, ProducerLines>();
  readonly #sent: SentJobs | undefined;
  #transactions: TransactionPool | undefined;
  #enqueues = 0;
  #whenIdle: (() => void) | undefined;

  constructor(settings: AppSettings, parts: RuntimeParts) {
    this.#settings = settings;
    this.#sent = parts.sent;
    this.awaiting = parts.awaiting ?? ((work) => work);
    this.fetchWait = parts.fetchWait;
    const { security, ...kafka } = settings.kafka;
    this.kafka = new Kafka({
      ...kafka,
      ...(parts.transport === undefined ? security() : {}),
      brokers: parts.brokers ?? kafka.brokers ?? defaultBrokers(),
      transport: parts.transport ?? kafka.transport,
      clock: parts.clock,
    });
    this.clock = this.kafka.clock;
    this.verdicts = new VerdictReaders(this.kafka);
    this.scheduleTopics = new ScheduleTopicCheck(() => this.kafka.admin());
    createTopicsInProcess(this.kafka, (topic) => topicSettings(settings, topic));
  }

  producer(lazy: LazyProducer): Producer {
    return this.#lines(lazy).producer;
  }

  /** The way through a producer into a queue, or a schedule topic. */
  line(lazy: LazyProducer, queue: string): QueueLine {
    const { producer, byQueue } = this.#lines(lazy);
    let line = byQueue.get(queue);
    if (line === undefined) {
      const timeout = deliveryTimeoutOf(lazy.settings);
      const sink = this.#sent === undefined ? producer : tellSent(producer, this.#sent);
      line = new QueueLine(this.clock, topicSettings(this.#settings, queue), sink, timeout);
      byQueue.set(queue, line);
    }
    return line;
  }

  /**
   * What writes transactions. Its transactional ids are this runtime's alone: none is ever taken over, and what one
   * leaves open is aborted after `transactionTimeout`.
   */
  get transactions(): TransactionPool {
    const { producer, transactionTimeout } = this.#settings;
    const { acks: _, ...settings } = producer;
    const step = this.transactionStep;
    this.#transactions ??= this.kafka.transactionPool({
      ...settings,
      transactionalIdPrefix: `ottla-transaction/${uuidv7(this.clock)}`,
      ...{ transactionTimeout, deliveryTimeout: step, coordinatorTimeout: step },
    });
    return this.#transactions;
  }

  /**
   * How long (ms) each part of a transaction may take, and for how long it is repeated. It is repeated, waits for a
   * producer, begins, sends and ends: together no longer than one enqueue may take.
   */
  get transactionStep(): number {
    return Math.max(1, Math.floor(deliveryTimeoutOf(this.#settings.producer) / 5));
  }

  #lines(lazy: LazyProducer): ProducerLines {
    let lines = this.#producers.get(lazy);
    if (lines === undefined) {
      lines = { producer: this.kafka.producer(lazy.settings), byQueue: new Map() };
      this.#producers.set(lazy, lines);
    }
    return lines;
  }

  /**
   * Tells whoever is told of jobs that are sent of some that go in one transaction. Resolves once they have been heard of.
   */
  async tellSent(records: readonly ProducerRecord[], places: Promise<readonly RecordMetadata[]>): Promise<void> {
    if (this.#sent !== undefined) await tellAllSent(records, this.#sent, places);
  }

  /** Enqueues that have begun and have not ended. */
  get enqueuesUnderWay(): number {
    return this.#enqueues;
  }

  /** An enqueue has begun: closing waits for its `enqueueEnded`. */
  enqueueBegan(): void {
    this.#enqueues++;
  }

  enqueueEnded(): void {
    if (--this.#enqueues === 0) this.#whenIdle?.();
  }

  /** Lets every enqueue that has begun end, then closes the client. */
  async close(): Promise<void> {
    for (const { producer } of this.#producers.values()) producer.flush().catch(() => {});
    if (this.#enqueues > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.kafka.close();
  }
}

/** An app's one slot for its runtime: empty until the first use, or until the test kit fills it. */
export class RuntimeSlot implements ProducerSource {
  readonly #settings: AppSettings;
  #runtime: Runtime | undefined;
  #closed = false;

  constructor(settings: AppSettings) {
    this.#settings = settings;
  }

  /** The runtime, made now where there is none. Throws an {@link AppClosedError} once the app is closed. */
  use(): Runtime {
    if (this.#closed) throw new AppClosedError();
    this.#runtime ??= new Runtime(this.#settings, {});
    return this.#runtime;
  }

  clientProducer(producer: LazyProducer): Producer {
    return this.use().producer(producer);
  }

  /** Whatever clock the runtime has; asking does not make one. */
  get clock(): Clock {
    return this.#runtime?.clock ?? systemClock;
  }

  /** In ms. Undefined: it is the worker's to say. */
  get fetchWait(): number | undefined {
    return this.#runtime?.fetchWait?.();
  }

  /** Makes the runtime of other parts. Throws an {@link AppInUseError} where there is one already. */
  fill(parts: RuntimeParts): Runtime {
    if (this.#closed) throw new AppClosedError();
    if (this.#runtime !== undefined) throw new AppInUseError();
    this.#runtime = new Runtime(this.#settings, parts);
    return this.#runtime;
  }

  /** Closes the runtime and leaves the slot empty, to be filled again. */
  async empty(): Promise<void> {
    const runtime = this.#runtime;
    this.#runtime = undefined;
    await runtime?.close();
  }

  /** Closes the runtime, and the slot for good. */
  close(): Promise<void> {
    this.#closed = true;
    return this.empty();
  }
}

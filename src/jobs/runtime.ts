import { Kafka } from "../client/kafka.ts";
import type { Producer } from "../client/producer.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import type { Transport } from "../net/transport.ts";
import { DEFAULTS } from "./defaults.ts";
import { AppClosedError, AppInUseError } from "./errors.ts";
import { createTopicsInProcess } from "./in-process-topics.ts";
import type { LazyProducer, ProducerSource } from "./lazy-producer.ts";
import { type AppSettings, defaultBrokers, queueSettings } from "./options.ts";
import { QueueLine } from "./queue-line.ts";
import { type SentJobs, tellSent } from "./sent-jobs.ts";

/** What the test kit puts in the place of the outside world. */
export interface RuntimeParts {
  /** Its brokers are the caller's own: they are spoken to in plain text, without authentication. */
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
  readonly brokers?: readonly string[] | undefined;
  /** Is told of every job that is sent. */
  readonly sent?: SentJobs | undefined;
}

interface ProducerLines {
  readonly producer: Producer;
  readonly byQueue: Map<string, QueueLine>;
}

/** An app's connection to the outside, from its first use until it is closed. */
export class Runtime {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly #settings: AppSettings;
  readonly #producers = new Map<LazyProducer, ProducerLines>();
  readonly #sent: SentJobs | undefined;
  #enqueues = 0;
  #whenIdle: (() => void) | undefined;

  constructor(settings: AppSettings, parts: RuntimeParts) {
    this.#settings = settings;
    this.#sent = parts.sent;
    const { security, ...kafka } = settings.kafka;
    this.kafka = new Kafka({
      ...kafka,
      ...(parts.transport === undefined ? security() : {}),
      brokers: parts.brokers ?? kafka.brokers ?? defaultBrokers(),
      transport: parts.transport ?? kafka.transport,
      clock: parts.clock,
    });
    this.clock = this.kafka.clock;
    createTopicsInProcess(this.kafka, (queue) => queueSettings(settings, queue));
  }

  producer(lazy: LazyProducer): Producer {
    return this.#lines(lazy).producer;
  }

  /** The way through a producer into a queue. */
  line(lazy: LazyProducer, queue: string): QueueLine {
    const { producer, byQueue } = this.#lines(lazy);
    let line = byQueue.get(queue);
    if (line === undefined) {
      const timeout = lazy.settings.deliveryTimeout ?? DEFAULTS.deliveryTimeout;
      const sink = this.#sent === undefined ? producer : tellSent(producer, this.#sent);
      line = new QueueLine(this.clock, queueSettings(this.#settings, queue), sink, timeout);
      byQueue.set(queue, line);
    }
    return line;
  }

  #lines(lazy: LazyProducer): ProducerLines {
    let lines = this.#producers.get(lazy);
    if (lines === undefined) {
      lines = { producer: this.kafka.producer(lazy.settings), byQueue: new Map() };
      this.#producers.set(lazy, lines);
    }
    return lines;
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

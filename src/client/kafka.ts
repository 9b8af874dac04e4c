import { type Clock, systemClock } from "../net/clock.ts";
import { secureTransport } from "../net/secure-transport.ts";
import { tcp } from "../net/tcp.ts";
import type { TlsOptions, Transport } from "../net/transport.ts";
import { parseAddress } from "./address.ts";
import { Admin, type AdminOptions } from "./admin.ts";
import type { ClientEventName, ClientEvents } from "./client-events.ts";
import type { ClientStatistics } from "./client-statistics.ts";
import { Cluster } from "./cluster.ts";
import { Consumer } from "./consumer.ts";
import type { ConsumerOptions } from "./consumer-options.ts";
import { InvalidArgumentError } from "./errors.ts";
import { Producer } from "./producer.ts";
import type { ProducerOptions } from "./producer-options.ts";
import { type SaslOptions, saslMechanism } from "./sasl-options.ts";
import { checkTlsOptions } from "./tls-options.ts";
import { TransactionPool, type TransactionPoolOptions } from "./transaction-pool.ts";
import type { TransactionalProducerOptions } from "./transactional-options.ts";
import { TransactionalProducer } from "./transactional-producer.ts";
import { within } from "./within.ts";

export interface KafkaOptions {
  /** Some brokers of the cluster, as `host:port`; the rest is learned from them. */
  readonly brokers: readonly string[];
  /** How this client is named in the brokers' logs and quotas. Default "ottla". */
  readonly clientId?: string | undefined;
  /**
   * Whether to speak TLS: true, or how. The broker's certificate has to be valid, of a known authority, and for the host
   * that is connected to. Default: plain text.
   */
  readonly tls?: boolean | TlsOptions | undefined;
  /** How to authenticate. Default: not at all, or by the certificate in `tls`. */
  readonly sasl?: SaslOptions | undefined;
  /** Opens byte streams. Default: TCP. */
  readonly transport?: Transport | undefined;
  /** Time and chance. Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** Milliseconds to open a connection. Default 10,000. */
  readonly connectTimeout?: number | undefined;
  /** Milliseconds for an answer. Default 30,000. */
  readonly requestTimeout?: number | undefined;
  /** Milliseconds until what is known of the topics in use is asked for again. Default 300,000. */
  readonly metadataMaxAge?: number | undefined;
}

const DEFAULTS: Readonly<Record<"connectTimeout" | "requestTimeout" | "metadataMaxAge", number>> = {
  connectTimeout: 10_000,
  requestTimeout: 30_000,
  metadataMaxAge: 300_000,
};
const KNOWN = new Set(["brokers", "clientId", "tls", "sasl", "transport", "clock", ...Object.keys(DEFAULTS)]);
const MAX_FRAME_BYTES = 512 * 1024 * 1024;

/** A Kafka client. Nothing is connected before the first use; connections that have nothing to do hold no process. */
export class Kafka {
  readonly clock: Clock;
  /** @internal */
  readonly cluster: Cluster;
  readonly #closers = new Set<() => Promise<void>>();

  constructor(options: KafkaOptions) {
    for (const name of Object.keys(options)) {
      if (!KNOWN.has(name)) throw new InvalidArgumentError(`unknown Kafka option ${name}`);
    }
    if (!Array.isArray(options.brokers) || options.brokers.length === 0) {
      throw new InvalidArgumentError('Kafka option brokers is empty: name at least one, as ["host:9092"]');
    }
    this.clock = options.clock ?? systemClock;
    this.cluster = new Cluster({
      bootstrap: options.brokers.map(parseAddress),
      transport: transportFor(options),
      sasl: options.sasl === undefined ? undefined : saslMechanism(options.sasl),
      clock: this.clock,
      clientId: options.clientId ?? "ottla",
      connectTimeout: milliseconds(options, "connectTimeout"),
      requestTimeout: milliseconds(options, "requestTimeout"),
      metadataMaxAge: milliseconds(options, "metadataMaxAge"),
      maxFrameBytes: MAX_FRAME_BYTES,
      reconnectBackoff: { initial: 50, max: 1_000 },
      retryBackoff: { initial: 100, max: 1_000 },
    });
  }

  /**
   * Calls `listener` with each event of this name: connect, connectFailed, disconnect, request, throttle, metadata or
   * rebalance. Returns its remover. The same events are on the channels `ottla:kafka:<event>` of
   * node:diagnostics_channel.
   */
  on<Name extends ClientEventName>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.cluster.events.on(name, listener);
  }

  /** What the client has done so far, and where it is now: by broker, topic and partition. */
  statistics(): ClientStatistics {
    return this.cluster.statistics();
  }

  /** A producer; with a `transactionalId`, one that writes transactions. */
  producer(options: TransactionalProducerOptions): TransactionalProducer;
  producer(options?: ProducerOptions): Producer;
  producer(options: ProducerOptions | TransactionalProducerOptions = {}): Producer | TransactionalProducer {
    const producer =
      "transactionalId" in options && options.transactionalId !== undefined
        ? new TransactionalProducer(this.cluster, options)
        : new Producer(this.cluster, options);
    this.#closers.add(() => producer.close());
    return producer;
  }

  /** Producers for transactions beside each other. */
  transactionPool(options: TransactionPoolOptions): TransactionPool {
    const pool = new TransactionPool(this.cluster, options);
    this.#closers.add(() => pool.close());
    return pool;
  }

  consumer(options: ConsumerOptions): Consumer {
    // One that was closed is let go: a client may read now and then for as long as its process runs.
    const consumer: Consumer = new Consumer(this.cluster, options, () => this.#closers.delete(closer));
    const closer = (): Promise<void> => consumer.close();
    this.#closers.add(closer);
    return consumer;
  }

  admin(options: AdminOptions = {}): Admin {
    return new Admin(this.cluster, options);
  }

  /**
   * Closes its producers and consumers, then its connections. Records that were sent are waited for, at most until their
   * delivery timeout, or for `timeout` ms where that is less: those without a verdict then fail with CLOSED.
   */
  async close({ timeout }: { readonly timeout?: number | undefined } = {}): Promise<void> {
    try {
      const closing = Promise.all([...this.#closers].map((close) => close()));
      await (timeout === undefined ? closing : within(this.clock, timeout, closing, () => []));
    } finally {
      this.cluster.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The options for TLS stay inside: keys are shown to nobody who looks at the client. */
function transportFor({ transport = tcp, tls = false }: KafkaOptions): Transport {
  return tls === false ? transport : secureTransport(transport, checkTlsOptions(tls));
}

function milliseconds(options: KafkaOptions, name: keyof typeof DEFAULTS): number {
  const value = options[name] ?? DEFAULTS[name];
  if (!(Number.isFinite(value) && value > 0)) {
    throw new InvalidArgumentError(`Kafka option ${name} is ${value}: a positive number of milliseconds is wanted`);
  }
  return value;
}

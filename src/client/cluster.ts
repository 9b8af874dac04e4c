import { ErrorCode } from "../../protocol/errors.ts";
import { type MetadataResponse, metadata as metadataApi } from "../../protocol/messages/03-metadata.ts";
import { type Clock, sleep, type Timer, whenSettled } from "../net/clock.ts";
import type { Connection } from "../net/connection.ts";
import { type Address, formatAddress } from "../net/transport.ts";
import { type BackoffOptions, backoffDelay } from "./backoff.ts";
import { ClientEventHub } from "./client-events.ts";
import { type ClientStatistics, StatisticsSources } from "./client-statistics.ts";
import { ConnectionPool, type ConnectionRole, noneReachable, type PoolOptions } from "./connection-pool.ts";
import { AuthenticationError, KafkaError, ProtocolError, TimeoutError } from "./errors.ts";
import { firstToSucceed } from "./first-to-succeed.ts";
import { Metadata, type TopicMetadata } from "./metadata.ts";
import { within } from "./within.ts";

export interface ClusterOptions extends PoolOptions {
  /** Where to begin, and where to begin again when no known broker answers. Names are resolved at each connect. */
  readonly bootstrap: readonly Address[];
  /** Milliseconds after which what is known of the topics in use is asked for again. */
  readonly metadataMaxAge: number;
  readonly retryBackoff: BackoffOptions;
}

/** A topic that was just created is not known to every broker at once: this long (ms), "unknown" is not believed. */
const UNKNOWN_TOPIC_GRACE = 1_000;
/** A broker that hangs must not hold up the question that another could answer (ms). */
const METADATA_TIMEOUT = 5_000;
/** How long (ms) one broker may take to be connected to until the next is tried beside it. */
const CONNECT_PATIENCE = 500;
/** When no broker has told of the cluster for this long (ms), only the names that were given are believed (KIP-1102). */
const REBOOTSTRAP_AFTER = 300_000;

/** The brokers, the way to reach each, and who leads what. One for each client; producers and consumers share it. */
export class Cluster {
  readonly clock: Clock;
  readonly options: ClusterOptions;
  readonly metadata: Metadata = new Metadata();
  readonly events: ClientEventHub = new ClientEventHub();
  /** What producers and consumers have to tell of themselves. */
  readonly statisticsSources: StatisticsSources = new StatisticsSources();
  readonly #pool: ConnectionPool;
  /** Topics in use, and when each was last told of. */
  readonly #watched = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #wanted = new Set<string>();
  #refreshing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #soon: Timer | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #answeredAt: number;
  #lastNumber = 0;
  #closed = false;
  #createInProcess: ((topic: string) => Promise<void>) | undefined;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.clock = options.clock;
    // A broker that hangs still has its connections, and nobody but the rest of the cluster can tell that it is gone.
    this.#pool = new ConnectionPool({ ...options, events: this.events, silent: () => this.refreshSoon() });
    this.#answeredAt = options.clock.monotonic();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls `listener` after each answer that may have changed what is known; returns its remover. */
  onUpdate(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A connection to the node with this id. */
  node(nodeId: number, role: ConnectionRole): Promise<Connection> {
    const address = this.metadata.nodes.get(nodeId);
    if (address === undefined) {
      return Promise.reject(
        new KafkaError("BROKER_NOT_AVAILABLE", `broker ${nodeId} is not in the cluster's metadata`, true),
      );
    }
    return this.#pool.get(address, role);
  }

  /** The connection to the node with this id where it is open now. */
  openNode(nodeId: number, role: ConnectionRole): Connection | undefined {
    const address = this.metadata.nodes.get(nodeId);
    return address === undefined ? undefined : this.#pool.peek(address, role);
  }

  /** A connection to this address. */
  at(address: Address, role: ConnectionRole): Promise<Connection> {
    return this.#pool.get(address, role);
  }

  /** A number that tells the connections of one fetcher or member from those of others. */
  takeNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  /** Closes the connections that are only for this. */
  release(role: ConnectionRole): void {
    this.#pool.release(role);
  }

  /** A connection to whichever broker answers: known ones first, then those the client was given. */
  async any(role: ConnectionRole): Promise<Connection> {
    const known = [...this.metadata.nodes.values()];
    for (const address of known) {
      const open = this.#pool.peek(address, role);
      if (open !== undefined && !open.line.isSilent) return open;
    }
    const both = [...this.#shuffled(known), ...this.#shuffled(this.options.bootstrap)];
    const candidates = [...new Map(both.map((address) => [formatAddress(address), address])).values()];
    // Those that just failed come last: their backoff would hold up the rest.
    candidates.sort((a, b) => Number(this.#pool.isFailing(a, role)) - Number(this.#pool.isFailing(b, role)));
    return firstToSucceed(
      this.clock,
      candidates,
      CONNECT_PATIENCE,
      (address) => this.#pool.get(address, role),
      // Who is refused by one broker, or does not trust it, has nothing to hope for from the next.
      (error) => this.#closed || error instanceof AuthenticationError,
      (failures) => noneReachable(failures.map(({ item, error }) => ({ address: item, error }))),
    );
  }

  #shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, order: this.clock.random() }))
      .sort((a, b) => a.order - b.order)
      .map(({ item }) => item);
  }

  /**
   * Asks for the topics in use and for `topics`. Calls made while a question is open share the next one, so that a
   * thousand partitions without a leader ask once.
   */
  refresh(topics: readonly string[] = []): Promise<void> {
    for (const topic of topics) this.#wanted.add(topic);
    if (this.#refreshing === undefined) {
      this.#refreshing = whenSettled(this.#ask(), () => {
        this.#refreshing = undefined;
      });
      return this.#refreshing;
    }
    this.#next ??= this.#refreshing.then(
      () => this.#again(),
      () => this.#again(),
    );
    return this.#next;
  }

  /**
   * Asks in the background for the topics in use and for `topics`, at most once in each retry backoff: partitions that
   * look for their leaders each in their own time ask together.
   */
  refreshSoon(topics: readonly string[] = []): void {
    for (const topic of topics) this.#wanted.add(topic);
    if (this.#soon !== undefined || this.#closed) return;
    const wait = Math.max(0, this.#askedAt + this.options.retryBackoff.initial - this.clock.monotonic());
    this.#soon = this.clock.timer(wait, () => {
      this.#soon = undefined;
      this.refresh().catch(() => {});
    });
  }

  #again(): Promise<void> {
    this.#next = undefined;
    return this.refresh();
  }

  async #ask(): Promise<void> {
    this.#askedAt = this.clock.monotonic();
    const topics = [...new Set([...this.#watched.keys(), ...this.#wanted])];
    this.#wanted = new Set();
    this.#take(await this.#tell(topics));
    const now = this.clock.monotonic();
    for (const topic of topics) if (this.#watched.has(topic)) this.#watched.set(topic, now);
    for (const listener of this.#listeners) listener();
  }

  async #tell(topics: readonly string[]): Promise<MetadataResponse> {
    const body = { topics: topics.map((name) => ({ name })), allowAutoTopicCreation: false };
    const timeout = Math.min(METADATA_TIMEOUT, this.options.requestTimeout);
    try {
      const connection = await this.any("general");
      const response = await connection.send(metadataApi, body, { timeout, poll: 0 });
      if (response.errorCode === 0) return response;
      throw new ProtocolError(response.errorCode, "metadata", { broker: connection.broker });
    } catch (error) {
      const isUnwanted = error instanceof ProtocolError && error.errorCode === ErrorCode.REBOOTSTRAP_REQUIRED;
      if (isUnwanted || this.clock.monotonic() - this.#answeredAt > REBOOTSTRAP_AFTER) this.#beginAgain();
      throw error;
    }
  }

  #take(response: MetadataResponse): void {
    const before = this.metadata.nodes;
    this.metadata.update(response);
    this.#answeredAt = this.clock.monotonic();
    if (this.events.wants("metadata")) {
      this.events.emit("metadata", { brokers: this.metadata.nodes.size, topics: response.topics.length });
    }
    const current = new Set([...this.metadata.nodes.values(), ...this.options.bootstrap].map(formatAddress));
    for (const [id, address] of before) {
      // A broker that has moved: what still answers at the old address is another, or about to go.
      if (this.metadata.nodes.has(id) && !current.has(formatAddress(address))) this.#pool.forget(address);
    }
    this.#pool.giveUpSilent(new Set([...this.metadata.nodes.values()].map(formatAddress)));
  }

  /** Forgets the brokers: they may be of another cluster by now. Those whose names were given are resolved anew. */
  #beginAgain(): void {
    this.#answeredAt = this.clock.monotonic();
    for (const address of this.metadata.nodes.values()) this.#pool.forget(address);
    this.metadata.forgetNodes();
  }

  /** Keeps the topic among those asked for from now on. */
  watch(topic: string): void {
    if (!this.#watched.has(topic)) this.#watched.set(topic, this.clock.monotonic());
  }

  /** Asks for the topic no more until somebody wants it again: it is gone. */
  forget(topic: string): void {
    this.#watched.delete(topic);
    this.metadata.forget(topic);
  }

  /** What is known of the topic, asked for again in the background where it is old. */
  cached(topic: string): TopicMetadata | undefined {
    const known = this.known(topic);
    if (known !== undefined) this.keepFresh(topic);
    return known;
  }

  /** What is known of the topic, however old it is. */
  known(topic: string): TopicMetadata | undefined {
    const known = this.metadata.topic(topic);
    return known?.errorCode === 0 ? known : undefined;
  }

  /** Asks again for the topics in use where what is known of this one is old. */
  keepFresh(topic: string): void {
    const askedAt = this.#watched.get(topic);
    const now = this.clock.monotonic();
    if (askedAt === undefined || now - askedAt <= this.options.metadataMaxAge) return;
    this.#watched.set(topic, now);
    this.refreshSoon();
  }

  /**
   * From now on a topic that is asked for and missing is created by `create`, where the broker is an in-process one. On
   * any other cluster it stays missing.
   */
  createInProcess(create: (topic: string) => Promise<void>): void {
    this.#createInProcess = create;
  }

  /**
   * The topic's metadata, asked for where it is not known, or has fewer than so many `partitions`: some may be new. Rejects
   * with the broker's own error where there is no such topic, and with the last failure after `timeout` ms, or when
   * `signal` aborts, where nobody answers.
   */
  async topic(name: string, timeout: number, signal?: AbortSignal, partitions = 1): Promise<TopicMetadata> {
    const start = this.clock.monotonic();
    let last: KafkaError | undefined;
    for (let failures = 1; ; failures++) {
      const known = this.cached(name);
      if (known !== undefined && known.partitions.length >= partitions) return known;
      const left = Math.max(0, start + timeout - this.clock.monotonic());
      const failure = await within(
        this.clock,
        left,
        this.#askFor(name, partitions),
        () => last ?? noAnswer(name, timeout),
        signal,
      );
      if (failure === undefined) continue;
      last = failure;
      // Its nodes share one state: what one of them does not know is nowhere, so there is nothing to wait for.
      if (failure.code === "UNKNOWN_TOPIC_OR_PARTITION" && this.metadata.isInProcess) {
        if (this.known(name) !== undefined) throw failure;
        if (this.#createInProcess !== undefined) {
          await this.#createInProcess(name);
          this.watch(name);
          continue;
        }
      }
      const wait = backoffDelay(this.options.retryBackoff, failures, this.clock);
      const late = this.clock.monotonic() + wait - start >= patienceWith(failure, timeout);
      if (!failure.retriable || late || this.#closed || signal?.aborted) throw failure;
      await sleep(this.clock, wait, signal);
      if (signal?.aborted) throw failure;
    }
  }

  async #askFor(name: string, partitions: number): Promise<KafkaError | undefined> {
    try {
      await this.refresh([name]);
    } catch (error) {
      if (error instanceof KafkaError) return error;
      throw error;
    }
    const found = this.metadata.topic(name);
    const isShort = found?.errorCode === 0 && found.partitions.length < partitions;
    const errorCode = found === undefined || isShort ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : found.errorCode;
    if (errorCode !== 0) return new ProtocolError(errorCode, `topic ${name}`, { topic: name });
    this.watch(name);
    return undefined;
  }

  statistics(): ClientStatistics {
    const brokers = this.#pool.statistics();
    return { timestamp: this.clock.now(), brokers, ...this.statisticsSources.snapshot() };
  }

  close(): void {
    this.#closed = true;
    this.#soon?.cancel();
    this.#pool.close();
  }
}

/** How long (ms) to ask again after this error, where `timeout` is the longest that anything is asked for. */
export function patienceWith(error: KafkaError, timeout: number): number {
  return error.code === "UNKNOWN_TOPIC_OR_PARTITION" ? Math.min(timeout, UNKNOWN_TOPIC_GRACE) : timeout;
}

function noAnswer(topic: string, timeout: number): KafkaError {
  return new TimeoutError("REQUEST_TIMED_OUT", `no broker told of topic ${topic} within ${timeout} ms`, { topic });
}

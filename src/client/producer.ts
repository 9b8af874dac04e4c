import { BatchMemory } from "./batch-memory.ts";
import type { ProducerPartitionStatistics } from "./client-statistics.ts";
import type { Cluster } from "./cluster.ts";
import { asKafkaError, ClosedError, KafkaError, TimeoutError } from "./errors.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { IdentitySource } from "./producer-identity.ts";
import { type ProducerOptions, type ProducerSettings, producerSettings } from "./producer-options.ts";
import { checkRecord, headersOf, type ProducerRecord, type RecordMetadata } from "./producer-record.ts";
import { ProducerSender } from "./producer-sender.ts";
import type { QueuedBatch, RecordOwner } from "./queued-batch.ts";
import { ManyOwner, SingleOwner } from "./record-owners.ts";
import { type Arrival, detached, keptBytes, TopicOutbox } from "./topic-outbox.ts";

/**
 * Sends records. Calls that are not awaited keep their order on each partition. Variants made by `with` share
 * connections and metadata, not order.
 */
export class Producer {
  readonly #cluster: Cluster;
  readonly #settings: ProducerSettings;
  readonly #sender: ProducerSender;
  readonly #memory = new BatchMemory();
  readonly #topics = new Map<string, TopicOutbox>();
  readonly #variants: Producer[] = [];
  readonly #lookups = new Set<{ readonly done: Promise<void>; readonly at: number }>();
  /** Calls that wait for room, in order. */
  readonly #blocked: Arrival[] = [];
  /** How many have stopped waiting so far, and who wants to know when it is as many as `at`. */
  #unblocked = 0;
  readonly #roomWaiters: { readonly at: number; readonly tell: () => void }[] = [];
  readonly #tellNoMore: () => void;
  #bufferedBytes = 0;
  /** Of calls that wait for their topic's metadata. */
  #waitingBytes = 0;
  #closing: Promise<void> | undefined;

  /** @internal `identities`: not of an idempotent producer of its own. */
  constructor(cluster: Cluster, options: ProducerOptions = {}, base?: ProducerSettings, identities?: IdentitySource) {
    this.#cluster = cluster;
    this.#settings = producerSettings(options, base);
    this.#sender = new ProducerSender(
      cluster,
      this.#settings,
      (batch, isFree) => this.#release(batch, isFree),
      identities,
    );
    this.#tellNoMore = cluster.statisticsSources.add({ producer: () => this.#statistics() });
  }

  /** A producer with other settings, over the same connections. It is closed with this one. */
  with(options: ProducerOptions): Producer {
    if (this.#closing !== undefined) throw new ClosedError("the producer");
    const variant = new Producer(this.#cluster, options, this.#settings);
    this.#variants.push(variant);
    return variant;
  }

  /**
   * Sends a record, and resolves with its place once the broker has acknowledged it. Rejects with a `KafkaError` whose
   * `code` says why, at the latest after `deliveryTimeout`.
   */
  send(record: ProducerRecord): Promise<RecordMetadata> {
    try {
      const { clock } = this.#cluster;
      const owner = new SingleOwner(record?.topic);
      this.post(record, owner, 0, clock.monotonic(), clock.now());
      return owner.promise;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * @internal Sends a record whose `owner` is told of its fate, under `slot`, by a call: for whoever has very many. `at` and
   * `now`: monotonic ms and ms since 1970, as they have just been. Throws, and tells nobody, where it cannot be sent.
   */
  post(record: ProducerRecord, owner: RecordOwner, slot: number, at: number, now: number): void {
    this.#arrive({ record, headers: this.#admit(record), owner, slot, at, now });
  }

  /** Sends records, with one result for each, in order. If any fails it rejects with a `SendManyError` that holds all. */
  sendMany(records: readonly ProducerRecord[]): Promise<RecordMetadata[]> {
    const at = this.#cluster.clock.monotonic();
    const now = this.#cluster.clock.now();
    const owner = new ManyOwner(records.map((record) => record?.topic));
    for (let slot = 0; slot < records.length; slot++) {
      try {
        this.post(records[slot]!, owner, slot, at, now);
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        owner.failed(slot, error);
      }
    }
    return owner.promise;
  }

  /** The headers of a record that can be sent. */
  #admit(record: ProducerRecord): Arrival["headers"] {
    if (this.#closing !== undefined) throw new ClosedError("the producer");
    checkRecord(record);
    return headersOf(record);
  }

  /** @internal Something will be sent soon: what is needed for that besides the topic may be asked for. */
  prepare(): void {
    this.#sender.prepare();
  }

  /** How many partitions the topic has. Rejects with UNKNOWN_TOPIC_OR_PARTITION where there is no such topic. */
  async partitionsFor(topic: string): Promise<number> {
    const known = this.#cluster.cached(topic) ?? (await this.#cluster.topic(topic, this.#settings.deliveryTimeout));
    return known.partitions.length;
  }

  /** @internal The same, where it is known without asking. */
  partitionsNow(topic: string): number | undefined {
    return this.#cluster.cached(topic)?.partitions.length;
  }

  #arrive(arrival: Arrival): void {
    const { topic } = arrival.record;
    let outbox = this.#topics.get(topic);
    if (outbox === undefined) {
      outbox = new TopicOutbox(
        this.#cluster,
        topic,
        this.#settings,
        this.#sender.maxInFlightPerPartition,
        this.#memory,
      );
      this.#topics.set(topic, outbox);
    }
    if (outbox.waiting !== undefined) this.#await(detached(arrival), outbox.waiting);
    else if (this.#blocked.length > 0 || this.#isFull) this.#block(arrival);
    else this.#place(arrival, outbox);
  }

  #block(arrival: Arrival): void {
    this.#blocked.push(detached(arrival));
    this.#sender.hurry(true);
  }

  get #isFull(): boolean {
    return this.#bufferedBytes >= this.#settings.maxBufferedBytes;
  }

  #place(arrival: Arrival, outbox: TopicOutbox): void {
    const { topic } = arrival.record;
    const known = this.#cluster.known(topic);
    if (outbox.waiting !== undefined) this.#await(arrival, outbox.waiting);
    else if (known === undefined) this.#lookUp(topic, outbox, detached(arrival));
    else if (isBeyond(arrival, known.partitions.length)) this.#lookUpPartition(topic, outbox, detached(arrival));
    else this.#append(arrival, outbox, known.partitions.length);
  }

  #await(arrival: Arrival, waiting: Arrival[]): void {
    this.#waitingBytes += keptBytes(arrival);
    waiting.push(arrival);
  }

  #awaitNoMore(waiting: readonly Arrival[]): void {
    for (const arrival of waiting) this.#waitingBytes -= keptBytes(arrival);
  }

  #lookUp(topic: string, outbox: TopicOutbox, first: Arrival): void {
    this.prepare();
    this.#hold(topic, outbox, first, 1, ({ owner, slot }, error) => owner.failed(slot, error));
  }

  /** Partitions may have been added since the metadata came. What is still not there is refused by its number. */
  #lookUpPartition(topic: string, outbox: TopicOutbox, first: Arrival): void {
    const asked: Arrival = { ...first, isLookedUp: true };
    this.#hold(topic, outbox, asked, first.record.partition! + 1, (arrival) => this.#arrive(arrival));
  }

  /** Has the calls for a topic wait until so many of its partitions are known, or nobody can say. */
  #hold(
    topic: string,
    outbox: TopicOutbox,
    first: Arrival,
    partitions: number,
    failed: (arrival: Arrival, error: KafkaError) => void,
  ): void {
    const waiting: Arrival[] = [];
    outbox.waiting = waiting;
    this.#await(first, waiting);
    const settled = (fate: (arrival: Arrival) => void): void => {
      outbox.waiting = undefined;
      this.#lookups.delete(lookup);
      this.#awaitNoMore(waiting);
      for (const arrival of waiting) fate(arrival);
    };
    const left = first.at + this.#settings.deliveryTimeout - this.#cluster.clock.monotonic();
    const done = this.#cluster.topic(topic, Math.max(0, left), undefined, partitions).then(
      () => settled((arrival) => this.#arrive(arrival)),
      (error: KafkaError) => settled((arrival) => failed(arrival, error)),
    );
    const lookup = { done, at: first.at };
    this.#lookups.add(lookup);
  }

  #append(arrival: Arrival, outbox: TopicOutbox, partitionCount: number): void {
    const { record, headers, owner, slot, at, now } = arrival;
    const { key = null, value } = record;
    let queue: PartitionQueue;
    try {
      queue = outbox.queueFor(arrival, partitionCount);
    } catch (error) {
      return owner.failed(slot, asKafkaError(error, "choosing a partition"));
    }
    const timestamp = record.timestamp ?? now;
    const { batchSize, maxRequestSize } = this.#settings;
    let batch = queue.openBatch(batchSize, at);
    if (!batch.builder.append(key, value, timestamp, headers)) {
      batch = queue.startBatch(batchSize, at);
      batch.builder.append(key, value, timestamp, headers);
    }
    if (batch.builder.byteLength > maxRequestSize) return this.#tooLarge(queue, batch, arrival);
    batch.owners.push(owner);
    batch.slots.push(slot);
    batch.timestamps.push(timestamp);
    const added = batch.builder.byteLength - batch.accountedBytes;
    batch.accountedBytes += added;
    this.#bufferedBytes += added;
    this.#sender.add(queue);
  }

  /** Only a batch's first record can be larger than a batch: it is alone in it. */
  #tooLarge(queue: PartitionQueue, batch: QueuedBatch, { record, owner, slot }: Arrival): void {
    queue.withdraw(batch);
    const { topic } = record;
    const message = `a record of ${batch.builder.byteLength} bytes for ${topic}: the most is maxRequestSize, ${this.#settings.maxRequestSize} bytes`;
    owner.failed(slot, new KafkaError("MESSAGE_TOO_LARGE", message, false, { topic, partition: queue.partition }));
  }

  #release(batch: QueuedBatch, isFree: boolean): void {
    if (isFree) this.#memory.give(batch.builder.memory);
    this.#bufferedBytes -= batch.accountedBytes;
    const oldest = this.#cluster.clock.monotonic() - this.#settings.deliveryTimeout;
    let next = 0;
    for (; next < this.#blocked.length && !this.#isFull; next++) {
      const arrival = this.#blocked[next]!;
      const { topic } = arrival.record;
      if (arrival.at > oldest) this.#place(arrival, this.#topics.get(topic)!);
      else arrival.owner.failed(arrival.slot, this.#noRoom(topic));
    }
    if (next > 0) this.#unblock(next);
    this.#sender.hurry(this.#blocked.length > 0);
  }

  /** The first so many calls wait for room no longer. */
  #unblock(count: number): Arrival[] {
    this.#unblocked += count;
    while (this.#roomWaiters.length > 0 && this.#roomWaiters[0]!.at <= this.#unblocked)
      this.#roomWaiters.shift()!.tell();
    return this.#blocked.splice(0, count);
  }

  /**
   * @internal Resolves once every call so far has got its room, or has waited too long; undefined where none waits. Calls
   * whose topic is not known yet need room as well, but only together: the first of them are not held up.
   */
  get room(): Promise<void> | undefined {
    if (this.#blocked.length === 0) {
      const isFull =
        this.#waitingBytes > 0 && this.#waitingBytes + this.#bufferedBytes >= this.#settings.maxBufferedBytes;
      return isFull ? Promise.all([...this.#lookups].map(({ done }) => done)).then(() => {}) : undefined;
    }
    const at = this.#unblocked + this.#blocked.length;
    return new Promise((tell) => this.#roomWaiters.push({ at, tell }));
  }

  #noRoom(topic: string): KafkaError {
    const { deliveryTimeout, maxBufferedBytes } = this.#settings;
    const message = `no room among the ${maxBufferedBytes} buffered bytes within the delivery timeout of ${deliveryTimeout} ms`;
    return new TimeoutError("DELIVERY_TIMED_OUT", message, { topic });
  }

  /** Resolves once everything sent so far has its verdict, without waiting for batches to linger. */
  async flush(): Promise<void> {
    await Promise.all([this.#flush(), ...this.#variants.map((variant) => variant.flush())]);
  }

  async #flush(): Promise<void> {
    const start = this.#cluster.clock.monotonic();
    for (;;) {
      // Calls that wait for room get it from batches that were begun before them.
      const isBlocked = this.#blocked.length > 0 && this.#blocked[0]!.at <= start;
      const batches = this.#sender.seal().filter(({ createdAt }) => isBlocked || createdAt <= start);
      const lookups = [...this.#lookups].filter(({ at }) => at <= start);
      if (batches.length === 0 && lookups.length === 0) return;
      const verdicts = batches.map((batch) => new Promise<void>((resolve) => batch.onSettled(resolve)));
      await Promise.all([...verdicts, ...lookups.map(({ done }) => done)]);
    }
  }

  /**
   * @internal Rejects with `error` whatever has not been put into a batch yet, and resolves once every batch has its
   * verdict: that the batches that were not sent get theirs at once is for whoever owns the identity.
   */
  async abandon(error: KafkaError): Promise<void> {
    for (const { waiting } of this.#topics.values()) {
      const given = waiting?.splice(0) ?? [];
      this.#awaitNoMore(given);
      for (const { owner, slot } of given) owner.failed(slot, error);
    }
    for (const { owner, slot } of this.#unblock(this.#blocked.length)) owner.failed(slot, error);
    await Promise.all(this.#sender.seal().map((batch) => new Promise<void>((resolve) => batch.onSettled(resolve))));
  }

  #statistics(): ProducerPartitionStatistics[] {
    const queues = [...this.#topics.values()].flatMap((outbox) => outbox.queues);
    return queues.map(({ topic, partition, bytes, length }) => {
      return { topic, partition, queuedBytes: bytes, queuedBatches: length };
    });
  }

  /** Refuses new records, waits for the verdicts of those sent, and lets go. */
  close(): Promise<void> {
    this.#closing ??= this.flush().then(async () => {
      this.#sender.close();
      this.#tellNoMore();
      await Promise.all(this.#variants.map((variant) => variant.close()));
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Whether the record is for a partition that its topic may have got since it was looked at. */
function isBeyond({ record: { partition = 0 }, isLookedUp }: Arrival, partitionCount: number): boolean {
  return partition >= partitionCount && Number.isInteger(partition) && isLookedUp !== true;
}

import type { CompressionType } from "../../protocol/compression.ts";
import { ErrorCode, errorByCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/field.ts";
import { type PartitionProduceResponse, type ProduceResponse, produce } from "../../protocol/messages/00-produce.ts";
import type { Timer } from "../net/clock.ts";
import type { Connection } from "../net/connection.ts";
import { backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import { KafkaError, ProtocolError, TimeoutError } from "./errors.ts";
import { maxMessageBytes } from "./max-message-bytes.ts";
import type { PartitionQueue, ProducerIdentity } from "./partition-queue.ts";
import { IdempotentIdentity, type IdentitySource, type IdentityUser } from "./producer-identity.ts";
import type { QueuedBatch } from "./queued-batch.ts";
import { answersByShipment, bodySizeOf, byTopic, recordErrors, type Shipment } from "./shipment.ts";
import { within } from "./within.ts";

export interface SenderOptions {
  readonly acks: "all" | "leader" | "none";
  readonly compression: CompressionType;
  /** Milliseconds that an open batch waits for more records; 0: until the end of the tick. */
  readonly linger: number;
  readonly deliveryTimeout: number;
  /** Bytes of batches in one request; one batch always fits. */
  readonly maxRequestSize: number;
}

const ACKS: Readonly<Record<SenderOptions["acks"], number>> = { all: -1, leader: 1, none: 0 };
/** Brokers remember the last five batches of a producer on a partition: with more in flight a repetition might not be known. */
const MAX_IN_FLIGHT = 5;
const LAST_VERSION_WITH_NAMES = 12;

/** Moves batches from the partitions' queues to their leaders, and their verdicts back. */
export class ProducerSender {
  readonly #cluster: Cluster;
  readonly #options: SenderOptions;
  /** Undefined: batches carry no producer id. */
  readonly #identities: IdentitySource | undefined;
  readonly #identityUser: IdentityUser = {
    resume: () => this.#drain(),
    troubled: (error) => this.#withoutIdentity(error),
  };
  readonly #active = new Set<PartitionQueue>();
  readonly #inFlight = new Map<number, number>();
  readonly #onSettled: (batch: QueuedBatch, isFree: boolean) => void;
  readonly #forgetCluster: () => void;
  #hurried = false;
  #scheduled = false;
  #wake: Timer | undefined;

  /** `identities` default to an idempotent producer's where `acks` is "all". */
  constructor(
    cluster: Cluster,
    options: SenderOptions,
    onSettled: (batch: QueuedBatch, isFree: boolean) => void,
    identities?: IdentitySource,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#identities = identities ?? (options.acks === "all" ? new IdempotentIdentity(cluster) : undefined);
    this.#onSettled = onSettled;
    this.#forgetCluster = cluster.onUpdate(() => {
      if (this.#active.size > 0) this.schedule();
    });
  }

  get #isTransactional(): boolean {
    return (this.#identities?.transactionalId ?? null) !== null;
  }

  get maxInFlightPerPartition(): number {
    return this.#options.acks === "all" ? MAX_IN_FLIGHT : 1;
  }

  /** Something will be sent soon: what has to be known for that is asked for. */
  prepare(): void {
    this.#identities?.identityFor([], this.#identityUser);
  }

  /** Tells that `queue` has something to send. */
  add(queue: PartitionQueue): void {
    this.#active.add(queue);
    this.schedule();
  }

  /** While somebody waits for the room that batches take, they do not linger. */
  hurry(hurried: boolean): void {
    if (hurried && !this.#hurried) this.schedule();
    this.#hurried = hurried;
  }

  get #linger(): number {
    return this.#hurried ? 0 : this.#options.linger;
  }

  /** Drains once the current tick is done, so that the sends of a tick share requests. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#cluster.clock.soon(() => {
      this.#scheduled = false;
      this.#drain();
    });
  }

  /** Batches without a verdict; open ones are closed, so that they do not linger. */
  seal(): QueuedBatch[] {
    const batches = [...this.#active].flatMap((queue) => queue.seal());
    this.schedule();
    return batches;
  }

  close(): void {
    this.#forgetCluster();
    this.#wake?.cancel();
  }

  #drain(): void {
    const now = this.#cluster.clock.monotonic();
    const failure = this.#identities?.failure;
    if (failure !== undefined) this.#failAll(failure);
    this.#expire(now);
    if (this.#active.size > 0) {
      const identity = this.#identities?.identityFor(this.#active, this.#identityUser);
      if (identity !== undefined || this.#identities === undefined)
        for (const [node, queues] of this.#readyByLeader(now)) this.#ship(node, queues, identity, now);
    }
    this.#setWake(now);
  }

  #expire(now: number): void {
    for (const queue of this.#active) {
      for (const batch of queue.expire(now - this.#options.deliveryTimeout)) {
        const { topic, partition } = queue;
        const fate = batch.uncertain ? " (the broker may have it all the same)" : "";
        const message = `no verdict for ${topic}/${partition} within the delivery timeout of ${this.#options.deliveryTimeout} ms${fate}`;
        const cause = batch.lastError ?? undefined;
        this.#fail(
          batch,
          new TimeoutError("DELIVERY_TIMED_OUT", cause === undefined ? message : `${message}: ${cause.message}`, {
            topic,
            partition,
            cause,
          }),
        );
      }
      if (queue.isEmpty) this.#active.delete(queue);
    }
  }

  /** It could not be had for now, or for good. */
  #withoutIdentity(error: KafkaError): void {
    if (!error.retriable) this.#failAll(error);
    for (const queue of this.#active) if (queue.oldest !== undefined) queue.oldest.lastError = error;
  }

  #failAll(error: KafkaError): void {
    for (const queue of this.#active) {
      for (const batch of queue.expire(Number.POSITIVE_INFINITY)) this.#fail(batch, error);
    }
  }

  #readyByLeader(now: number): Map<number, PartitionQueue[]> {
    const byLeader = new Map<number, PartitionQueue[]>();
    const leaderless: string[] = [];
    for (const queue of this.#active) {
      queue.inTopic(this.#topicId(queue.topic));
      if (!queue.isReady(now, this.#linger)) continue;
      const leader = this.#cluster.metadata.leaderOf(queue.topic, queue.partition);
      if (leader < 0 || !this.#cluster.metadata.nodes.has(leader)) {
        leaderless.push(queue.topic);
        queue.oldest!.lastError = leaderNotAvailable(queue);
        queue.retryAt = now + this.#cluster.options.retryBackoff.max / 4;
      } else if (this.#identities?.admits(queue, this.#identityUser) !== false) {
        const queues = byLeader.get(leader);
        if (queues === undefined) byLeader.set(leader, [queue]);
        else queues.push(queue);
      }
    }
    if (leaderless.length > 0) this.#cluster.refreshSoon(leaderless);
    return byLeader;
  }

  /** Fills as many requests as may be in flight: one batch of each partition in each. */
  #ship(node: number, queues: PartitionQueue[], identity: ProducerIdentity | undefined, now: number): void {
    let ready = queues;
    while (ready.length > 0 && (this.#inFlight.get(node) ?? 0) < MAX_IN_FLIGHT) {
      const shipments: Shipment[] = [];
      let taken = 0;
      let bytes = 0;
      for (const queue of ready) {
        if (bytes > 0 && bytes + queue.nextBytes > this.#options.maxRequestSize) break;
        taken += 1;
        const shipment = this.#pack(queue, identity);
        if (shipment === undefined) continue;
        bytes += shipment.records.length;
        shipments.push(shipment);
      }
      // Those that were passed over come first in the next request.
      ready = [...ready.slice(taken), ...ready.slice(0, taken)].filter((queue) => queue.isReady(now, this.#linger));
      if (shipments.length === 0) continue;
      this.#inFlight.set(node, (this.#inFlight.get(node) ?? 0) + 1);
      void this.#deliver(node, shipments);
    }
  }

  /** The next batch of a queue, ready to be sent; undefined where it could not be compressed and was given up. */
  #pack(queue: PartitionQueue, identity: ProducerIdentity | undefined): Shipment | undefined {
    const { batch, stamp } = queue.take(identity);
    try {
      if (batch.failures === 0) batch.builder.close(this.#options.compression);
    } catch (error) {
      const { topic, partition } = queue;
      const message = `cannot compress a batch for ${topic}/${partition}: ${(error as Error).message}`;
      queue.abandon(batch);
      this.#fail(batch, new KafkaError("COMPRESSION_FAILED", message, false, { topic, partition, cause: error }));
      return undefined;
    }
    this.#cluster.keepFresh(queue.topic);
    return { queue, batch, records: batch.builder.stamped(stamp), topicId: this.#topicId(queue.topic) };
  }

  async #deliver(node: number, shipments: readonly Shipment[]): Promise<void> {
    const { clock, options: clusterOptions } = this.#cluster;
    let sent = false;
    try {
      const { acks, deliveryTimeout } = this.#options;
      const deadline = Math.min(...shipments.map(({ batch }) => batch.createdAt)) + deliveryTimeout;
      const connection = this.#cluster.openNode(node, "produce") ?? (await this.#connect(node, deadline));
      const options = {
        timeout: Math.max(1, Math.min(clusterOptions.requestTimeout, deadline - clock.monotonic())),
        maxVersion: this.#maxVersion(shipments),
        bodySize: bodySizeOf(shipments),
      };
      const transactionalId = this.#identities?.transactionalId ?? null;
      const timeoutMs = Math.ceil(options.timeout);
      const body = { transactionalId, acks: ACKS[acks], timeoutMs, topicData: byTopic(shipments) };
      sent = true;
      if (acks === "none") {
        connection.sendOneWay(produce, body, options);
        for (const shipment of shipments) this.#delivered(shipment, -1, -1);
      } else {
        this.#judge(shipments, await connection.send(produce, body, options));
      }
    } catch (error) {
      this.#requestFailed(shipments, error as KafkaError, sent);
    }
    this.#inFlight.set(node, this.#inFlight.get(node)! - 1);
    this.schedule();
  }

  #maxVersion(shipments: readonly Shipment[]): number | undefined {
    const most = this.#identities?.maxProduceVersion;
    if (shipments.every(({ topicId }) => topicId !== ZERO_UUID)) return most;
    return Math.min(most ?? LAST_VERSION_WITH_NAMES, LAST_VERSION_WITH_NAMES);
  }

  /** Opening a connection may take longer than a batch has left. */
  #connect(node: number, deadline: number): Promise<Connection> {
    const { clock } = this.#cluster;
    const broker = String(node);
    return within(clock, Math.max(1, deadline - clock.monotonic()), this.#cluster.node(node, "produce"), () => {
      throw new TimeoutError("CONNECT_TIMED_OUT", `no connection to broker ${broker} in time`, { broker });
    });
  }

  #topicId(topic: string): string {
    return this.#cluster.metadata.topic(topic)?.topicId ?? ZERO_UUID;
  }

  #judge(shipments: readonly Shipment[], response: ProduceResponse): void {
    this.#cluster.metadata.learnNodes(response.nodeEndpoints);
    const answers = answersByShipment(shipments, response);
    for (const shipment of shipments) {
      const { topic, partition } = shipment.queue;
      const answer = answers.get(shipment);
      if (answer === undefined) {
        this.#retry(
          shipment,
          new KafkaError("MISSING_ANSWER", `the broker's answer lacks ${topic}/${partition}`, true),
          true,
        );
      } else if (answer.errorCode === 0 || answer.errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
        this.#delivered(shipment, answer.baseOffset, answer.logAppendTimeMs);
      } else this.#refused(shipment, answer);
    }
  }

  #refused(shipment: Shipment, answer: PartitionProduceResponse): void {
    const { queue, batch } = shipment;
    const { topic, partition } = queue;
    const { errorCode } = answer;
    const said = answer.errorMessage ? ` (${answer.errorMessage})` : "";
    const error = new ProtocolError(errorCode, `produce to ${topic}/${partition}${said}`, { topic, partition });
    switch (errorCode) {
      case ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
      case ErrorCode.UNKNOWN_PRODUCER_ID:
      case ErrorCode.INVALID_PRODUCER_EPOCH:
        // Had it been appended earlier, it would have been known as a repetition.
        batch.uncertain = false;
        if (errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && queue.isBehindAnother(batch))
          return this.#retry(shipment, error, false);
        // A transaction cannot go on without it, and only its coordinator can raise the epoch.
        if (this.#isTransactional) return this.#giveUp(shipment, error);
        queue.breakSequence();
        return this.#retry(shipment, error, false);
      case ErrorCode.REQUEST_TIMED_OUT:
      case ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        return this.#retry(shipment, error, true);
      case ErrorCode.MESSAGE_TOO_LARGE:
      case ErrorCode.RECORD_LIST_TOO_LARGE:
        if (batch.owners.length > 1) return queue.split(batch, batch.split(shipment.records));
        return void this.#recordTooLarge(shipment);
    }
    if (!errorByCode(errorCode).retriable) return this.#giveUp(shipment, error, recordErrors(shipment, answer));
    const { leaderId, leaderEpoch } = answer.currentLeader;
    const { metadata } = this.#cluster;
    const moved =
      leaderId >= 0 && metadata.nodes.has(leaderId) && metadata.moveLeader(topic, partition, leaderId, leaderEpoch);
    this.#retry(shipment, error, false, moved);
    if (!moved && errorByCode(errorCode).refreshMetadata) this.#cluster.refreshSoon([topic]);
  }

  /** The batch stays in flight until the topic's limit is known: then a flush waits for it, too. */
  async #recordTooLarge(shipment: Shipment): Promise<void> {
    const { topic, partition } = shipment.queue;
    const limit = await maxMessageBytes(this.#cluster, topic);
    const most = limit === undefined ? "its topic or broker takes" : `max.message.bytes of the topic, ${limit}`;
    const message = `a record for ${topic}/${partition} of ${shipment.records.length} bytes in its batch is larger than ${most}`;
    this.#giveUp(shipment, new KafkaError("MESSAGE_TOO_LARGE", message, false, { topic, partition }));
    this.schedule();
  }

  #requestFailed(shipments: readonly Shipment[], error: KafkaError, sent: boolean): void {
    for (const shipment of shipments) {
      if (error.retriable === true) this.#retry(shipment, error, sent);
      else this.#giveUp(shipment, error);
    }
    if (error.retriable) this.#cluster.refreshSoon(shipments.map(({ queue }) => queue.topic));
  }

  #retry({ queue, batch }: Shipment, error: KafkaError, uncertain: boolean, atOnce = false): void {
    const { clock, options } = this.#cluster;
    const wait = atOnce ? 0 : backoffDelay(options.retryBackoff, batch.failures + 1, clock);
    queue.retry(batch, error, uncertain, clock.monotonic() + wait);
  }

  #delivered({ queue, batch }: Shipment, baseOffset: number, logAppendTime: number): void {
    queue.delivered(batch, this.#cluster.clock.monotonic());
    if (queue.isEmpty) this.#active.delete(queue);
    // Sent once and answered, its bytes are nowhere on their way any more.
    this.#onSettled(batch, batch.failures === 0 && this.#options.acks !== "none");
    batch.deliver(queue.partition, baseOffset, logAppendTime);
  }

  #giveUp({ queue, batch }: Shipment, error: KafkaError, own?: ReadonlyMap<number, KafkaError>): void {
    queue.abandon(batch);
    this.#fail(batch, error, own);
  }

  #fail(batch: QueuedBatch, error: KafkaError, own?: ReadonlyMap<number, KafkaError>): void {
    this.#identities?.gaveUp(error, batch.sequence >= 0);
    this.#onSettled(batch, false);
    batch.fail(error, own);
  }

  /** Time alone makes a lingering batch ready, a retry due, or a batch too old. */
  #setWake(now: number): void {
    this.#wake?.cancel();
    this.#wake = undefined;
    let at = Number.POSITIVE_INFINITY;
    for (const queue of this.#active) {
      if (queue.oldest === undefined) continue;
      const readyAt = queue.readyAt(this.#linger);
      if (readyAt > now) at = Math.min(at, readyAt);
      at = Math.min(at, queue.oldest.createdAt + this.#options.deliveryTimeout);
    }
    if (at < Number.POSITIVE_INFINITY)
      this.#wake = this.#cluster.clock.timer(Math.max(1, at - now), () => this.#drain());
  }
}

function leaderNotAvailable({ topic, partition }: PartitionQueue): KafkaError {
  return new ProtocolError(ErrorCode.LEADER_NOT_AVAILABLE, `produce to ${topic}/${partition}`, { topic, partition });
}

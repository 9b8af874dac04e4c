import { ZERO_UUID } from "../../protocol/field.ts";
import type { Timer } from "../net/clock.ts";
import { backoffDelay } from "./backoff.ts";
import { BrokerFetches, type FetchTerms } from "./broker-fetches.ts";
import type { Cluster } from "./cluster.ts";
import type { ConnectionRole } from "./connection-pool.ts";
import { type FetchPosition, NO_REPLICA } from "./fetch-position.ts";
import type { FetchAnswer, WishTerms } from "./fetch-session.ts";
import { partitionKey } from "./topic-partition.ts";

/** Who learns of what the brokers answer. */
export interface RouteHandlers {
  answered(nodeId: number, answers: readonly FetchAnswer[]): void;
  /** A broker did not answer, so many times in a row. */
  failed(nodeId: number, positions: readonly FetchPosition[], error: unknown, failures: number): void;
  /** Nobody is known to lead the partition. It is looked for. */
  leaderless(position: FetchPosition): void;
  /** The topic's id is another than when the position was put. */
  recreated(position: FetchPosition): void;
}

/** Which broker is asked for which partition, and when. Nothing here runs for a partition that has nothing new. */
export class FetchRoutes {
  readonly #cluster: Cluster;
  readonly #terms: () => FetchTerms;
  readonly #handlers: RouteHandlers;
  readonly #positions = new Map<string, FetchPosition>();
  readonly #brokers = new Map<number, BrokerFetches>();
  /** Those that wait for a time. */
  readonly #waiting = new Set<FetchPosition>();
  readonly #forgetCluster: () => void;
  /** A long poll holds up what comes behind it on its connection: partitions that come back meanwhile go on the other. */
  readonly #roles: readonly [ConnectionRole, ConnectionRole];
  /** When (monotonic ms) metadata is looked at again for no other reason: leaders, replicas and topics may have changed. */
  #staleAt = 0;
  #isHeld = false;
  #isScheduled = false;
  #wake: Timer | undefined;
  #isClosed = false;

  constructor(cluster: Cluster, terms: () => FetchTerms, handlers: RouteHandlers) {
    this.#cluster = cluster;
    this.#terms = terms;
    this.#handlers = handlers;
    const number = cluster.takeNumber();
    this.#roles = [`fetch/${number}`, `fetch-beside/${number}`];
    this.#forgetCluster = cluster.onUpdate(() => this.#routeAll());
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get positions(): Iterable<FetchPosition> {
    return this.#positions.values();
  }

  get(topic: string, partition: number): FetchPosition | undefined {
    return this.#positions.get(partitionKey(topic, partition));
  }

  /** Whether it has neither been removed nor replaced. */
  has(position: FetchPosition): boolean {
    return this.get(position.topic, position.partition) === position;
  }

  /** Asks for the position from now on, in place of any other of its partition. */
  put(position: FetchPosition): void {
    if (this.#isClosed) return;
    const { topic, partition } = position;
    this.remove(topic, partition);
    this.#cluster.watch(topic);
    position.topicId = this.#topicId(topic);
    this.#positions.set(partitionKey(topic, partition), position);
    if (position.retryAt > 0) this.#waiting.add(position);
    this.#route(position);
  }

  /** The partition is to be put soon: whoever leads it is connected to meanwhile. */
  expect(topic: string, partition: number): void {
    const { metadata } = this.#cluster;
    const leader = metadata.partition(topic, partition)?.leader;
    if (this.#isClosed || leader === undefined || !metadata.nodes.has(leader)) return;
    this.#cluster.node(leader, this.#roles[0]!).catch(() => {});
  }

  remove(topic: string, partition: number): void {
    const position = this.get(topic, partition);
    if (position === undefined) return;
    this.#positions.delete(partitionKey(topic, partition));
    this.#waiting.delete(position);
    this.touch(position);
  }

  /** Something about the position has changed: what is asked for is looked at again. */
  touch(position: FetchPosition): void {
    if (position.node !== undefined) this.#brokers.get(position.node)?.touch(position);
    this.schedule();
  }

  /** Leaves the position alone for a while that grows with its failures. */
  backOff(position: FetchPosition): void {
    if (!this.has(position)) return;
    const { clock, options } = this.#cluster;
    position.failures++;
    position.retryAt = clock.monotonic() + backoffDelay(options.retryBackoff, position.failures, clock);
    this.#waiting.add(position);
    this.touch(position);
  }

  /** Reads the partition from a replica that is nearer, for as long as metadata counts as fresh. */
  follow(position: FetchPosition, replica: number): void {
    position.replica = replica;
    position.replicaUntil = this.#cluster.clock.monotonic() + this.#cluster.options.metadataMaxAge;
    this.#route(position);
  }

  /** Reads the partition from its leader again. False: it has been. */
  backToLeader(position: FetchPosition): boolean {
    if (position.replica === NO_REPLICA) return false;
    position.replica = NO_REPLICA;
    this.#route(position);
    return true;
  }

  /** Looks again at who leads the partition. */
  reroute(position: FetchPosition): void {
    this.#route(position);
  }

  /** Asks for nothing until it is called with false. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (!isHeld) this.schedule();
  }

  schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    this.#cluster.clock.soon(() => {
      this.#isScheduled = false;
      this.poll();
    });
  }

  /** Asks every broker for what it can be asked for now. */
  poll(): void {
    if (this.#isClosed || this.#isHeld) return;
    const now = this.#cluster.clock.monotonic();
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const position of [...this.#waiting]) {
      if (position.retryAt > now) continue;
      this.#waiting.delete(position);
      position.retryAt = 0;
      this.#route(position);
    }
    this.#keepFresh(now);
    for (const { retryAt } of this.#waiting) wakeAt = Math.min(wakeAt, retryAt);
    for (const broker of this.#brokers.values()) wakeAt = Math.min(wakeAt, broker.poll(now));
    this.#wake?.cancel();
    this.#wake =
      wakeAt < Number.POSITIVE_INFINITY ? this.#cluster.clock.timer(wakeAt - now, () => this.poll()) : undefined;
  }

  #keepFresh(now: number): void {
    if (now < this.#staleAt) return;
    this.#staleAt = now + this.#cluster.options.metadataMaxAge;
    for (const topic of new Set(Array.from(this.#positions.values(), ({ topic }) => topic)))
      this.#cluster.keepFresh(topic);
  }

  #route(position: FetchPosition): void {
    const node = this.#nodeOf(position);
    if (node !== position.node) {
      this.touch(position);
      position.node = node;
    }
    if (node !== undefined) this.#broker(node).touch(position);
    else if (position.isReadable) {
      this.#cluster.refreshSoon([position.topic]);
      this.backOff(position);
      this.#handlers.leaderless(position);
    }
    this.schedule();
  }

  #nodeOf(position: FetchPosition): number | undefined {
    const { metadata, clock } = this.#cluster;
    const { topic, partition, replica } = position;
    if (replica !== NO_REPLICA) {
      if (position.replicaUntil > clock.monotonic() && metadata.nodes.has(replica)) return replica;
      position.replica = NO_REPLICA;
    }
    const leader = metadata.partition(topic, partition)?.leader;
    return leader !== undefined && metadata.nodes.has(leader) ? leader : undefined;
  }

  #routeAll(): void {
    for (const position of [...this.#positions.values()]) {
      const id = this.#topicId(position.topic);
      if (position.topicId === ZERO_UUID) position.topicId = id;
      if (id !== ZERO_UUID && id !== position.topicId) {
        position.topicId = id;
        position.lastEpoch = -1;
        this.#handlers.recreated(position);
        if (!this.has(position)) continue;
      }
      // What waited for a leader need not wait any longer.
      if (position.node === undefined && this.#nodeOf(position) !== undefined) position.retryAt = 0;
      if (position.retryAt === 0) this.#waiting.delete(position);
      this.#route(position);
    }
  }

  #broker(nodeId: number): BrokerFetches {
    const known = this.#brokers.get(nodeId);
    if (known !== undefined) return known;
    const broker = new BrokerFetches(nodeId, this.#cluster, this.#roles, {
      terms: this.#terms,
      wish: (position) => this.#wish(position, nodeId),
      answered: (answers, unanswered) => {
        for (const position of unanswered) this.backOff(position);
        this.#handlers.answered(nodeId, answers);
      },
      failed: (positions, error, failures) => this.#handlers.failed(nodeId, positions, error, failures),
      wake: () => this.schedule(),
    });
    this.#brokers.set(nodeId, broker);
    return broker;
  }

  #wish(position: FetchPosition, nodeId: number): WishTerms | undefined {
    if (position.node !== nodeId || !position.isReadable || !this.has(position)) return undefined;
    const { topic, partition } = position;
    const leaderEpoch = this.#cluster.metadata.partition(topic, partition)?.leaderEpoch ?? -1;
    return { topicId: this.#topicId(topic), leaderEpoch, maxBytes: this.#terms().partitionMaxBytes };
  }

  #topicId(topic: string): string {
    return this.#cluster.metadata.topic(topic)?.topicId ?? ZERO_UUID;
  }

  close(): void {
    this.#isClosed = true;
    this.#positions.clear();
    this.#waiting.clear();
    for (const broker of this.#brokers.values()) broker.close();
    this.#forgetCluster();
    this.#wake?.cancel();
    for (const role of this.#roles) this.#cluster.release(role);
  }
}

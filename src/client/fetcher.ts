import { CodecUnavailableError } from "../../protocol/compression.ts";
import { ErrorCode, errorByCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/field.ts";
import { type FetchResponse, fetch as fetchApi, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import { DecodeError } from "../../protocol/reader.ts";
import { type FetchedRecords, readFetched } from "../../protocol/records.ts";
import type { Timer } from "../net/clock.ts";
import { backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import type { ConnectionRole } from "./connection-pool.ts";
import { asKafkaError, ConnectionError, KafkaError, ProtocolError } from "./errors.ts";
import { groupByTopic, partitionKey, type TopicPartition } from "./topic-partition.ts";

export interface FetcherOptions {
  readonly isolation: "readCommitted" | "readUncommitted";
  /** Milliseconds that a broker may wait for records to come. */
  readonly maxWait: number;
  /** Bytes of one answer, and of one partition in it; a first batch that is larger comes whole. */
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  /** Whether a partition's records are copied out of a larger answer, so that they do not keep all of it in memory. */
  readonly ownBytes?: boolean | undefined;
}

/** What one fetch brought for one partition. */
export interface FetchedBatch extends FetchedRecords, TopicPartition {
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
}

/** Who takes what was fetched. */
export interface FetchSink {
  fetched(batch: FetchedBatch): void;
  /** The offset is not in the log. The partition stands still until it is moved. */
  outOfRange(partition: TopicPartition, offset: number): void;
  /** Reading goes on after a pause where `error.retriable`; else the partition stands still. */
  failed(partition: TopicPartition, error: KafkaError): void;
}

interface Position extends TopicPartition {
  offset: number;
  paused: boolean;
  /** It stands still until it is moved or removed. */
  halted: boolean;
  inFlight: boolean;
  retryAt: number;
  failures: number;
}

interface NodeState {
  /** Which of the node's two connections have a fetch under way. */
  readonly busy: Set<ConnectionRole>;
  failures: number;
  retryAt: number;
}

const ISOLATION: Readonly<Record<FetcherOptions["isolation"], number>> = { readUncommitted: 0, readCommitted: 1 };
const LAST_VERSION_WITH_NAMES = 12;
const NO_SESSION_EPOCH = -1;
/** What passes with fresh metadata or another connection is news when it comes this often in a row, and then at each multiple. */
const TROUBLE = 5;
/** An answer that is so many times as large as one partition's part of it is not kept for that part's sake. */
const LARGER_ANSWER = 2;
/** Bytes that one compressed batch may grow to. */
const MAX_DECOMPRESSED = 256 * 1024 * 1024;

/** Reads the log of each partition it was given, from its leader, and hands on what comes. */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #options: FetcherOptions;
  readonly #sink: FetchSink;
  readonly #positions = new Map<string, Position>();
  readonly #nodes = new Map<number, NodeState>();
  readonly #forgetCluster: () => void;
  /** A long poll holds up what comes behind it on its connection: partitions that come back meanwhile go on the other. */
  readonly #roles: readonly ConnectionRole[];
  #scheduled = false;
  #wake: Timer | undefined;
  #closed = false;

  constructor(cluster: Cluster, options: FetcherOptions, sink: FetchSink) {
    this.#cluster = cluster;
    this.#options = options;
    this.#sink = sink;
    const number = cluster.takeNumber();
    this.#roles = [`fetch/${number}`, `fetch-beside/${number}`];
    this.#forgetCluster = cluster.onUpdate(() => this.#schedule());
  }

  /** Reads the partition from `offset` on, wherever it was before. */
  add(topic: string, partition: number, offset: number): void {
    this.#cluster.watch(topic);
    const position = {
      topic,
      partition,
      offset,
      paused: false,
      halted: false,
      inFlight: false,
      retryAt: 0,
      failures: 0,
    };
    this.#positions.set(partitionKey(topic, partition), position);
    this.#schedule();
  }

  remove(topic: string, partition: number): void {
    this.#positions.delete(partitionKey(topic, partition));
  }

  /** What is under way still comes; nothing more is asked for. */
  pause(topic: string, partition: number): void {
    const position = this.#positions.get(partitionKey(topic, partition));
    if (position !== undefined) position.paused = true;
  }

  resume(topic: string, partition: number): void {
    const position = this.#positions.get(partitionKey(topic, partition));
    if (position === undefined || !position.paused) return;
    position.paused = false;
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#positions.clear();
    this.#forgetCluster();
    this.#wake?.cancel();
    for (const role of this.#roles) this.#cluster.release(role);
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    this.#cluster.clock.soon(() => {
      this.#scheduled = false;
      this.#poll();
    });
  }

  /** Starts a fetch for every leader that has partitions to read and a free connection. */
  #poll(): void {
    if (this.#closed) return;
    const now = this.#cluster.clock.monotonic();
    let wakeAt = Number.POSITIVE_INFINITY;
    const byLeader = new Map<number, Position[]>();
    const leaderless: string[] = [];
    const noLeader: Position[] = [];
    for (const position of this.#positions.values()) {
      if (position.paused || position.halted || position.inFlight) continue;
      if (position.retryAt > now) {
        wakeAt = Math.min(wakeAt, position.retryAt);
        continue;
      }
      const leader = this.#cluster.metadata.partition(position.topic, position.partition)?.leader ?? -1;
      if (leader < 0 || !this.#cluster.metadata.nodes.has(leader)) {
        leaderless.push(position.topic);
        this.#backOff(position);
        if (position.failures % TROUBLE === 0) noLeader.push(position);
        wakeAt = Math.min(wakeAt, position.retryAt);
        continue;
      }
      const list = byLeader.get(leader);
      if (list === undefined) byLeader.set(leader, [position]);
      else list.push(position);
    }
    for (const [node, positions] of byLeader) wakeAt = Math.min(wakeAt, this.#fetchFrom(node, positions, now));
    if (leaderless.length > 0) this.#cluster.refreshSoon(leaderless);
    this.#wake?.cancel();
    this.#wake =
      wakeAt < Number.POSITIVE_INFINITY ? this.#cluster.clock.timer(wakeAt - now, () => this.#poll()) : undefined;
    for (const position of noLeader) {
      const { topic, partition } = position;
      const error = new ProtocolError(ErrorCode.LEADER_NOT_AVAILABLE, `fetch of ${topic}/${partition}`, position);
      this.#fail(position, error);
    }
  }

  #isCurrent(position: Position): boolean {
    return this.#positions.get(partitionKey(position.topic, position.partition)) === position;
  }

  /** Tells of an error; after one that does not pass the partition stands still. */
  #fail(position: Position, error: KafkaError): void {
    if (!this.#isCurrent(position)) return;
    if (!error.retriable) position.halted = true;
    this.#sink.failed(position, error);
  }

  #backOff(position: Position): void {
    const { clock, options } = this.#cluster;
    position.failures++;
    position.retryAt = clock.monotonic() + backoffDelay(options.retryBackoff, position.failures, clock);
  }

  /** Answers when it would have to be called again for time alone. */
  #fetchFrom(node: number, positions: Position[], now: number): number {
    let state = this.#nodes.get(node);
    if (state === undefined) {
      state = { busy: new Set(), failures: 0, retryAt: 0 };
      this.#nodes.set(node, state);
    }
    if (state.retryAt > now) return state.retryAt;
    const { busy } = state;
    const role = this.#roles.find((candidate) => !busy.has(candidate));
    if (role !== undefined) {
      busy.add(role);
      for (const position of positions) position.inFlight = true;
      void this.#fetch(node, state, role, positions);
    }
    return Number.POSITIVE_INFINITY;
  }

  async #fetch(node: number, state: NodeState, role: ConnectionRole, positions: readonly Position[]): Promise<void> {
    const { clock, options } = this.#cluster;
    try {
      const connection = await this.#cluster.node(node, role);
      const maxVersion = positions.every(({ topic }) => this.#topicId(topic) !== ZERO_UUID)
        ? undefined
        : LAST_VERSION_WITH_NAMES;
      const timeout = this.#options.maxWait + options.requestTimeout;
      const response = await connection.send(fetchApi, this.#request(positions), {
        timeout,
        maxVersion,
        bodySize: 64 + 64 * positions.length,
      });
      for (const position of positions) position.inFlight = false;
      if (response.errorCode !== 0) throw new ProtocolError(response.errorCode, "fetch", { broker: connection.broker });
      state.failures = 0;
      if (!this.#closed) this.#receive(response, positions);
    } catch (error) {
      state.failures++;
      state.retryAt = clock.monotonic() + backoffDelay(options.retryBackoff, state.failures, clock);
      if (!this.#closed) {
        for (const position of positions) {
          const known = asKafkaError(error, `reading ${position.topic}/${position.partition}`, position);
          // A connection that ends is no news: brokers are restarted.
          if (!(known instanceof ConnectionError) || state.failures % TROUBLE === 0) this.#fail(position, known);
        }
        this.#cluster.refreshSoon(positions.map(({ topic }) => topic));
      }
    } finally {
      for (const position of positions) position.inFlight = false;
      state.busy.delete(role);
      this.#schedule();
    }
  }

  #topicId(topic: string): string {
    return this.#cluster.metadata.topic(topic)?.topicId ?? ZERO_UUID;
  }

  #request(positions: readonly Position[]): Parameters<typeof fetchApi.request.encode>[2] {
    const { isolation, maxWait, maxBytes, partitionMaxBytes } = this.#options;
    return {
      maxWaitMs: maxWait,
      minBytes: 1,
      maxBytes,
      isolationLevel: ISOLATION[isolation],
      sessionEpoch: NO_SESSION_EPOCH,
      topics: [...groupByTopic(positions)].map(([topic, list]) => ({
        topic,
        topicId: this.#topicId(topic),
        partitions: list.map(({ partition, offset }) => ({
          partition,
          currentLeaderEpoch: this.#cluster.metadata.partition(topic, partition)?.leaderEpoch ?? -1,
          fetchOffset: offset,
          partitionMaxBytes,
        })),
      })),
    };
  }

  #receive(response: FetchResponse, positions: readonly Position[]): void {
    const asked = new Map<string, Position>();
    for (const position of positions) {
      asked.set(partitionKey(position.topic, position.partition), position);
      asked.set(partitionKey(this.#topicId(position.topic), position.partition), position);
    }
    const unanswered = new Set(positions);
    for (const topic of response.responses) {
      for (const answer of topic.partitions) {
        const position = asked.get(partitionKey(topic.topic || topic.topicId, answer.partitionIndex));
        if (position === undefined) continue;
        unanswered.delete(position);
        // Removed or moved while the answer was on its way: it is about the past.
        if (this.#isCurrent(position)) this.#receiveOne(position, answer);
      }
    }
    for (const position of unanswered) this.#backOff(position);
  }

  #receiveOne(position: Position, answer: PartitionData): void {
    try {
      if (answer.errorCode === 0) this.#take(position, answer);
      else this.#refused(position, answer);
    } catch (error) {
      this.#fail(position, asKafkaError(error, `reading ${position.topic}/${position.partition}`, position));
    }
  }

  #take(position: Position, answer: PartitionData): void {
    const whole = answer.records as Uint8Array<ArrayBuffer> | null;
    if (whole === null || whole.length === 0) {
      position.failures = 0;
      return;
    }
    const isPart = whole.buffer.byteLength > LARGER_ANSWER * whole.length;
    const bytes = this.#options.ownBytes && isPart ? whole.slice() : whole;
    const aborted = this.#options.isolation === "readCommitted" ? (answer.abortedTransactions ?? []) : null;
    let read: FetchedRecords;
    try {
      read = readFetched(bytes, position.offset, aborted, MAX_DECOMPRESSED);
    } catch (error) {
      return this.#unreadable(position, error);
    }
    position.failures = 0;
    position.offset = read.nextOffset;
    const { topic, partition } = position;
    const { highWatermark, lastStableOffset, logStartOffset } = answer;
    this.#sink.fetched({ ...read, topic, partition, highWatermark, lastStableOffset, logStartOffset });
  }

  #unreadable(position: Position, error: unknown): void {
    const { topic, partition, offset } = position;
    // Bytes may have been damaged on the way: they are asked for again. A missing codec stays missing.
    const corrupt = error instanceof DecodeError;
    if (corrupt) this.#backOff(position);
    const reason = error instanceof Error ? error.message : String(error);
    const code = corrupt ? "CORRUPT_MESSAGE" : error instanceof CodecUnavailableError ? error.code : "INTERNAL";
    const message = `cannot read ${topic}/${partition} at offset ${offset}: ${reason}`;
    this.#fail(position, new KafkaError(code, message, corrupt, { topic, partition, cause: error }));
  }

  #refused(position: Position, answer: PartitionData): void {
    const { topic, partition, offset } = position;
    const { errorCode } = answer;
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      position.halted = true;
      return this.#sink.outOfRange(position, offset);
    }
    const entry = errorByCode(errorCode);
    const { leaderId, leaderEpoch } = answer.currentLeader;
    if (
      leaderId >= 0 &&
      this.#cluster.metadata.nodes.has(leaderId) &&
      this.#cluster.metadata.moveLeader(topic, partition, leaderId, leaderEpoch)
    )
      return;
    this.#backOff(position);
    if (entry.refreshMetadata) this.#cluster.refreshSoon([topic]);
    if (entry.refreshMetadata && position.failures % TROUBLE !== 0) return;
    this.#fail(position, new ProtocolError(errorCode, `fetch of ${topic}/${partition}`, { topic, partition }));
  }
}

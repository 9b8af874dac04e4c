import { CodecUnavailableError } from "../../protocol/compression.ts";
import { ErrorCode, errorByCode } from "../../protocol/errors.ts";
import type { EpochEndOffset, PartitionData } from "../../protocol/messages/01-fetch.ts";
import { DecodeError } from "../../protocol/reader.ts";
import { UnreadableBatchError } from "../../protocol/record-batch.ts";
import type { FetchedRecords } from "../../protocol/records.ts";
import type { FetchTerms } from "./broker-fetches.ts";
import type { ConsumerPartitionStatistics } from "./client-statistics.ts";
import type { Cluster } from "./cluster.ts";
import { asKafkaError, ConnectionError, KafkaError, LogTruncationError, ProtocolError } from "./errors.ts";
import { FetchPosition } from "./fetch-position.ts";
import { FetchRoutes } from "./fetch-routes.ts";
import type { FetchAnswer } from "./fetch-session.ts";
import { FetchedChunk } from "./fetched-chunk.ts";
import type { TopicPartition } from "./topic-partition.ts";

export interface FetcherOptions {
  readonly isolation: "readCommitted" | "readUncommitted";
  /** Milliseconds that a broker may wait for records to come. */
  readonly maxWait: number;
  /** Bytes of one answer, and of one partition in it; a first batch that is larger comes whole. */
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  /** Whether a partition's records are copied out of a larger answer, so that they do not keep all of it in memory. */
  readonly ownBytes?: boolean | undefined;
  /** Bytes that one compressed batch may grow to. Default 256 MiB. */
  readonly maxDecompressedBytes?: number | undefined;
  /** Where this reader is, so that a replica nearby may serve it (KIP-392). */
  readonly rackId?: string | undefined;
}

/** A record as it was fetched: its parts are cut when they are asked for, and keep the batch in memory until then. */
export type FetchedRecord = FetchedRecords["records"][number];

/** What one fetch brought for one partition. */
export interface FetchedBatch extends FetchedRecords, TopicPartition {
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
}

/** Who takes what was fetched. */
export interface FetchSink {
  /** Something came; {@link Fetcher.read} reads it, now or later. */
  fetched(chunk: FetchedChunk): void;
  /** All of an answer was handed on, and the next fetch is not on its way yet: for what cannot wait even for that. */
  answered?(): void;
  /** The offset is not in the log. The partition stands still until it is moved. */
  outOfRange(partition: TopicPartition, offset: number): void;
  /** Reading goes on after a pause where `error.retriable`; else the partition stands still. */
  failed(partition: TopicPartition, error: KafkaError): void;
  /**
   * The log was truncated below what was read (KIP-320). The partition stands still until it is moved. Without this,
   * `failed` is told.
   */
  truncated?(partition: TopicPartition, error: LogTruncationError): void;
  /** The topic was deleted and made again: the offset is of another log. Without this, reading goes on there. */
  recreated?(partition: TopicPartition): void;
}

function codeOf(error: unknown): string {
  if (error instanceof UnreadableBatchError) return "UNREADABLE_BATCH";
  return error instanceof CodecUnavailableError ? error.code : "INTERNAL";
}

const ISOLATION: Readonly<Record<FetcherOptions["isolation"], number>> = { readUncommitted: 0, readCommitted: 1 };
/** What passes with fresh metadata or another connection is news when it comes this often in a row, and then at each multiple. */
const TROUBLE = 5;
/** A broker that was just made the leader does not know of it yet, or not how far its log can be read. */
const IN_A_MOMENT: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_LEADER_EPOCH, ErrorCode.OFFSET_NOT_AVAILABLE]);
/** An answer that is so many times as large as one partition's part of it is not kept for that part's sake. */
const LARGER_ANSWER = 2;
const MAX_DECOMPRESSED = 256 * 1024 * 1024;

/**
 * Reads the log of each partition it was given, from its leader or a replica that the leader names, and hands on what
 * comes. The next fetch is on its way before what the last one brought is read.
 */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #options: FetcherOptions;
  readonly #sink: FetchSink;
  readonly #routes: FetchRoutes;
  readonly #tellNoMore: () => void;
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(cluster: Cluster, options: FetcherOptions, sink: FetchSink) {
    this.#cluster = cluster;
    this.#options = options;
    this.#sink = sink;
    this.#routes = new FetchRoutes(cluster, () => this.#terms(), {
      answered: (nodeId, answers) => this.#answered(nodeId, answers),
      failed: (nodeId, positions, error, failures) => this.#failed(nodeId, positions, error, failures),
      leaderless: (position) => this.#leaderless(position),
      recreated: (position) => this.#sink.recreated?.(position),
    });
    this.#tellNoMore = cluster.statisticsSources.add({ consumer: () => this.#statistics() });
  }

  #terms(): FetchTerms {
    const { isolation, maxWait, maxBytes, partitionMaxBytes, rackId = "" } = this.#options;
    return { isolationLevel: ISOLATION[isolation], maxWait, maxBytes, partitionMaxBytes, rackId };
  }

  /** The partition will be added once it is known from where on: what takes time until then may begin. */
  expect(topic: string, partition: number): void {
    this.#routes.expect(topic, partition);
  }

  /**
   * Reads the partition from `offset` on, wherever it was before. `lastEpoch` is the leader epoch of the record before
   * it, where that is known: a log that was truncated since is noticed by it.
   */
  add(topic: string, partition: number, offset: number, lastEpoch = -1): void {
    this.#routes.put(new FetchPosition(topic, partition, offset, lastEpoch));
  }

  remove(topic: string, partition: number): void {
    this.#routes.remove(topic, partition);
  }

  /** What is under way still comes; nothing more is asked for. */
  pause(topic: string, partition: number): void {
    this.#setPaused(topic, partition, true);
  }

  resume(topic: string, partition: number): void {
    this.#setPaused(topic, partition, false);
  }

  #setPaused(topic: string, partition: number, paused: boolean): void {
    const position = this.#routes.get(topic, partition);
    if (position === undefined || position.paused === paused) return;
    position.paused = paused;
    if (paused) this.#routes.touch(position);
    // Nobody may have led it meanwhile, and nobody has asked since who does.
    else this.#routes.reroute(position);
  }

  /** Asks for nothing at all until it is called with false. What is under way still comes. */
  hold(isHeld: boolean): void {
    this.#routes.hold(isHeld);
  }

  close(): void {
    this.#tellNoMore();
    this.#routes.close();
  }

  #statistics(): ConsumerPartitionStatistics[] {
    return [...this.#routes.positions].map(({ topic, partition, offset, end, paused }) => {
      const lag = end < 0 ? -1 : Math.max(0, end - offset);
      return { topic, partition, position: offset, end, lag, isPaused: paused };
    });
  }

  /**
   * Reads what was fetched. Undefined where its partition was moved meanwhile, or where it cannot be read: then the sink
   * was told, and the partition goes back to where the trouble begins.
   */
  read(chunk: FetchedChunk): FetchedBatch | undefined {
    const { position, topic, partition, highWatermark, lastStableOffset, logStartOffset } = chunk;
    if (!this.#routes.has(position)) return undefined;
    let read: FetchedRecords;
    try {
      read = chunk.read(this.#options.maxDecompressedBytes ?? MAX_DECOMPRESSED);
    } catch (error) {
      this.#unreadable(chunk, error);
      return undefined;
    }
    position.failures = 0;
    // What came after this was asked for by the headers' word: where that was wrong, it is void.
    if (read.nextOffset !== chunk.span?.nextOffset) this.#goOn(position, read.nextOffset, read.leaderEpoch);
    return { ...read, topic, partition, highWatermark, lastStableOffset, logStartOffset };
  }

  #goOn(from: FetchPosition, offset: number, lastEpoch: number): FetchPosition {
    const position = new FetchPosition(from.topic, from.partition, offset, lastEpoch);
    position.paused = from.paused;
    position.replica = from.replica;
    position.replicaUntil = from.replicaUntil;
    position.failures = from.failures;
    position.end = from.end;
    this.#routes.put(position);
    return position;
  }

  #unreadable(chunk: FetchedChunk, error: unknown): void {
    const { topic, partition, offset } = chunk;
    // Bytes may have been damaged on the way: they are asked for again. What was written badly stays so.
    const corrupt = error instanceof DecodeError && !(error instanceof UnreadableBatchError);
    const position = this.#goOn(chunk.position, offset, chunk.lastEpoch);
    if (corrupt) this.#routes.backOff(position);
    const reason = error instanceof Error ? error.message : String(error);
    const code = corrupt ? "CORRUPT_MESSAGE" : codeOf(error);
    const message = `cannot read ${topic}/${partition} at offset ${offset}: ${reason}`;
    this.#fail(position, new KafkaError(code, message, corrupt, { topic, partition, cause: error }));
  }

  /** Tells of an error; after one that does not pass the partition stands still. */
  #fail(position: FetchPosition, error: KafkaError): void {
    if (!this.#routes.has(position)) return;
    if (!error.retriable) this.#halt(position);
    this.#sink.failed(position, error);
  }

  #halt(position: FetchPosition): void {
    position.halted = true;
    this.#routes.touch(position);
  }

  #leaderless(position: FetchPosition): void {
    if (position.failures % TROUBLE !== 0) return;
    const { topic, partition } = position;
    this.#fail(
      position,
      new ProtocolError(ErrorCode.LEADER_NOT_AVAILABLE, `fetch of ${topic}/${partition}`, { topic, partition }),
    );
  }

  #failed(nodeId: number, positions: readonly FetchPosition[], error: unknown, failures: number): void {
    for (const position of positions) {
      if (!this.#routes.has(position)) continue;
      const { topic, partition } = position;
      if (position.replica === nodeId) this.#routes.backToLeader(position);
      const known = asKafkaError(error, `reading ${topic}/${partition}`, { topic, partition });
      // A connection that ends is no news: brokers are restarted.
      if (!(known instanceof ConnectionError) || failures % TROUBLE === 0) this.#fail(position, known);
    }
    this.#cluster.refreshSoon(positions.map(({ topic }) => topic));
  }

  /** When a broker last answered (monotonic ms), be it that it had nothing. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  #answered(nodeId: number, answers: readonly FetchAnswer[]): void {
    this.#answeredAt = this.#cluster.clock.monotonic();
    for (const answer of answers) {
      const { position } = answer;
      // Removed, moved, or read elsewhere while the answer was on its way: it is about the past.
      if (!this.#routes.has(position) || position.offset !== answer.offset || position.halted) continue;
      try {
        this.#take(nodeId, position, answer.data);
      } catch (error) {
        this.#fail(position, asKafkaError(error, `reading ${position.topic}/${position.partition}`, position));
      }
    }
    this.#sink.answered?.();
    // What came is still to be read: the brokers have time for the next fetch meanwhile.
    this.#routes.poll();
  }

  #take(nodeId: number, position: FetchPosition, data: PartitionData): void {
    if (data.errorCode !== 0) return this.#refused(nodeId, position, data);
    if (data.divergingEpoch.endOffset >= 0) return this.#truncated(position, data.divergingEpoch);
    position.end = this.#options.isolation === "readCommitted" ? data.lastStableOffset : data.highWatermark;
    const { preferredReadReplica } = data;
    if (preferredReadReplica >= 0 && preferredReadReplica !== nodeId)
      this.#routes.follow(position, preferredReadReplica);
    const whole = data.records as Uint8Array<ArrayBuffer> | null;
    if (whole === null || whole.length === 0) {
      position.failures = 0;
      return;
    }
    const isPart = whole.buffer.byteLength > LARGER_ANSWER * whole.length;
    const bytes = this.#options.ownBytes && isPart ? whole.slice() : whole;
    const aborted = this.#options.isolation === "readCommitted" ? (data.abortedTransactions ?? []) : null;
    const chunk = new FetchedChunk(position, data, bytes, aborted);
    if (chunk.span === undefined) position.awaitsReading = true;
    else {
      position.offset = chunk.span.nextOffset;
      position.lastEpoch = chunk.span.leaderEpoch;
    }
    this.#routes.touch(position);
    this.#sink.fetched(chunk);
  }

  #truncated(position: FetchPosition, { endOffset }: EpochEndOffset): void {
    const { topic, partition, offset } = position;
    const error = new LogTruncationError(topic, partition, offset, Math.min(endOffset, offset));
    if (this.#sink.truncated === undefined) return this.#fail(position, error);
    this.#halt(position);
    this.#sink.truncated(position, error);
  }

  #refused(nodeId: number, position: FetchPosition, { errorCode, currentLeader }: PartitionData): void {
    const { topic, partition, offset } = position;
    // A follower may lag: only the leader knows.
    if (position.replica === nodeId && this.#routes.backToLeader(position)) return;
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
      this.#halt(position);
      return this.#sink.outOfRange(position, offset);
    }
    const entry = errorByCode(errorCode);
    const { leaderId, leaderEpoch } = currentLeader;
    const { metadata } = this.#cluster;
    if (leaderId >= 0 && metadata.nodes.has(leaderId) && metadata.moveLeader(topic, partition, leaderId, leaderEpoch))
      return this.#routes.reroute(position);
    this.#routes.backOff(position);
    if (entry.refreshMetadata) this.#cluster.refreshSoon([topic]);
    if ((entry.refreshMetadata || IN_A_MOMENT.has(errorCode)) && position.failures % TROUBLE !== 0) return;
    this.#fail(position, new ProtocolError(errorCode, `fetch of ${topic}/${partition}`, { topic, partition }));
  }
}

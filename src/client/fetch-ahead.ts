import { KafkaError } from "./errors.ts";
import type { FetchedChunk } from "./fetched-chunk.ts";
import type { FetchedBatch, Fetcher } from "./fetcher.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

export interface FetchAheadOptions {
  /** Bytes that wait here and are on their way together; single batches that are larger come whole. */
  readonly maxBufferedBytes: number;
  /** As much as one fetch brings of a partition: one that has more waiting is not asked for. */
  readonly partitionMaxBytes: number;
}

/** A partition that is read, from when it was assigned to its end. */
class Reading implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to give; undefined: not known yet. */
  offset: number | undefined;
  /** The leader epoch of what was given last, or -1. */
  leaderEpoch = -1;
  isPaused = false;
  readonly chunks: FetchedChunk[] = [];
  bytes = 0;
  /** How often it was moved: what was looked up before that is void. */
  moves = 0;
  whenDrained: (() => void) | undefined;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }
}

/** Parts of `maxBufferedBytes` that may wait here; the rest may be on its way. */
const WAITING_PART = 1 / 2;

/**
 * What was fetched and not yet taken, within bounds. Partitions take turns, and each may have only so much waiting, so
 * that one which is large, or paused, takes nothing from the others.
 */
export class FetchAhead {
  readonly #fetcher: () => Fetcher;
  readonly #options: FetchAheadOptions;
  readonly #readings = new Map<string, Reading>();
  /** Those that have something to give, in turn. */
  readonly #turn = new Set<Reading>();
  #bytes = 0;
  #isHeld = false;

  constructor(fetcher: () => Fetcher, options: FetchAheadOptions) {
    this.#fetcher = fetcher;
    this.#options = options;
  }

  /** Bytes that wait. */
  get bufferedBytes(): number {
    return this.#bytes;
  }

  get partitions(): TopicPartition[] {
    return Array.from(this.#readings.values(), ({ topic, partition }) => ({ topic, partition }));
  }

  get paused(): TopicPartition[] {
    return [...this.#readings.values()]
      .filter(({ isPaused }) => isPaused)
      .map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Takes the partitions; none is read before it is started. */
  own(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) this.#readings.set(partitionKey(one.topic, one.partition), new Reading(one));
  }

  drop(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const reading = this.#readings.get(partitionKey(topic, partition));
      if (reading === undefined) continue;
      this.#readings.delete(partitionKey(topic, partition));
      this.#clear(reading);
      this.#fetcher().remove(topic, partition);
    }
  }

  /** The next offset to be given; undefined: not owned, or not known yet. */
  position({
    topic,
    partition,
  }: TopicPartition): { readonly offset: number; readonly leaderEpoch: number } | undefined {
    const reading = this.#readings.get(partitionKey(topic, partition));
    if (reading?.offset === undefined) return undefined;
    return { offset: reading.offset, leaderEpoch: reading.leaderEpoch };
  }

  /** Answers, when called, whether the partition is still owned and has not been moved since. */
  stillAt({ topic, partition }: TopicPartition): () => boolean {
    const key = partitionKey(topic, partition);
    const reading = this.#readings.get(key);
    const moves = reading?.moves;
    return () => reading !== undefined && this.#readings.get(key) === reading && reading.moves === moves;
  }

  /** Reads the partition from `offset` on; what waits of it is dropped. */
  start({ topic, partition }: TopicPartition, offset: number, leaderEpoch = -1): void {
    const reading = this.#owned(topic, partition);
    reading.moves++;
    reading.offset = offset;
    reading.leaderEpoch = leaderEpoch;
    this.#clear(reading);
    this.#fetcher().add(topic, partition, offset, leaderEpoch);
    this.#sync(reading);
  }

  /** Reads the partition no more until it is started again; what waits of it is dropped. */
  stop({ topic, partition }: TopicPartition): void {
    const reading = this.#owned(topic, partition);
    reading.moves++;
    this.#clear(reading);
    this.#fetcher().remove(topic, partition);
  }

  /** Calls `run` once all that waits of the partition was taken; never, where it is moved before that. */
  afterWhatWaits({ topic, partition }: TopicPartition, run: () => void): void {
    const reading = this.#readings.get(partitionKey(topic, partition));
    if (reading === undefined) return;
    if (reading.chunks.length === 0) run();
    else reading.whenDrained = run;
  }

  #owned(topic: string, partition: number): Reading {
    const reading = this.#readings.get(partitionKey(topic, partition));
    if (reading !== undefined) return reading;
    const message = `${topic}/${partition} is not this consumer's: another member may have it`;
    throw new KafkaError("NOT_OWNED", message, false, { topic, partition });
  }

  /** Neither gives the partition nor reads it further. */
  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false);
  }

  #setPaused(partitions: readonly TopicPartition[], isPaused: boolean): void {
    const readings = partitions.map(({ topic, partition }) => this.#owned(topic, partition));
    for (const reading of readings) {
      reading.isPaused = isPaused;
      if (isPaused) this.#turn.delete(reading);
      else if (reading.chunks.length > 0) this.#turn.add(reading);
      this.#sync(reading);
    }
    this.#bound();
  }

  /** Takes what came. False: nobody wants it any more. */
  take(chunk: FetchedChunk): boolean {
    const reading = this.#readings.get(partitionKey(chunk.topic, chunk.partition));
    if (reading === undefined) return false;
    reading.chunks.push(chunk);
    this.#count(reading, chunk.byteLength);
    if (!reading.isPaused) this.#turn.add(reading);
    this.#sync(reading);
    this.#bound();
    return true;
  }

  /** The next batch, of the partition whose turn it is; undefined: nothing waits. */
  next(): FetchedBatch | undefined {
    for (;;) {
      const [reading] = this.#turn;
      if (reading === undefined) return undefined;
      this.#turn.delete(reading);
      const chunk = reading.chunks.shift()!;
      if (reading.chunks.length > 0) this.#turn.add(reading);
      this.#count(reading, -chunk.byteLength);
      this.#sync(reading);
      this.#bound();
      const batch = this.#fetcher().read(chunk);
      if (batch !== undefined) {
        reading.offset = batch.nextOffset;
        if (batch.leaderEpoch >= 0) reading.leaderEpoch = batch.leaderEpoch;
      }
      if (reading.chunks.length === 0) this.#drained(reading);
      if (batch !== undefined) return batch;
    }
  }

  #drained(reading: Reading): void {
    const run = reading.whenDrained;
    reading.whenDrained = undefined;
    run?.();
  }

  #clear(reading: Reading): void {
    this.#turn.delete(reading);
    reading.chunks.length = 0;
    reading.whenDrained = undefined;
    this.#count(reading, -reading.bytes);
    this.#bound();
  }

  #count(reading: Reading, bytes: number): void {
    reading.bytes += bytes;
    this.#bytes += bytes;
  }

  /** One owner of the fetcher's pausing: whatever the reason, it is judged here. */
  #sync({ topic, partition, isPaused, bytes }: Reading): void {
    if (isPaused || bytes > this.#options.partitionMaxBytes) this.#fetcher().pause(topic, partition);
    else this.#fetcher().resume(topic, partition);
  }

  #bound(): void {
    const limit = this.#options.maxBufferedBytes * WAITING_PART;
    if (this.#bytes >= limit) this.#giveBackPaused();
    const isHeld = this.#bytes >= limit;
    if (isHeld !== this.#isHeld) this.#fetcher().hold(isHeld);
    this.#isHeld = isHeld;
  }

  /** What waits of paused partitions has no end in sight: it is fetched again when they are resumed. */
  #giveBackPaused(): void {
    for (const reading of this.#readings.values()) {
      if (!reading.isPaused || reading.chunks.length === 0 || reading.offset === undefined) continue;
      reading.chunks.length = 0;
      reading.whenDrained = undefined;
      this.#count(reading, -reading.bytes);
      this.#fetcher().add(reading.topic, reading.partition, reading.offset, reading.leaderEpoch);
      this.#sync(reading);
    }
  }
}

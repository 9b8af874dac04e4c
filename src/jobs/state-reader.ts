import type { FetchedBatch, Fetcher } from "../client/fetcher.ts";
import type { Isolation } from "../client/list-offsets.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { sleep } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import { type LogBounds, logBounds } from "./log-bounds.ts";
import { readPartition } from "./partition-reader.ts";
import type { JobRecord } from "./received-job.ts";
import { keyOfState, type PartitionState, requestOf, type StateRequest, StateScan } from "./state-scan.ts";
import { type StateKey, type StateKind, stateKey, statePartition } from "./state-topic.ts";

/** Longest wait (ms) for the brokers' word on where the topic ends. */
const ASK_TIMEOUT = 30_000;
/** Milliseconds before state that could not be read is asked for again. */
const RETRY = 1_000;
const FOLLOWING = "following the group's state";

/** The owner of a queue's partition, as requests reach it. */
export interface StateFollower extends TopicPartition {
  /** Whether requests of this kind are for it. */
  takes(kind: StateKind): boolean;
  requested(request: StateRequest): void;
}

/** What was kept for a partition of a queue when it was loaded. */
export interface LoadedState extends PartitionState {
  /** Where in the state topic's partition it was loaded to: what comes after it has to be followed. */
  readonly upTo: number;
}

/** Partitions whose state is in one partition of the topic, and is wanted at once. */
interface Load {
  readonly wanted: Set<string>;
  readonly result: Promise<{ readonly scan: StateScan; readonly upTo: number }>;
}

/** Reads a group's state topic for a worker: what is kept for a partition that it begins with, and requests from then on. */
export class StateReader {
  readonly topic: string;
  readonly #app: AppState;
  readonly #partitions: number;
  readonly #fetcher: () => Fetcher;
  /** Those that have not begun to read, by partition of the state topic. */
  readonly #loads = new Map<number, Load>();
  readonly #followers = new Map<StateFollower, { readonly at: number; seen: number }>();
  readonly #position = new Map<number, number>();
  readonly #stop = new AbortController();

  constructor(app: AppState, topic: string, partitions: number, fetcher: () => Fetcher) {
    this.#app = app;
    this.topic = topic;
    this.#partitions = partitions;
    this.#fetcher = fetcher;
  }

  /** Where the state of a queue's partition is. */
  placeOf(partition: TopicPartition): TopicPartition {
    return { topic: this.topic, partition: statePartition(partition, this.#partitions) };
  }

  /**
   * What is kept for the partition: read once this is called, so that all that its last owner wrote is among it. Loads
   * that are asked for together are read together. Rejects only where the worker is closed.
   */
  async load(partition: TopicPartition): Promise<LoadedState> {
    const at = this.placeOf(partition).partition;
    let load = this.#loads.get(at);
    if (load === undefined) {
      load = this.#begin(at);
      this.#loads.set(at, load);
    }
    load.wanted.add(partitionKey(partition.topic, partition.partition));
    const { scan, upTo } = await load.result;
    return { ...scan.of(partition), upTo };
  }

  #begin(at: number): Load {
    const wanted = new Set<string>();
    const { clock } = this.#app.slot.use();
    const begun = new Promise<void>((resolve) => clock.soon(resolve));
    const result = begun.then(() => {
      this.#loads.delete(at);
      return this.#read(at, wanted);
    });
    return { wanted, result };
  }

  async #read(partition: number, wanted: ReadonlySet<string>): Promise<{ scan: StateScan; upTo: number }> {
    const { kafka, clock } = this.#app.slot.use();
    const place = { topic: this.topic, partition };
    const { signal } = this.#stop;
    for (;;) {
      try {
        const scan = new StateScan((each) => wanted.has(partitionKey(each.topic, each.partition)));
        const { start, end: upTo } = await this.#bounds(place, "readUncommitted");
        for await (const { records } of readPartition(kafka, place, start, upTo, signal))
          for (const record of records) scan.take(record);
        signal.throwIfAborted();
        return { scan, upTo };
      } catch (error) {
        signal.throwIfAborted();
        this.#app.events.emit("error", { error, during: "loading the group's state", ...place });
        await sleep(clock, RETRY, signal);
        signal.throwIfAborted();
      }
    }
  }

  /** Where the log begins and ends. "readUncommitted": what is written, and not decided yet, counts. */
  async #bounds(place: TopicPartition, isolation: Isolation): Promise<LogBounds> {
    const { cluster } = this.#app.slot.use().kafka;
    const bounds = await logBounds(cluster, [place], ASK_TIMEOUT, this.#stop.signal, isolation);
    return bounds.get(partitionKey(place.topic, place.partition))!;
  }

  /** The record of a parked job, which was written at `at`, or nobody knows where. Undefined: there is none any more. */
  async find(of: TopicPartition, offset: number, at: number | undefined): Promise<JobRecord | undefined> {
    const { kafka } = this.#app.slot.use();
    if (at !== undefined) {
      for await (const { records } of readPartition(kafka, this.placeOf(of), at, at + 1, this.#stop.signal)) {
        const found = records.find((record) => isUnder(record, stateKey(parkedKey(of, offset))));
        if (found !== undefined && found.value !== null) return found;
      }
    }
    // It was compacted away: a later one has its place.
    return this.last(parkedKey(of, offset), at);
  }

  /** Whether a parked job's record, which was written at `at`, has been deleted. Nothing of its partition is open any more. */
  async isGone(of: TopicPartition, offset: number, at: number | undefined): Promise<boolean> {
    return (await this.last(parkedKey(of, offset), at)) === undefined;
  }

  /**
   * What the log says under a key in the end; undefined: nothing any more. What is written, and not decided yet, is waited
   * for. `from`: there is nothing before that.
   */
  async last(key: StateKey, from?: number): Promise<JobRecord | undefined> {
    const { kafka } = this.#app.slot.use();
    const place = this.placeOf(key);
    const text = stateKey(key);
    const { signal } = this.#stop;
    const { start, end } = await this.#bounds(place, "readUncommitted");
    let last: JobRecord | undefined;
    for await (const { records } of readPartition(kafka, place, Math.max(start, from ?? 0), end, signal))
      last = records.findLast((record) => isUnder(record, text)) ?? last;
    signal.throwIfAborted();
    return last?.value === null ? undefined : last;
  }

  /** Tells `follower` of requests from `from` on. */
  follow(follower: StateFollower, from: number): void {
    const at = this.placeOf(follower).partition;
    this.#followers.set(follower, { at, seen: from });
    const position = this.#position.get(at);
    if (position !== undefined && position <= from) return;
    this.#position.set(at, from);
    this.#fetcher().add(this.topic, at, from);
  }

  unfollow(follower: StateFollower): void {
    const at = this.#followers.get(follower)?.at;
    if (at === undefined) return;
    this.#followers.delete(follower);
    if ([...this.#followers.values()].some((other) => other.at === at)) return;
    this.#position.delete(at);
    this.#fetcher().remove(this.topic, at);
  }

  /** What was fetched of the state topic. */
  take({ partition, records, nextOffset }: FetchedBatch): void {
    if (!this.#position.has(partition)) return;
    this.#position.set(partition, nextOffset);
    for (const record of records) {
      const key = keyOfState(record);
      const request = key === undefined ? undefined : requestOf(record, key);
      if (request === undefined) continue;
      for (const [follower, { seen }] of this.#followers)
        if (isOf(follower, key!) && follower.takes(key!.kind) && record.offset >= seen) follower.requested(request);
    }
    for (const following of this.#followers.values())
      if (following.at === partition) following.seen = Math.max(following.seen, nextOffset);
  }

  /** The position is not in the log any more: reading goes on at its beginning. */
  outOfRange({ partition }: TopicPartition): void {
    void this.#readAgain(partition);
  }

  async #readAgain(partition: number): Promise<void> {
    const place = { topic: this.topic, partition };
    const { clock } = this.#app.slot.use();
    const { signal } = this.#stop;
    while (this.#position.has(partition) && !signal.aborted) {
      try {
        const { start, end } = await this.#bounds(place, "readCommitted");
        // Where the log was cut, what comes there has not been seen.
        for (const following of this.#followers.values())
          if (following.at === partition) following.seen = Math.min(following.seen, end);
        this.#position.set(partition, start);
        return this.#fetcher().add(this.topic, partition, start);
      } catch (error) {
        if (signal.aborted) return;
        this.#app.events.emit("error", { error, during: FOLLOWING, ...place });
        await sleep(clock, RETRY, signal);
      }
    }
  }

  /** The topic is not read on by itself, as after its log was cut: requests must be heard all the same. */
  failed({ partition }: TopicPartition, error: Error): void {
    void this.#goOn(partition, error);
  }

  async #goOn(partition: number, error: Error): Promise<void> {
    this.#app.events.emit("error", { error, during: FOLLOWING, topic: this.topic, partition });
    const { signal } = this.#stop;
    await sleep(this.#app.slot.use().clock, RETRY, signal).catch(() => {});
    await this.#readAgain(partition);
  }

  close(): void {
    this.#stop.abort();
  }
}

function parkedKey({ topic, partition }: TopicPartition, offset: number): StateKey {
  return { kind: "park", topic, partition, id: String(offset) };
}

function isUnder(record: JobRecord, key: string): boolean {
  const found = keyOfState(record);
  return found !== undefined && stateKey(found) === key;
}

function isOf({ topic, partition }: TopicPartition, key: StateKey): boolean {
  return topic === key.topic && partition === key.partition;
}

import type { KafkaRecord } from "../../protocol/records.ts";
import { sleep, whenSettled } from "../net/clock.ts";
import type { Cluster } from "./cluster.ts";
import { CommitQueue, notOwned } from "./commit-queue.ts";
import { type ConsumerEvents, consumerEvents } from "./consumer-events.ts";
import { type ConsumerOptions, type ConsumerSettings, checkPosition, consumerSettings } from "./consumer-options.ts";
import { createGroupMember } from "./create-group-member.ts";
import { ClosedError, InvalidArgumentError, type KafkaError } from "./errors.ts";
import { FetchAhead } from "./fetch-ahead.ts";
import { type FetchedBatch, Fetcher } from "./fetcher.ts";
import type { GroupMetadata, GroupReader } from "./group-metadata.ts";
import { type CommittedOffset, fetchOffsets } from "./group-offsets.ts";
import { listOffsets, type OffsetPosition } from "./list-offsets.ts";
import { type Assignment, manualAssignment } from "./manual-assignment.ts";
import { checkOffset, type PartitionOffset, toCommit } from "./partition-offset.ts";
import { StartOffsets } from "./start-offsets.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";
import { TopicSubscription } from "./topic-subscription.ts";
import { within } from "./within.ts";

/** Records of one fetch of one partition. */
export interface ConsumerBatch extends TopicPartition {
  /** May be empty, where all that came were markers and aborted or compacted-away records. */
  readonly records: readonly KafkaRecord[];
  /** The next offset to read, past whatever was left out. It is what `commit` commits. */
  readonly nextOffset: number;
  /** -1: not known. */
  readonly leaderEpoch: number;
  /** The offset after the last record that all in-sync replicas have. */
  readonly highWatermark: number;
  /** Before it every transaction is decided: as far as can be read under "readCommitted". -1: not known. */
  readonly lastStableOffset: number;
}

/** How far a consumer is behind. */
export interface PartitionLag extends TopicPartition {
  /** The next offset to be given. */
  readonly position: number;
  /** The last stable offset under "readCommitted", else the high watermark. */
  readonly endOffset: number;
  readonly lag: number;
}

/** Longest wait (ms) for what was asked about offsets. */
const ASK_TIMEOUT = 30_000;
const START_TIMEOUT = 300_000;
/** What is left of the rebalance timeout (ms) for joining again. */
const REJOIN_RESERVE = 5_000;
/** How long (ms) closing waits for commits that were asked for. */
const CLOSE_GRACE = 5_000;
/** Fetches of one broker that may be under way at once, and as much again may wait: the parts of `maxBufferedBytes`. */
const FETCH_PARTS = 4;

/**
 * Reads topics as a member of a group, or partitions that it gave itself: `for await (const batch of consumer)`. Nothing
 * is committed before `commit` is called. Iterating begins the membership, and can be done once; it ends when the signal
 * aborts or `close` is called.
 */
export class Consumer implements AsyncIterable<ConsumerBatch>, GroupReader {
  readonly #cluster: Cluster;
  readonly #settings: ConsumerSettings;
  readonly #topics: TopicSubscription;
  readonly #assignment: Assignment;
  readonly #fetcher: Fetcher;
  readonly #ahead: FetchAhead;
  readonly #starts: StartOffsets;
  readonly #commits: CommitQueue;
  /** Offsets of each partition between the first record and the last that were handed out since it came. */
  readonly #handedOut = new Map<string, { readonly from: number; readonly to: number }>();
  readonly #events = consumerEvents();
  #wake: (() => void) | undefined;
  /** What was given to whoever iterates, until the next is asked for. */
  #inHand: FetchedBatch | undefined;
  readonly #whenHandedBack: (() => void)[] = [];
  #failure: KafkaError | undefined;
  #iterating = false;
  #closing: Promise<void> | undefined;
  readonly #closed: () => void;
  readonly #stop = new AbortController();
  readonly #onAbort = (): void => void this.close();

  /** `closed` is called once it is closed. */
  constructor(cluster: Cluster, options: ConsumerOptions, closed: () => void = () => {}) {
    this.#cluster = cluster;
    this.#closed = closed;
    this.#settings = consumerSettings(options);
    const { topics, metadataMaxAge = cluster.options.metadataMaxAge } = this.#settings;
    this.#topics = new TopicSubscription(cluster, topics, metadataMaxAge, () => this.#assignment.topicsChanged());
    this.#assignment = this.#makeAssignment();
    this.#ahead = new FetchAhead(() => this.#fetcher, this.#settings);
    this.#fetcher = this.#makeFetcher();
    this.#starts = new StartOffsets({
      cluster,
      settings: this.#settings,
      assignment: this.#assignment,
      ahead: this.#ahead,
      signal: this.#stop.signal,
      reset: (event) => this.#events.emit("offsetReset", event),
      failed: (error) => this.#fail(error),
    });
    this.#commits = new CommitQueue(cluster.clock, this.#assignment);
    this.#settings.signal?.addEventListener("abort", this.#onAbort);
  }

  #makeAssignment(): Assignment {
    const { groupId, groupInstanceId, assignment } = this.#settings;
    const assigned = (partitions: readonly TopicPartition[]): void => this.#assigned(partitions);
    if (assignment !== undefined) return manualAssignment(this.#cluster, groupId, assignment, assigned);
    return createGroupMember(
      this.#cluster,
      { ...this.#settings, groupId: groupId!, topics: () => this.#topics.topics },
      {
        assigned,
        revoked: (partitions) => {
          this.#ahead.drop(partitions);
          this.#events.emit("revoked", { partitions });
          return whenSettled(this.#letGo(partitions), () => this.#disown(partitions));
        },
        lost: (partitions) => {
          this.#ahead.drop(partitions);
          this.#disown(partitions);
          this.#events.emit("lost", { partitions });
        },
        instanceIdBusy: (error) => this.#events.emit("instanceIdBusy", { groupInstanceId: groupInstanceId!, error }),
        troubled: (error) => this.#trouble(error, `talking to the coordinator of group ${groupId}`),
        failed: (error) => this.#fail(error),
      },
    );
  }

  #makeFetcher(): Fetcher {
    const { isolation, maxWait, maxBytes, partitionMaxBytes, maxBufferedBytes, ...rest } = this.#settings;
    const { maxDecompressedBytes, rackId } = rest;
    const { metadata } = this.#cluster;
    const options = {
      ...{ isolation, maxWait, partitionMaxBytes, maxDecompressedBytes, rackId },
      // All brokers' answers together stay within bounds, however many brokers there are.
      get maxBytes(): number {
        const share = maxBufferedBytes / FETCH_PARTS / Math.max(1, metadata.nodes.size);
        return Math.max(1, Math.min(maxBytes, Math.floor(share)));
      },
    };
    return new Fetcher(this.#cluster, options, {
      fetched: (chunk) => {
        if (this.#ahead.take(chunk)) this.#wake?.();
      },
      outOfRange: (partition) =>
        this.#ahead.afterWhatWaits(partition, () => void this.#starts.reset([partition], "outOfRange")),
      truncated: (partition, error) => this.#starts.truncated(partition, error),
      recreated: (partition) => {
        this.#ahead.stop(partition);
        void this.#starts.reset([partition], "recreated");
      },
      failed: (partition, error) => {
        if (error.retriable) this.#trouble(error, `reading ${partition.topic}/${partition.partition}`);
        else this.#ahead.afterWhatWaits(partition, () => this.#fail(error));
      },
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, void> {
    if (this.#iterating) throw new InvalidArgumentError("a consumer can be iterated once");
    this.#iterating = true;
    if (this.#settings.signal?.aborted) return this.close();
    try {
      await this.#findTopics();
      if (this.#closing === undefined) this.#assignment.start();
      for (;;) {
        const batch = await this.#next();
        if (batch === undefined) return;
        yield batch;
      }
    } finally {
      await this.close();
    }
  }

  async #findTopics(): Promise<void> {
    const { signal } = this.#stop;
    const named = new Set(this.#settings.assignment?.map(({ topic }) => topic));
    try {
      await Promise.all(Array.from(named, (topic) => this.#cluster.topic(topic, START_TIMEOUT, signal)));
      await this.#topics.find(START_TIMEOUT, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #next(): Promise<FetchedBatch | undefined> {
    this.#handBack();
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closing !== undefined) return undefined;
      const batch = this.#ahead.next();
      this.#inHand = batch;
      if (batch !== undefined) {
        this.#noteHandedOut(batch);
        return batch;
      }
      // Reading what waits may have failed.
      if (this.#failure !== undefined) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #assigned(partitions: readonly TopicPartition[]): void {
    this.#ahead.own(partitions);
    void this.#starts.begin(partitions);
    // A listener may move what was assigned: that counts for more than any commit.
    this.#events.emit("assigned", { partitions });
  }

  /** Whoever iterates asks for more, and so is done with the batch it was given. */
  #handBack(): void {
    this.#inHand = undefined;
    for (const resolve of this.#whenHandedBack.splice(0)) resolve();
  }

  /**
   * Resolves when partitions that were revoked may go to another member: it would read again whatever is not committed.
   * So the batch in hand is waited for where it is of theirs, and commits that were asked for, while the rebalance can wait.
   */
  async #letGo(partitions: readonly TopicPartition[]): Promise<void> {
    const done = new AbortController();
    const stop = (): void => done.abort();
    this.#stop.signal.addEventListener("abort", stop);
    const limit = Math.max(0, this.#settings.rebalanceTimeout - REJOIN_RESERVE);
    const isInHand = partitions.some(
      ({ topic, partition }) => topic === this.#inHand?.topic && partition === this.#inHand.partition,
    );
    const finished = (async () => {
      if (isInHand) await new Promise<void>((resolve) => this.#whenHandedBack.push(resolve));
      await this.#commits.settled();
    })();
    await Promise.race([finished, sleep(this.#cluster.clock, limit, done.signal)]);
    this.#stop.signal.removeEventListener("abort", stop);
    done.abort();
  }

  #noteHandedOut(batch: FetchedBatch): void {
    const { topic, partition, records, nextOffset } = batch;
    const key = partitionKey(topic, partition);
    const { from, to } = this.#handedOut.get(key) ?? { from: Number.POSITIVE_INFINITY, to: 0 };
    const first = records[0]?.offset ?? nextOffset;
    this.#handedOut.set(key, { from: Math.min(from, first), to: Math.max(to, nextOffset) });
  }

  /**
   * Whether the offset lies within what was handed out since the partition came, or is its position. One that does not
   * is of an earlier time, and other members may have got further since.
   */
  hasRead(partition: TopicPartition, offset: number): boolean {
    const span = this.#handedOut.get(partitionKey(partition.topic, partition.partition));
    return (span !== undefined && offset >= span.from && offset <= span.to) || offset === this.position(partition);
  }

  /** Nothing of this ownership is committed any more: if another follows, somebody may have got further meanwhile. */
  #disown(partitions: readonly TopicPartition[]): void {
    this.#commits.disown(partitions);
    for (const { topic, partition } of partitions) this.#handedOut.delete(partitionKey(topic, partition));
  }

  #fail(error: KafkaError): void {
    if (this.#closing !== undefined) return;
    this.#failure ??= error;
    this.#wake?.();
  }

  #trouble(error: KafkaError, during: string): void {
    if (this.#closing === undefined) this.#events.emit("error", { error, during });
  }

  /** Calls `listener` at each event of that name; returns its remover. */
  on<E extends keyof ConsumerEvents>(name: E, listener: (event: ConsumerEvents[E]) => unknown): () => void {
    return this.#events.on(name, listener);
  }

  /** The partitions that are this consumer's now. */
  assignment(): TopicPartition[] {
    return this.#ahead.partitions;
  }

  /** This member as it is now, for a transaction that commits offsets of what it has read (KIP-447). */
  get groupMetadata(): GroupMetadata {
    const { groupId } = this.#settings;
    if (groupId === undefined) throw new InvalidArgumentError("a consumer commits only with a groupId");
    return { ...this.#assignment.membership, groupId };
  }

  /** Whether the partition is this member's now. */
  owns(topic: string, partition: number): boolean {
    return this.#assignment.owns(topic, partition);
  }

  /**
   * Gives and fetches nothing of these partitions until they are resumed; the batch in hand stays. A rebalance that
   * takes a partition away forgets that it was paused. Throws for one that is not owned.
   */
  pause(partitions: readonly TopicPartition[]): void {
    this.#ahead.pause(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#ahead.resume(partitions);
    this.#wake?.();
  }

  paused(): TopicPartition[] {
    return this.#ahead.paused;
  }

  /** The next offset that will be given; undefined where that is not known yet, or the partition is not owned. */
  position(partition: TopicPartition): number | undefined {
    return this.#ahead.position(partition)?.offset;
  }

  /** Reads on from this offset: nothing that was fetched before is given any more. Throws where it is not owned. */
  seek({ topic, partition, offset }: TopicPartition & { readonly offset: number }): void {
    checkOffset(offset, { topic, partition });
    this.#ahead.start({ topic, partition }, offset);
  }

  /**
   * Reads on from the beginning or the end of the logs, or from the first records as late as a time; from the end where
   * none is. A partition that is moved or given up meanwhile is left alone. Default: all partitions that are owned.
   */
  async seekTo(position: OffsetPosition, partitions: readonly TopicPartition[] = this.assignment()): Promise<void> {
    checkPosition(position, "seekTo");
    await this.#starts.seekTo(position, partitions);
  }

  /** How far this consumer is behind in each partition whose position is known, as the leaders say now. */
  async lag(partitions: readonly TopicPartition[] = this.assignment()): Promise<PartitionLag[]> {
    const { signal } = this.#stop;
    const ends = await listOffsets(this.#cluster, partitions, "latest", ASK_TIMEOUT, signal, this.#settings.isolation);
    return partitions.flatMap(({ topic, partition }) => {
      const position = this.position({ topic, partition });
      const endOffset = ends.get(partitionKey(topic, partition))!;
      return position === undefined
        ? []
        : [{ topic, partition, position, endOffset, lag: Math.max(0, endOffset - position) }];
    });
  }

  /** What the group has committed of these partitions; one without a commit is missing. Default: all that are owned. */
  async committed(
    partitions: readonly TopicPartition[] = this.assignment(),
  ): Promise<(TopicPartition & CommittedOffset)[]> {
    const { coordinator } = this.#assignment;
    const asMember = (): Assignment["membership"] => this.#assignment.membership;
    const found = await fetchOffsets(coordinator, partitions, ASK_TIMEOUT, this.#stop.signal, asMember);
    return partitions.flatMap(({ topic, partition }) => {
      const offset = found.get(partitionKey(topic, partition));
      return offset === undefined ? [] : [{ topic, partition, ...offset }];
    });
  }

  /**
   * Commits that a batch, and all before it in its partition, is done with, or these offsets. At most one commit of a
   * partition is under way; of several that wait, the last counts for all. What fails in passing is repeated, for 30 s at
   * most. Rejects with NOT_OWNED where a partition has gone to another member.
   */
  commit(
    what: Pick<ConsumerBatch, "topic" | "partition" | "nextOffset" | "leaderEpoch"> | readonly PartitionOffset[],
  ): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError("the consumer"));
    if (this.#settings.groupId === undefined)
      return Promise.reject(new InvalidArgumentError("a consumer commits only with a groupId"));
    if ("nextOffset" in what && !this.hasRead(what, what.nextOffset))
      return Promise.reject(notOwned(what.topic, what.partition));
    const offsets = "nextOffset" in what ? [{ ...what, offset: what.nextOffset }] : what;
    try {
      return this.#commits.commit(offsets.map(toCommit));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Ends the iteration, waits for the commits that were asked for, and leaves the group: some seconds at most. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#wake?.();
      this.#stop.abort();
      this.#fetcher.close();
      this.#settings.signal?.removeEventListener("abort", this.#onAbort);
      await within(this.#cluster.clock, CLOSE_GRACE, this.#commits.settled(), () => {});
      this.#commits.close();
      await this.#assignment.close();
      this.#closed();
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

import type { KafkaRecord } from "../../protocol/records.ts";
import { sleep } from "../net/clock.ts";
import type { Cluster } from "./cluster.ts";
import { type ConsumerOptions, type ConsumerSettings, consumerSettings } from "./consumer-options.ts";
import { refuse } from "./coordinator.ts";
import { createGroupMember } from "./create-group-member.ts";
import { ClosedError, InvalidArgumentError, KafkaError, ProtocolError } from "./errors.ts";
import { type FetchedBatch, Fetcher } from "./fetcher.ts";
import type { GroupMember } from "./group-member.ts";
import type { GroupMetadata, GroupReader } from "./group-metadata.ts";
import { commitOffsets, fetchOffsets, MEMBERSHIP_MOVED, overtaken } from "./group-offsets.ts";
import { listOffsets } from "./list-offsets.ts";
import type { Membership } from "./membership.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";
import { TopicSubscription } from "./topic-subscription.ts";
import { within } from "./within.ts";

/** Records of one fetch of one partition. */
export interface ConsumerBatch extends TopicPartition {
  readonly records: readonly KafkaRecord[];
  /** The next offset to read, past whatever was left out. It is what `commit` commits. */
  readonly nextOffset: number;
  /** -1: not known. */
  readonly leaderEpoch: number;
  /** The offset after the last record that all in-sync replicas have. */
  readonly highWatermark: number;
}

/** A partition that is this member's, from one assignment to its end. */
interface Ownership {
  queued: number;
}

/** Longest wait (ms) for the offsets from which a partition is read. */
const START_TIMEOUT = 300_000;
const COMMIT_TIMEOUT = 30_000;
/** What is left of the rebalance timeout (ms) for joining again. */
const REJOIN_RESERVE = 5_000;
/** How long (ms) closing waits for commits that were asked for. */
const CLOSE_GRACE = 5_000;
/**
 * Reads topics as a member of a group: `for await (const batch of consumer)`. Nothing is committed before `commit` is
 * called. Iterating begins the membership, and can be done once; it ends when the signal aborts or `close` is called.
 */
export class Consumer implements AsyncIterable<ConsumerBatch>, GroupReader {
  readonly #cluster: Cluster;
  readonly #settings: ConsumerSettings;
  readonly #topics: TopicSubscription;
  readonly #group: GroupMember;
  readonly #fetcher: Fetcher;
  readonly #owned = new Map<string, Ownership>();
  #queue: FetchedBatch[] = [];
  #wake: (() => void) | undefined;
  /** What was given to whoever iterates, until the next is asked for. */
  #inHand: FetchedBatch | undefined;
  readonly #whenHandedBack: (() => void)[] = [];
  #failure: KafkaError | undefined;
  #iterating = false;
  #closing: Promise<void> | undefined;
  readonly #stop = new AbortController();
  /** Ends the repetition of commits; it comes after #stop. */
  readonly #giveUp = new AbortController();
  readonly #onAbort = (): void => void this.close();
  /** Commits without an answer yet. */
  readonly #commits = new Set<Promise<unknown>>();

  constructor(cluster: Cluster, options: ConsumerOptions) {
    this.#cluster = cluster;
    this.#settings = consumerSettings(options);
    const { topics, metadataMaxAge = cluster.options.metadataMaxAge } = this.#settings;
    this.#topics = new TopicSubscription(cluster, topics, metadataMaxAge, () => this.#group.topicsChanged());
    this.#group = createGroupMember(
      cluster,
      { ...this.#settings, topics: () => this.#topics.topics },
      {
        assigned: (partitions) => void this.#assigned(partitions),
        revoked: (partitions) => {
          this.#drop(partitions);
          return this.#letGo(partitions);
        },
        lost: (partitions) => this.#drop(partitions),
        troubled: () => {},
        failed: (error) => this.#fail(error),
      },
    );
    this.#fetcher = new Fetcher(cluster, this.#settings, {
      fetched: (chunk) => {
        const batch = this.#fetcher.read(chunk);
        if (batch !== undefined) this.#fetched(batch);
      },
      outOfRange: (partition) => void this.#reset([partition]),
      failed: (_partition, error) => {
        if (!error.retriable) this.#fail(error);
      },
    });
    this.#settings.signal?.addEventListener("abort", this.#onAbort);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, void> {
    if (this.#iterating) throw new InvalidArgumentError("a consumer can be iterated once");
    this.#iterating = true;
    if (this.#settings.signal?.aborted) return this.close();
    try {
      await this.#findTopics();
      if (this.#closing === undefined) this.#group.start();
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
    try {
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
      const batch = this.#queue.shift();
      if (batch === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const owned = this.#owned.get(partitionKey(batch.topic, batch.partition));
      if (owned !== undefined && --owned.queued === 0) this.#fetcher.resume(batch.topic, batch.partition);
      this.#inHand = batch;
      return batch;
    }
  }

  #fetched(batch: FetchedBatch): void {
    const owned = this.#owned.get(partitionKey(batch.topic, batch.partition));
    if (owned === undefined) return;
    // One batch waits while another is worked on: that is all that is read ahead.
    owned.queued++;
    this.#fetcher.pause(batch.topic, batch.partition);
    this.#queue.push(batch);
    this.#wake?.();
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    const taken = partitions.map((partition) => ({ partition, ownership: { queued: 0 } }));
    for (const { partition, ownership } of taken)
      this.#owned.set(partitionKey(partition.topic, partition.partition), ownership);
    // Given away again while its offset was asked for, a partition must not be read.
    const isStill = ({ partition, ownership }: (typeof taken)[number]): boolean =>
      this.#owned.get(partitionKey(partition.topic, partition.partition)) === ownership;
    try {
      const { coordinator } = this.#group;
      const asMember = (): Membership => this.#group.membership;
      const { signal } = this.#stop;
      const committed = await fetchOffsets(coordinator, partitions, START_TIMEOUT, signal, asMember);
      const without: TopicPartition[] = [];
      for (const item of taken.filter(isStill)) {
        const { topic, partition } = item.partition;
        const offset = committed.get(partitionKey(topic, partition))?.offset;
        if (offset === undefined) without.push(item.partition);
        else this.#fetcher.add(topic, partition, offset);
      }
      if (without.length > 0) await this.#reset(without);
    } catch (error) {
      // Of a topic that was deleted, nobody can tell: it has been let go.
      if (taken.some(isStill)) this.#fail(error as KafkaError);
    }
  }

  async #reset(partitions: readonly TopicPartition[]): Promise<void> {
    const { offsetReset } = this.#settings;
    if (offsetReset === "fail") {
      const [first] = partitions;
      const message = `no valid committed offset for ${first!.topic}/${first!.partition}, and offsetReset is "fail"`;
      return this.#fail(new KafkaError("NO_OFFSET", message, false, first));
    }
    const ownerOf = ({ topic, partition }: TopicPartition): Ownership | undefined =>
      this.#owned.get(partitionKey(topic, partition));
    const ownerships = partitions.map(ownerOf);
    try {
      const offsets = await listOffsets(this.#cluster, partitions, offsetReset, START_TIMEOUT, this.#stop.signal);
      for (const [i, { topic, partition }] of partitions.entries()) {
        const owned = ownerOf({ topic, partition });
        if (owned !== undefined && owned === ownerships[i])
          this.#fetcher.add(topic, partition, offsets.get(partitionKey(topic, partition))!);
      }
    } catch (error) {
      if (partitions.some((partition, i) => ownerships[i] !== undefined && ownerOf(partition) === ownerships[i]))
        this.#fail(error as KafkaError);
    }
  }

  #drop(partitions: readonly TopicPartition[]): void {
    const keys = new Set(partitions.map(({ topic, partition }) => partitionKey(topic, partition)));
    for (const key of keys) this.#owned.delete(key);
    for (const { topic, partition } of partitions) this.#fetcher.remove(topic, partition);
    this.#queue = this.#queue.filter(({ topic, partition }) => !keys.has(partitionKey(topic, partition)));
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
      await Promise.all(this.#commits);
    })();
    await Promise.race([finished, sleep(this.#cluster.clock, limit, done.signal)]);
    this.#stop.signal.removeEventListener("abort", stop);
    done.abort();
  }

  #fail(error: KafkaError): void {
    if (this.#closing !== undefined) return;
    this.#failure ??= error;
    this.#wake?.();
  }

  /** This member as it is now, for a transaction that commits offsets of what it has read (KIP-447). */
  get groupMetadata(): GroupMetadata {
    return { ...this.#group.membership, groupId: this.#settings.groupId };
  }

  /** Whether the partition is this member's now. */
  owns(topic: string, partition: number): boolean {
    return this.#group.owns(topic, partition);
  }

  /** Commits that the batch, and all before it in its partition, is done with. */
  commit(batch: Pick<ConsumerBatch, "topic" | "partition" | "nextOffset" | "leaderEpoch">): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError("the consumer"));
    const commit = this.#commit(batch);
    const done = commit.catch(() => {}).finally(() => this.#commits.delete(done));
    this.#commits.add(done);
    return commit;
  }

  #commit({ topic, partition, nextOffset, leaderEpoch }: Parameters<Consumer["commit"]>[0]): Promise<void> {
    const { coordinator } = this.#group;
    return coordinator.retry("offsets", COMMIT_TIMEOUT, this.#giveUp.signal, async (connection) => {
      const { membership } = this.#group;
      if (!this.#group.owns(topic, partition)) {
        throw new KafkaError(
          "NOT_OWNED",
          `${topic}/${partition} is no longer this consumer's: another member may have it`,
          false,
          { topic, partition },
        );
      }
      const codes = await commitOffsets(coordinator, membership, [
        { topic, partition, offset: nextOffset, leaderEpoch, metadata: "" },
      ]);
      const errorCode = codes.get(partitionKey(topic, partition))!;
      this.#group.refused(errorCode, membership.generationId);
      const what = `commit of ${topic}/${partition}`;
      if (MEMBERSHIP_MOVED.has(errorCode)) throw overtaken(new ProtocolError(errorCode, what));
      refuse(errorCode, what, connection.broker);
    });
  }

  /** Ends the iteration, waits for the commits that were asked for, and leaves the group. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#wake?.();
      this.#stop.abort();
      this.#fetcher.close();
      this.#settings.signal?.removeEventListener("abort", this.#onAbort);
      await within(this.#cluster.clock, CLOSE_GRACE, Promise.all(this.#commits), () => []);
      this.#giveUp.abort();
      await this.#group.close();
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

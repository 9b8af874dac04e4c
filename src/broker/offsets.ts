import type { ProducerId } from "../../protocol/producer-id.ts";
import type { GroupKeeper } from "./group-store.ts";
import type { JournalChange } from "./journal.ts";
import type { JournalValue } from "./journal-value.ts";

/** A position that a group committed. */
export interface CommittedOffset {
  /** The offset to read next. */
  readonly offset: number;
  /** The epoch of the last record read, or -1. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** When it was committed, in milliseconds since 1970. */
  readonly committedAt: number;
}

interface PlacedOffset extends CommittedOffset {
  /** Its place among all commits of the group: of two, the later one holds. */
  readonly place: number;
}

type PlacedOffsets = Map<string, Map<number, PlacedOffset>>;

/** What one group has committed, and what transactions that are open will commit. */
export class GroupOffsets {
  readonly #keeper: GroupKeeper | undefined;
  readonly #topics: PlacedOffsets = new Map();
  /** By producer id, for as long as its transaction is open. */
  readonly #pending = new Map<ProducerId, PlacedOffsets>();
  #commits = 0;
  #unsaved: JournalChange[] = [];

  /** `keeper`: where they were kept and are to be kept. Default: in memory. */
  constructor(keeper?: GroupKeeper) {
    this.#keeper = keeper;
    for (const { topic, partition, producerId, value } of keeper?.offsets ?? []) {
      const placed = value as unknown as PlacedOffset;
      put(producerId === undefined ? this.#topics : this.#pendingOf(producerId), topic, partition, placed);
      this.#commits = Math.max(this.#commits, placed.place);
    }
  }

  /** Whether there are none, nor will be when the transactions that are open commit. */
  get isEmpty(): boolean {
    return this.#topics.size === 0 && this.#pending.size === 0;
  }
  /** Topics with their partitions, in the order of their first commit. */
  get topics(): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> {
    return this.#topics;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  /** Takes a committed offset. {@link save} has to follow before anybody is told. */
  set(topic: string, partition: number, committed: CommittedOffset): void {
    const placed = this.#placed(committed);
    put(this.#topics, topic, partition, placed);
    this.#note(topic, partition, undefined, placed);
  }

  #placed(committed: CommittedOffset): PlacedOffset {
    this.#commits += 1;
    return { ...committed, place: this.#commits };
  }

  #note(topic: string, partition: number, producerId: ProducerId | undefined, placed?: PlacedOffset): void {
    if (this.#keeper === undefined) return;
    const value = placed as unknown as JournalValue | undefined;
    this.#unsaved.push(this.#keeper.offsetChange(topic, partition, producerId, value));
  }

  /** Keeps what has changed, all of it or nothing. Throws where it cannot be written. */
  save(): void {
    if (this.#unsaved.length === 0) return;
    this.#keeper?.write(this.#unsaved);
    this.#unsaved = [];
  }

  /** Takes an offset that holds once the producer's transaction commits. {@link save} has to follow. */
  setPending(producerId: ProducerId, topic: string, partition: number, committed: CommittedOffset): void {
    const placed = this.#placed(committed);
    put(this.#pendingOf(producerId), topic, partition, placed);
    this.#note(topic, partition, producerId, placed);
  }

  #pendingOf(producerId: ProducerId): PlacedOffsets {
    let topics = this.#pending.get(producerId);
    if (topics === undefined) {
      topics = new Map();
      this.#pending.set(producerId, topics);
    }
    return topics;
  }

  /** Whether an open transaction has an offset of the partition, so that the committed one may be about to change. */
  isPending(topic: string, partition: number): boolean {
    return [...this.#pending.values()].some((topics) => topics.get(topic)?.has(partition) === true);
  }

  /** A producer's transaction has ended: its offsets hold, but for those that were committed anew since; or they are gone. */
  endTransaction(producerId: ProducerId, committed: boolean): void {
    const topics = this.#pending.get(producerId);
    this.#pending.delete(producerId);
    for (const [topic, partitions] of topics ?? []) {
      for (const [partition, placed] of partitions) {
        this.#note(topic, partition, producerId);
        const current = this.#topics.get(topic)?.get(partition);
        if (!committed || (current !== undefined && current.place > placed.place)) continue;
        put(this.#topics, topic, partition, placed);
        this.#note(topic, partition, undefined, placed);
      }
    }
    this.save();
  }

  /** Forgets a committed offset. {@link save} has to follow. */
  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    if (partitions?.delete(partition) !== true) return;
    if (partitions.size === 0) this.#topics.delete(topic);
    this.#note(topic, partition, undefined);
  }

  /** Forgets what `isOver` says of, but for what an open transaction is about to commit anew. */
  expire(isOver: (topic: string, committed: CommittedOffset) => boolean): void {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, committed] of partitions) {
        if (isOver(topic, committed) && !this.isPending(topic, partition)) this.delete(topic, partition);
      }
    }
    this.save();
  }

  forgetTopic(topic: string): void {
    this.#forget((name) => name === topic);
  }
  /** The group is deleted. */
  clear(): void {
    this.#forget(() => true);
  }

  #forget(isGone: (topic: string) => boolean): void {
    const lists = [[undefined, this.#topics] as const, ...this.#pending];
    for (const [producerId, topics] of lists) {
      for (const [topic, partitions] of topics) {
        if (!isGone(topic)) continue;
        for (const partition of partitions.keys()) this.#note(topic, partition, producerId);
        topics.delete(topic);
      }
    }
    this.save();
  }
}

function put(topics: PlacedOffsets, topic: string, partition: number, placed: PlacedOffset): void {
  let partitions = topics.get(topic);
  if (partitions === undefined) {
    partitions = new Map();
    topics.set(topic, partitions);
  }
  partitions.set(partition, placed);
}

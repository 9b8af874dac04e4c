/** A position that a group committed. */
export interface CommittedOffset {
  /** The offset to read next. */
  readonly offset: number;
  /** The epoch of the last record read, or -1. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

interface PlacedOffset extends CommittedOffset {
  /** Its place among all commits of the group: of two, the later one holds. */
  readonly place: number;
}

/** What one group has committed, and what transactions that are open will commit. */
export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, PlacedOffset>>();
  /** By producer id, for as long as its transaction is open. */
  readonly #pending = new Map<number, Map<string, Map<number, PlacedOffset>>>();
  #commits = 0;

  get isEmpty(): boolean {
    return this.#topics.size === 0;
  }
  /** Topics with their partitions, in the order of their first commit. */
  get topics(): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> {
    return this.#topics;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  set(topic: string, partition: number, committed: CommittedOffset): void {
    put(this.#topics, topic, partition, this.#placed(committed));
  }

  #placed(committed: CommittedOffset): PlacedOffset {
    this.#commits += 1;
    return { ...committed, place: this.#commits };
  }

  /** Takes an offset that holds once the producer's transaction commits. */
  setPending(producerId: number, topic: string, partition: number, committed: CommittedOffset): void {
    let topics = this.#pending.get(producerId);
    if (topics === undefined) {
      topics = new Map();
      this.#pending.set(producerId, topics);
    }
    put(topics, topic, partition, this.#placed(committed));
  }

  /** Whether an open transaction has an offset of the partition, so that the committed one may be about to change. */
  isPending(topic: string, partition: number): boolean {
    return [...this.#pending.values()].some((topics) => topics.get(topic)?.has(partition) === true);
  }

  /** A producer's transaction has ended: its offsets hold, but for those that were committed anew since; or they are gone. */
  endTransaction(producerId: number, committed: boolean): void {
    const topics = this.#pending.get(producerId);
    this.#pending.delete(producerId);
    if (topics === undefined || !committed) return;
    for (const [topic, partitions] of topics) {
      for (const [partition, placed] of partitions) {
        const current = this.#topics.get(topic)?.get(partition);
        if (current === undefined || current.place < placed.place) put(this.#topics, topic, partition, placed);
      }
    }
  }

  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    partitions?.delete(partition);
    if (partitions?.size === 0) this.#topics.delete(topic);
  }

  forgetTopic(topic: string): void {
    this.#topics.delete(topic);
    for (const topics of this.#pending.values()) topics.delete(topic);
  }
}

function put(
  topics: Map<string, Map<number, PlacedOffset>>,
  topic: string,
  partition: number,
  placed: PlacedOffset,
): void {
  let partitions = topics.get(topic);
  if (partitions === undefined) {
    partitions = new Map();
    topics.set(topic, partitions);
  }
  partitions.set(partition, placed);
}

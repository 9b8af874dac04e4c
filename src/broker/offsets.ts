/** A position that a group committed. */
export interface CommittedOffset {
  /** The offset to read next. */
  readonly offset: number;
  /** The epoch of the last record read, or -1. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

/** What one group has committed. */
export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>();

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
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#topics.set(topic, partitions);
    }
    partitions.set(partition, committed);
  }

  forgetTopic(topic: string): void {
    this.#topics.delete(topic);
  }
}

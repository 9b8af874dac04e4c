import type { CommittedOffset, OffsetToCommit } from "../client/group-offsets.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { decodeCommitMetadata, encodeCommitMetadata } from "./commit-metadata.ts";

/** With which records of a partition a group is done: all below an offset, and some after it. */
export class FinishedOffsets {
  readonly base: number;
  readonly #after: ReadonlySet<number>;

  private constructor(base: number, after: ReadonlySet<number>) {
    this.base = base;
    this.#after = after;
  }

  /**
   * What was committed says, for a log that begins at `start`. A commit for a topic that has been deleted and made again
   * since says nothing. Throws a `CommitMetadataError` where it cannot be read.
   */
  static read(committed: CommittedOffset | undefined, topicId: string, start: number): FinishedOffsets {
    if (committed === undefined) return new FinishedOffsets(start, new Set());
    const metadata = decodeCommitMetadata(committed.offset, committed.metadata);
    if (metadata !== undefined && metadata.topicId !== topicId) return new FinishedOffsets(start, new Set());
    return FinishedOffsets.#from(Math.max(start, committed.offset), metadata?.finished ?? []);
  }

  static #from(base: number, finished: Iterable<number>): FinishedOffsets {
    const after = new Set<number>();
    for (const offset of finished) if (offset >= base) after.add(offset);
    let next = base;
    while (after.delete(next)) next++;
    return new FinishedOffsets(next, after);
  }

  has(offset: number): boolean {
    return offset < this.base || this.#after.has(offset);
  }

  /** With `done` as well. `firstLeft`: the first record below `upTo` that is not among them; undefined: there is none. */
  and(done: Iterable<number>, upTo: number, firstLeft: number | undefined): FinishedOffsets {
    return FinishedOffsets.#from(Math.max(this.base, firstLeft ?? upTo), [...this.#after, ...done]);
  }

  toCommit({ topic, partition }: TopicPartition, topicId: string): OffsetToCommit {
    const finished = [...this.#after].sort((a, b) => a - b);
    const metadata = encodeCommitMetadata(this.base, { topicId, open: false, finished, failing: [] });
    return { topic, partition, offset: this.base, leaderEpoch: -1, metadata };
  }
}

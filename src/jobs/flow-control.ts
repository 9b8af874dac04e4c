import type { Fetcher } from "../client/fetcher.ts";

/** A partition whose jobs wait here. */
export interface Buffered {
  readonly topic: string;
  readonly partition: number;
  readonly buffered: number;
  readonly bufferedBytes: number;
}

/** As much as one fetch brings for one partition where the share would allow for more. */
const LARGEST_FETCH = 1024 * 1024;

/**
 * Keeps what is fetched and not run within bounds: the one place where partitions are read, paused and resumed.
 *
 * Each partition has an equal share of the bytes, so that one which stands still takes nothing from the others. It is
 * paused at half of its share or all of its jobs, and read on at half of that. A fetch brings at most a quarter of the
 * share, so what waits, what is on its way and what an earlier fetch still keeps in memory are within it together,
 * unless a single record batch is larger than that: it comes whole (KIP-74).
 */
export class FlowControl {
  readonly #fetcher: () => Fetcher;
  readonly #maxJobs: number;
  readonly #maxBytes: number;
  readonly #read = new Set<Buffered>();
  readonly #paused = new Set<Buffered>();
  /** Queues of which the user lets nothing start. */
  readonly #held = new Set<string>();

  constructor(fetcher: () => Fetcher, maxJobs: number, maxBytes: number) {
    this.#fetcher = fetcher;
    this.#maxJobs = maxJobs;
    this.#maxBytes = maxBytes;
  }

  get #share(): number {
    return this.#maxBytes / Math.max(1, this.#read.size);
  }

  /** Bytes that one fetch may bring for one partition. */
  get fetchBytes(): number {
    return Math.max(1, Math.min(LARGEST_FETCH, Math.floor(this.#share / 4)));
  }

  /** The partition will be read once it is known from where on. */
  expect({ topic, partition }: Buffered): void {
    this.#fetcher().expect(topic, partition);
  }

  /** The partition is read from `offset` on. */
  add(partition: Buffered, offset: number): void {
    this.#read.add(partition);
    this.#paused.delete(partition);
    this.#fetcher().add(partition.topic, partition.partition, offset);
  }

  /** The partition is read no more. */
  remove(partition: Buffered): void {
    this.#paused.delete(partition);
    // The next owner of the same partition in this process may have been added already: that one is left alone.
    if (this.#read.delete(partition)) this.#fetcher().remove(partition.topic, partition.partition);
  }

  isPaused(partition: Buffered): boolean {
    return this.#paused.has(partition);
  }

  /** Nothing of the queue starts until it is resumed. What of it is fetched stays, within the same bounds. */
  holdQueue(queue: string): void {
    this.#held.add(queue);
  }

  resumeQueue(queue: string): void {
    this.#held.delete(queue);
  }

  isHeld(queue: string): boolean {
    return this.#held.has(queue);
  }

  get heldQueues(): string[] {
    return [...this.#held];
  }

  filled(partition: Buffered): void {
    const { buffered, bufferedBytes } = partition;
    if (buffered < this.#maxJobs && bufferedBytes < this.#share / 2) return;
    if (!this.#read.has(partition) || this.#paused.has(partition)) return;
    this.#paused.add(partition);
    this.#fetcher().pause(partition.topic, partition.partition);
  }

  drained(partition: Buffered): void {
    if (!this.#paused.has(partition)) return;
    if (partition.buffered > this.#maxJobs / 2 || partition.bufferedBytes > this.#share / 4) return;
    this.#paused.delete(partition);
    this.#fetcher().resume(partition.topic, partition.partition);
  }
}

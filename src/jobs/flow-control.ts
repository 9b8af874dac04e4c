import type { Fetcher } from "../client/fetcher.ts";
import type { ByteCounter } from "./record-buffer.ts";

/** A partition whose jobs wait here. */
export interface Buffered {
  readonly topic: string;
  readonly partition: number;
  readonly buffered: number;
}

/**
 * Keeps what is fetched and not run within bounds: the one place where partitions are paused and resumed. A partition
 * is read on when half of its jobs are run; all of them, when half of the bytes are free.
 */
export class FlowControl implements ByteCounter {
  bytes = 0;
  readonly #fetcher: () => Fetcher;
  readonly #maxJobs: number;
  readonly #maxBytes: number;
  readonly #all = new Set<Buffered>();
  readonly #paused = new Set<Buffered>();
  #full = false;

  constructor(fetcher: () => Fetcher, maxJobs: number, maxBytes: number) {
    this.#fetcher = fetcher;
    this.#maxJobs = maxJobs;
    this.#maxBytes = maxBytes;
  }

  /** The partition is read from now on. */
  add(partition: Buffered): void {
    this.#all.add(partition);
    if (this.#full) this.#pause(partition);
  }

  remove(partition: Buffered): void {
    this.#all.delete(partition);
    this.#paused.delete(partition);
    this.#relieve();
  }

  isPaused(partition: Buffered): boolean {
    return this.#paused.has(partition);
  }

  filled(partition: Buffered): void {
    if (partition.buffered >= this.#maxJobs) this.#pause(partition);
    if (this.#full || this.bytes < this.#maxBytes) return;
    this.#full = true;
    for (const each of this.#all) this.#pause(each);
  }

  drained(partition: Buffered): void {
    this.#relieve();
    if (this.#paused.has(partition)) this.#resume(partition);
  }

  #relieve(): void {
    if (!this.#full || this.bytes > this.#maxBytes / 2) return;
    this.#full = false;
    for (const partition of [...this.#paused]) this.#resume(partition);
  }

  #pause(partition: Buffered): void {
    if (this.#paused.has(partition)) return;
    this.#paused.add(partition);
    this.#fetcher().pause(partition.topic, partition.partition);
  }

  #resume(partition: Buffered): void {
    if (this.#full || partition.buffered > this.#maxJobs / 2) return;
    this.#paused.delete(partition);
    this.#fetcher().resume(partition.topic, partition.partition);
  }
}

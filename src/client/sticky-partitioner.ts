import type { Clock } from "../net/clock.ts";

/** After this many bytes a partition has had its share (KIP-794). */
const STICKY_BYTES = 16_384;

/**
 * Spreads records without a key over a topic's partitions: they stay with one partition for a batch, so that batches
 * fill, and then move to another chosen by chance.
 */
export class StickyPartitioner {
  readonly #clock: Clock;
  #partition = -1;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `isFilling` tells whether a partition has a batch that still takes records. */
  choose(partitionCount: number, bytes: number, isFilling: (partition: number) => boolean): number {
    const current = this.#partition;
    const stays = current >= 0 && current < partitionCount && this.#bytes < STICKY_BYTES && isFilling(current);
    if (!stays) this.#move(partitionCount);
    this.#bytes += bytes;
    return this.#partition;
  }

  #move(partitionCount: number): void {
    const others = this.#partition >= 0 && this.#partition < partitionCount && partitionCount > 1;
    const pick = Math.floor(this.#clock.random() * (others ? partitionCount - 1 : partitionCount));
    this.#partition = others && pick >= this.#partition ? pick + 1 : pick;
    this.#bytes = 0;
  }
}

import type { Clock } from "../net/clock.ts";

/** What a topic's partitions are at, by their numbers. */
export interface PartitionLoads {
  /** Whether it has a batch that takes records. */
  isFilling(partition: number): boolean;
  /** How many batches have no verdict yet; undefined where nobody leads it. */
  load(partition: number): number | undefined;
}

/**
 * Spreads records without a key over a topic's partitions (KIP-794): each gets a share of bytes, the same for all, before
 * another is chosen by chance, the rather the fewer batches it has queued. So a slow broker gets less, and where all are
 * equally fast all get the same. It goes on at the end of a batch, or at twice the share where the batch still fills.
 */
export class StickyPartitioner {
  readonly #clock: Clock;
  readonly #loads: PartitionLoads;
  readonly #share: number;
  #partition = -1;
  #bytes = 0;

  /** `share`: in bytes. */
  constructor(clock: Clock, share: number, loads: PartitionLoads) {
    this.#clock = clock;
    this.#share = share;
    this.#loads = loads;
  }

  /** The partition for a record of so many bytes. */
  choose(partitionCount: number, bytes: number): number {
    const isGone = this.#partition < 0 || this.#partition >= partitionCount;
    if (isGone || this.#hasItsShare()) {
      this.#partition = this.#pick(partitionCount);
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    return this.#partition;
  }

  #hasItsShare(): boolean {
    if (this.#bytes < this.#share) return false;
    return this.#bytes >= 2 * this.#share || !this.#loads.isFilling(this.#partition);
  }

  #pick(partitionCount: number): number {
    const loads = Array.from({ length: partitionCount }, (_, partition) =>
      partition === this.#partition && partitionCount > 1 ? undefined : this.#loads.load(partition),
    );
    const most = loads.reduce<number>((max, load) => Math.max(max, load ?? 0), 0);
    const weights = loads.map((load) => (load === undefined ? 0 : most + 1 - load));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (total === 0) {
      const stays = this.#loads.load(this.#partition) !== undefined && this.#partition < partitionCount;
      return stays ? this.#partition : Math.floor(this.#clock.random() * partitionCount);
    }
    let rest = Math.floor(this.#clock.random() * total);
    return weights.findIndex((weight) => {
      rest -= weight;
      return rest < 0;
    });
  }
}

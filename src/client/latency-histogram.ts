/** How long something took, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Buckets in each doubling: a percentile is right to about a tenth. */
const PER_DOUBLING = 8;
/** The first bucket ends here (ms). */
const SMALLEST = 1 / 16;
const BUCKETS = 26 * PER_DOUBLING;

/** Counts times in buckets that grow with them: noting one allocates nothing. */
export class LatencyHistogram {
  readonly #buckets = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  note(ms: number): void {
    const index = ms <= SMALLEST ? 0 : Math.ceil(Math.log2(ms / SMALLEST) * PER_DOUBLING);
    this.#buckets[Math.min(index, BUCKETS - 1)]! += 1;
    this.#count += 1;
    this.#sum += ms;
    if (ms > this.#max) this.#max = ms;
  }

  summary(): LatencySummary {
    const count = this.#count;
    const mean = count === 0 ? 0 : this.#sum / count;
    return { count, mean, p50: this.#percentile(0.5), p99: this.#percentile(0.99), max: this.#max };
  }

  #percentile(share: number): number {
    if (this.#count === 0) return 0;
    let left = Math.ceil(this.#count * share);
    const index = this.#buckets.findIndex((inBucket) => {
      left -= inBucket;
      return left <= 0;
    });
    return Math.min(this.#max, SMALLEST * 2 ** (index / PER_DOUBLING));
  }
}

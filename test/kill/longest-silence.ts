/** Measures the longest time (ms) in which nothing came, since it was last begun anew. */
export class LongestSilence {
  #since = performance.now();
  #longest = 0;

  /** Something came. */
  heard(): void {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#since);
    this.#since = now;
  }

  /** Milliseconds, up to now. */
  get longest(): number {
    return Math.round(Math.max(this.#longest, performance.now() - this.#since));
  }

  /** When something came last (ms, of performance.now()). */
  get since(): number {
    return this.#since;
  }

  reset(): void {
    this.#since = performance.now();
    this.#longest = 0;
  }
}

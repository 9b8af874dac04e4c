/** Bytes that are kept for later at most. */
const MOST_KEPT = 16 * 1024 * 1024;
/** Smaller ones cost nothing to make (bytes). */
const LEAST_KEPT = 16 * 1024;

/**
 * Memory of batches that were delivered, for those that follow: to make, clear and collect a quarter of a megabyte for
 * each costs as much as to encode its records.
 */
export class BatchMemory {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;

  /** Room for at least `bytes`, whatever is in it. */
  take(bytes: number): Uint8Array<ArrayBuffer> {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const memory = this.#free[i]!;
      // Twice as much as is wanted would be wasted for long.
      if (memory.length < bytes || memory.length > 2 * bytes) continue;
      this.#free.splice(i, 1);
      this.#bytes -= memory.length;
      return memory;
    }
    return new Uint8Array(bytes);
  }

  /** Takes back what nobody looks at any more. */
  give(memory: Uint8Array<ArrayBuffer>): void {
    if (memory.length < LEAST_KEPT || this.#bytes + memory.length > MOST_KEPT) return;
    this.#free.push(memory);
    this.#bytes += memory.length;
  }
}

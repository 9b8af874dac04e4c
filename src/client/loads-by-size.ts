/** Things that have a size, by it: the lightest and the heaviest are found without looking at the others. */
export class LoadsBySize<T extends { readonly size: number }> {
  readonly #sets: Set<T>[] = [];
  #lowest = 0;

  add(load: T): void {
    while (this.#sets.length <= load.size) this.#sets.push(new Set());
    this.#sets[load.size]!.add(load);
    this.#lowest = Math.min(this.#lowest, load.size);
  }

  /** Before its size changes. */
  remove(load: T): void {
    this.#sets[load.size]?.delete(load);
  }

  /** Of several the one that was added first. */
  get lightest(): T | undefined {
    while (this.#sets[this.#lowest]?.size === 0) this.#lowest++;
    return this.#sets[this.#lowest]?.values().next().value;
  }

  get heaviest(): T | undefined {
    while (this.#sets.at(-1)?.size === 0) this.#sets.pop();
    return this.#sets.at(-1)?.values().next().value;
  }
}

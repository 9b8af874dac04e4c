/** Whoever waits to start a job. */
export interface SlotUser {
  /** A slot may be free: ask again. */
  slotFree(): void;
}

/** Caps how many jobs run at once. Those that wait are served in the order in which they asked. */
export class JobSlots {
  #free: number;
  readonly #waiting = new Set<SlotUser>();

  constructor(size: number) {
    this.#free = size;
  }

  get free(): number {
    return this.#free;
  }

  /** Takes a slot; false: `user` is told when to ask again. */
  take(user: SlotUser): boolean {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    this.#waiting.add(user);
    return false;
  }

  release(): void {
    this.#free++;
    for (const user of this.#waiting) {
      if (this.#free === 0) return;
      this.#waiting.delete(user);
      user.slotFree();
    }
  }

  /** Stops waiting. */
  forget(user: SlotUser): void {
    this.#waiting.delete(user);
  }
}

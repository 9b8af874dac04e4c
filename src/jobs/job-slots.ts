/** Whoever waits to start a job. */
export interface SlotUser {
  /** A slot may be free: ask again. */
  slotFree(): void;
}

/** Caps how many jobs run at once. Those that wait are served in the order in which they asked. */
export class JobSlots {
  readonly #size: number;
  #free: number;
  readonly #waiting = new Set<SlotUser>();
  /** Those that want all slots: while one waits, no other gets any. */
  readonly #waitingAlone = new Set<SlotUser>();
  /** Has all slots: its job runs, or is about to. */
  #alone: SlotUser | undefined;

  constructor(size: number) {
    this.#size = size;
    this.#free = size;
  }

  get free(): number {
    return this.#free;
  }

  /**
   * Takes a slot; false: `user` is told when to ask again. `alone`: nothing else is to run beside its job. Who has all
   * slots may ask again.
   */
  take(user: SlotUser, alone = false): boolean {
    if (alone) return this.#takeAll(user);
    if (this.#free > 0 && this.#waitingAlone.size === 0) {
      this.#free--;
      return true;
    }
    this.#waiting.add(user);
    return false;
  }

  #takeAll(user: SlotUser): boolean {
    if (this.#alone === user) return true;
    const isFirst = this.#waitingAlone.size === 0 || this.#waitingAlone.values().next().value === user;
    if (this.#free < this.#size || !isFirst) {
      this.#waitingAlone.add(user);
      return false;
    }
    this.#waitingAlone.delete(user);
    this.#free = 0;
    this.#alone = user;
    return true;
  }

  release(): void {
    this.#free = this.#alone === undefined ? this.#free + 1 : this.#size;
    this.#alone = undefined;
    this.#serve();
  }

  #serve(): void {
    for (const user of this.#waitingAlone) {
      if (this.#free === this.#size) user.slotFree();
      // Whoever cannot take them yet, as without a lease, asks again by itself, and keeps its turn until then.
      if (this.#waitingAlone.has(user) || this.#free === 0) return;
    }
    for (const user of this.#waiting) {
      if (this.#free === 0 || this.#waitingAlone.size > 0) return;
      this.#waiting.delete(user);
      user.slotFree();
    }
  }

  /** Stops waiting; where it has all slots and has started nothing, it gives them back. */
  forget(user: SlotUser): void {
    this.#waiting.delete(user);
    if (this.#alone === user) this.release();
    if (this.#waitingAlone.delete(user)) this.#serve();
  }
}

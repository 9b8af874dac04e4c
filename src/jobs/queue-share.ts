import type { StartSettings } from "./start-settings.ts";

/** Whoever waits to start a job. */
export interface SlotUser {
  /** Of its queue. */
  readonly share: QueueShare;
  /** A slot may be free: ask again. */
  slotFree(): void;
}

/** What one queue has of a worker's slots, and who of it waits for one. */
export class QueueShare {
  readonly #limit: number;
  /** What a start costs: the more the less weight the queue has. */
  readonly #price: number;
  /** In the order in which they asked. */
  readonly waiting: Set<SlotUser> = new Set();
  #running = 0;
  /** What all of its starts have come to. */
  #spent = 0;

  constructor({ concurrency, weight }: Pick<StartSettings, "concurrency" | "weight">) {
    this.#limit = concurrency;
    this.#price = 1 / weight;
  }

  /** Whether as many of its jobs run as may. */
  get isFull(): boolean {
    return this.#running >= this.#limit;
  }

  /** Where it stands among queues that wait, `level` being where the last start was: whoever has not asked since saves nothing up. */
  standing(level: number): number {
    return Math.max(level, this.#spent);
  }

  /** Starts a job. Gives the new level. */
  start(level: number): number {
    const standing = this.standing(level);
    this.#spent = standing + this.#price;
    this.#running++;
    return standing;
  }

  end(): void {
    this.#running--;
  }
}

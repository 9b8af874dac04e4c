import type { Clock } from "../net/clock.ts";
import type { SlotUser } from "./job-slots.ts";

/** Milliseconds of jobs in a row after which the event loop has its turn: heartbeats and answers must not wait for a backlog of quick jobs. */
const TURN_MS = 10;

/** Keeps jobs that need no I/O from running on and on in microtasks. */
export class Turn {
  readonly #clock: Clock;
  #startedAt = Number.NEGATIVE_INFINITY;
  #waiting = new Set<SlotUser>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True: `user` is told when to ask again. */
  isOver(user: SlotUser): boolean {
    if (this.#waiting.size === 0 && this.#clock.monotonic() - this.#startedAt < TURN_MS) return false;
    this.#waiting.add(user);
    if (this.#waiting.size === 1) this.#clock.soon(() => this.#next());
    return true;
  }

  #next(): void {
    this.#startedAt = this.#clock.monotonic();
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const user of waiting) user.slotFree();
  }
}

import type { Clock } from "../net/clock.ts";
import type { JobSlots } from "./job-slots.ts";
import type { SlotUser } from "./queue-share.ts";

/** Milliseconds of jobs in a row after which the event loop has its turn: heartbeats and answers must not wait for a backlog of quick jobs. */
const TURN_MS = 10;

/** Keeps jobs that need no I/O from running on and on in microtasks. */
export class Turn {
  readonly #clock: Clock;
  readonly #slots: JobSlots;
  #startedAt = Number.NEGATIVE_INFINITY;
  #waiting = new Set<SlotUser>();

  constructor(clock: Clock, slots: JobSlots) {
    this.#clock = clock;
    this.#slots = slots;
  }

  /** True: `user` is told when to ask again. `now`: the monotonic clock, read just before. */
  isOver(user: SlotUser, now: number): boolean {
    if (this.#waiting.size === 0 && now - this.#startedAt < TURN_MS) return false;
    this.#waiting.add(user);
    if (this.#waiting.size === 1) this.#clock.soon(() => this.came());
    return true;
  }

  /** The event loop has had its turn: something came from outside. Whoever waits for that may go on. */
  came(): void {
    if (this.#waiting.size === 0) return;
    this.#startedAt = this.#clock.monotonic();
    const waiting = this.#waiting;
    this.#waiting = new Set();
    this.#slots.askAll(waiting);
  }
}

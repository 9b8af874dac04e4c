import type { Clock, Timer } from "../net/clock.ts";

/** Timers that are known by a name: at most one of each. */
export class KeyedTimers {
  readonly #clock: Clock;
  readonly #timers = new Map<string, Timer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets the timer anew. */
  set(key: string, ms: number, fire: () => void): void {
    this.#timers.get(key)?.cancel();
    const timer = this.#clock.timer(ms, () => {
      this.#timers.delete(key);
      fire();
    });
    this.#timers.set(key, timer);
  }

  /** Sets the timer unless it runs. */
  setIfAbsent(key: string, ms: number, fire: () => void): void {
    if (!this.#timers.has(key)) this.set(key, ms, fire);
  }

  cancel(key: string): void {
    this.#timers.get(key)?.cancel();
    this.#timers.delete(key);
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}

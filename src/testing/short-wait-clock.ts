import type { Clock, Timer } from "../net/clock.ts";
import type { InstanceClock } from "./virtual-clock.ts";

/** Retries and lingering are no longer than this (ms); what is longer is a limit that something else should keep to. */
const SHORT = 1_000;

/**
 * A clock that knows what its user waits for. An enqueue that a test awaits may linger or be tried again, and nobody
 * would move the time for it: what it waits for so is told here.
 */
export class ShortWaitClock implements Clock {
  readonly #clock: InstanceClock;
  readonly #waits = new Set<number>();
  #lastWait = 0;

  constructor(clock: InstanceClock) {
    this.#clock = clock;
  }

  /** Whether a short timer is set. */
  get isWaiting(): boolean {
    return this.#waits.size > 0;
  }

  timer(ms: number, fire: () => void, options?: { readonly idle?: boolean | undefined }): Timer {
    if (ms <= 0 || ms > SHORT || options?.idle === true) return this.#clock.timer(ms, fire);
    this.#lastWait += 1;
    const wait = this.#lastWait;
    this.#waits.add(wait);
    const timer = this.#clock.timer(ms, () => {
      this.#waits.delete(wait);
      fire();
    });
    return {
      cancel: () => {
        this.#waits.delete(wait);
        timer.cancel();
      },
    };
  }

  now(): number {
    return this.#clock.now();
  }
  monotonic(): number {
    return this.#clock.monotonic();
  }
  soon(run: () => void): void {
    this.#clock.soon(run);
  }
  random(): number {
    return this.#clock.random();
  }
  uuid(): string {
    return this.#clock.uuid();
  }
}

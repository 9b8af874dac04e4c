import type { Clock, Timer } from "../net/clock.ts";

/**
 * Work that is due some time after something has changed, and again when it says so itself: where nothing changes and
 * nothing will be due, no timer is set. None keeps the process alive.
 */
export class Upkeep {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #run: () => number;
  #timer: Timer | undefined;
  #isSoon = false;

  /** `run` gives the epoch ms at which there will be more to do; infinity: when something has changed. */
  constructor(clock: Clock, intervalMs: number, run: () => number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#run = run;
  }

  /** Something has changed: it is looked after within the interval. Costs nothing where that is known already. */
  changed(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    this.#set(this.#intervalMs);
  }

  #set(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(ms, () => this.#fire(), { idle: true });
  }

  #fire(): void {
    this.#isSoon = false;
    const due = this.#run();
    if (this.#isSoon || due === Number.POSITIVE_INFINITY) return;
    this.#set(Math.max(this.#intervalMs, due - this.#clock.now()));
  }

  close(): void {
    this.#timer?.cancel();
    // Nothing is set any more, whatever changes.
    this.#isSoon = true;
  }
}

import { type Clock, sleep } from "../net/clock.ts";

/** Lets at most so many things a second begin. */
export class Pace {
  readonly #clock: Clock;
  readonly #rate: number;
  #next = Number.NEGATIVE_INFINITY;

  /** `rate`: things a second. */
  constructor(clock: Clock, rate: number) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** How many are best begun together, so that there are some steps a second. */
  get step(): number {
    return Math.min(500, Math.ceil(this.#rate / 5));
  }

  /** Resolves when `count` of them may begin, or when `signal` aborts. */
  async take(count: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    if (this.#next > now) await sleep(this.#clock, this.#next - now, signal);
    if (signal.aborted) return;
    this.#next = Math.max(now, this.#next) + (count * 1_000) / this.#rate;
  }
}

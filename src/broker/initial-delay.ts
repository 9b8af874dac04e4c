import type { Clock, Timer } from "../net/clock.ts";

/** How long a classic group that was empty waits for more members: anew with each of them, up to a longest time. */
export class InitialDelay {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #done: () => void;
  #remaining: number;
  #wasProlonged = true;
  #timer: Timer | undefined;

  /** `ms` for each member, `longest` for all; then `done`. */
  constructor(clock: Clock, ms: number, longest: number, done: () => void) {
    this.#clock = clock;
    this.#ms = ms;
    this.#remaining = longest;
    this.#done = done;
  }

  /** Another member has come. */
  prolong(): void {
    this.#wasProlonged = true;
  }

  wait(): void {
    const ms = Math.min(this.#ms, this.#remaining);
    if (!this.#wasProlonged || ms === 0) return this.#done();
    this.#wasProlonged = false;
    this.#remaining -= ms;
    this.#timer = this.#clock.timer(ms, () => this.wait());
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}

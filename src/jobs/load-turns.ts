import { within } from "../client/within.ts";
import type { Clock } from "../net/clock.ts";

/** Has a limited number of loads read at once, so that what they keep in memory meanwhile does not add up. */
export class LoadTurns {
  readonly #clock: Clock;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock, most: number) {
    this.#clock = clock;
    this.#free = most;
  }

  /**
   * Runs `load` once it is its turn, or has waited for `patience` ms: one that hangs, since a broker is away, holds up no
   * other for longer.
   */
  async run<T>(patience: number, signal: AbortSignal, load: () => Promise<T>): Promise<T> {
    const hasTurn = await this.#turn(patience, signal);
    try {
      signal.throwIfAborted();
      return await load();
    } finally {
      if (hasTurn) this.#next();
    }
  }

  async #turn(patience: number, signal: AbortSignal): Promise<boolean> {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    let give!: () => void;
    const given = new Promise<boolean>((resolve) => {
      give = () => resolve(true);
    });
    this.#waiting.push(give);
    const late = (): boolean => {
      const at = this.#waiting.indexOf(give);
      if (at >= 0) this.#waiting.splice(at, 1);
      // It was given in this very moment.
      else this.#next();
      return false;
    };
    return within(this.#clock, patience, given, late, signal);
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

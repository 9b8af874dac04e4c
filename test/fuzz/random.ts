import { chanceOf } from "../../src/testing/chance.ts";

/** Chance that goes the same way again from the same seed. */
export class Random {
  readonly #chance: () => number;

  constructor(seed: number) {
    this.#chance = chanceOf(seed);
  }

  /** From 0 up to `below`. */
  int(below: number): number {
    return Math.floor(this.#chance() * below);
  }

  pick<T>(among: readonly T[]): T {
    return among[this.int(among.length)]!;
  }

  oneIn(count: number): boolean {
    return this.int(count) === 0;
  }
}

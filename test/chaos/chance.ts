import { chanceOf } from "../../src/testing/chance.ts";

/** The seed of one round of a run. */
export function seedOfRound(seed: number, round: number): number {
  return Math.floor(chanceOf(seed ^ Math.imul(round + 1, 0x9e37_79b1))() * 0x7fff_ffff);
}

import process from "node:process";

const STANDARD = 40;

/** For each frame that is changed at random; OTTLA_MUTATIONS asks for more. */
export const MUTATIONS: number = Number(process.env.OTTLA_MUTATIONS ?? STANDARD);

/** So many runs of a test of hostile bytes; more, where OTTLA_MUTATIONS asks for more. */
export function fuzzRuns(runs: number): number {
  return Math.ceil((runs * MUTATIONS) / STANDARD);
}

import fc from "fast-check";
import { command } from "./command.ts";
import { makeSmaller } from "./make-smaller.ts";
import { shape } from "./shape.ts";
import { type Script, type SimulationResult, simulate } from "./simulate.ts";

const script: fc.Arbitrary<Script> = fc.record({
  chance: fc.nat(),
  shape,
  commands: fc.array(command, { minLength: 3, maxLength: 40, size: "max" }),
});

/** A script after which S8 does not hold. */
export interface Failure {
  readonly seed: number;
  /** The smallest one that was found. */
  readonly script: Script;
  readonly problems: readonly string[];
  readonly errors: readonly string[];
}

export function scriptOf(seed: number): Script {
  return fc.sample(fc.noBias(script), { seed, numRuns: 1 })[0]!;
}

/** How long (ms) is spent on making a script smaller that fails. */
const MOST_TO_SHRINK = 240_000;

/** Plays the script of a seed; one that fails is made as small as can be while it fails. */
export async function playSeed(seed: number, shrinks = true): Promise<SimulationResult | Failure> {
  const script = scriptOf(seed);
  const result = await simulate(script);
  if (result.problems.length === 0) return result;
  let smallest: Failure = { seed, script, problems: result.problems, errors: result.errors };
  if (!shrinks) return smallest;
  const fails = async (tried: Script): Promise<boolean> => {
    const { problems, errors } = await simulate(tried);
    if (problems.length > 0) smallest = { seed, script: tried, problems, errors };
    return problems.length > 0;
  };
  await makeSmaller(script, fails, MOST_TO_SHRINK);
  return smallest;
}

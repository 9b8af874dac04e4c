import fc from "fast-check";
import { command } from "./command.ts";
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

/** Plays the script of a seed; one that fails is made as small as can be while it fails. */
export async function playSeed(seed: number, shrinks = true): Promise<SimulationResult | Failure> {
  const result = await simulate(scriptOf(seed));
  if (result.problems.length === 0) return result;
  let smallest: Failure = { seed, script: scriptOf(seed), problems: result.problems, errors: result.errors };
  if (!shrinks) return smallest;
  const property = fc.asyncProperty(fc.noBias(script), async (tried) => {
    const { problems, errors } = await simulate(tried);
    if (problems.length > 0) smallest = { seed, script: tried, problems, errors };
    return problems.length === 0;
  });
  await fc.check(property, { seed, numRuns: 1, interruptAfterTimeLimit: 120_000 });
  return smallest;
}

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runProgram } from "../support/run-program.ts";
import { argumentsFor, RUNTIME, RUNTIME_ARGUMENTS, type Runtime } from "../support/runtime-arguments.ts";
import { REGRESSIONS } from "./regressions.ts";
import { scriptOf } from "./seeds.ts";
import { simulate } from "./simulate.ts";

const SEEDS = Number(process.env.OTTLA_SIMULATIONS ?? 120);
/** The same each time: what others find, `npm run simulate` finds. */
const FIRST = Number(process.env.OTTLA_SEED ?? 1);
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
/** Of two hundred or so jobs in all. */
const REPLAYED = ["--seeds", "12", "--from", "1"];

const WHAT = "S2.1 S2.3 S2.9 S3.2 S3.7 S4.5 S4.6 S7.2-9 S8.1-9";
// In processes of their own: what a test runner does for each promise would take most of the time.
test(`${WHAT} hold for random jobs, workers, crashes, cut networks and faults`, {
  timeout: 60_000 + SEEDS * 10_000,
}, async () => {
  const options = ["--seeds", String(SEEDS), "--from", String(FIRST), "--processes", "2"];
  const { code, output } = await runProgram(process.execPath, [...RUNTIME_ARGUMENTS, MAIN, ...options]);
  assert.equal(code, 0, output);
  const played = [...output.matchAll(/^traces (\d+)-/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  assert.ok(played >= SEEDS, output);
});

for (const [what, script] of Object.entries(REGRESSIONS)) {
  test(`${what}, and does not any more`, async () => {
    assert.deepEqual((await simulate(script)).problems, []);
  });
}

test("a script goes the same way each time that it is played", async () => {
  for (const seed of [1, 2, 3]) {
    const [first, second] = [await simulate(scriptOf(seed), true), await simulate(scriptOf(seed), true)];
    assert.deepEqual(first.trace.lines, second.trace.lines);
    assert.equal(first.trace.digest, second.trace.digest);
  }
});

/** The last line that the simulations print on a runtime; undefined: it is not installed. */
async function digestOn(runtime: Runtime): Promise<string | undefined> {
  const program = fileURLToPath(new URL(`../../node_modules/.bin/${runtime}`, import.meta.url));
  if (!existsSync(program)) return undefined;
  const { output } = await runProgram(program, [...argumentsFor(runtime), MAIN, ...REPLAYED]);
  return output.trim().split("\n").at(-1);
}

test("seeds go the same way on Node, Deno and Bun", {
  skip: RUNTIME === "node" ? false : "once is enough",
  timeout: 600_000,
}, async () => {
  const digests = await Promise.all((["node", "deno", "bun"] as const).map(digestOn));
  const [first, ...others] = digests.filter((digest) => digest !== undefined);
  assert.match(first!, /^traces 12-/);
  for (const other of others) assert.equal(other, first);
});

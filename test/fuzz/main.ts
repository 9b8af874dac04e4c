import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { numberOption } from "../support/number-option.ts";
import { runProgram } from "../support/run-program.ts";
import { targets } from "./targets.ts";

const USAGE = `Gives decoders, parsers, the broker and the client hostile bytes, and goes on.

npm run fuzz -- --minutes M                     everything, in rounds; default 10
npm run fuzz -- --target NAME --minutes M       one target
npm run fuzz -- --target NAME --seed S --inputs N   as it went before, with the corpus of then
npm run fuzz -- --target NAME --input HEX       one input, as a failure prints it

Targets: ${targets.map(({ name }) => name).join(", ")}.

Inputs are those of test/fuzz/corpus and changed ones, by their fields and by any bytes; those that get to blocks that
no other got to are added to the corpus, and so are those that fail. Each round also has the tests that change frames at
random go on: fast-check prints their seeds.
`;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXPLORE = fileURLToPath(new URL("explore.ts", import.meta.url));
const FILES = [
  ...["messages", "mutated-frames", "records", "record-batch", "compression", "snappy", "lz4"].map(
    (name) => `test/protocol/${name}.test.ts`,
  ),
  ...["test/broker/mutated-requests.test.ts", "test/client/mutated-answers.test.ts"],
  "test/jobs/commit-metadata.test.ts",
];
/** Of each round, where the tests alone have 40. */
const MUTATIONS = 2_000;
/** Of each target in a round, at most. */
const TURN_MINUTES = 1;
const MOST_SEEDS = 2 ** 31;

const { values } = parseArgs({
  options: {
    ...{ minutes: { type: "string" }, target: { type: "string" }, input: { type: "string" }, seed: { type: "string" } },
    ...{ inputs: { type: "string" }, help: { type: "boolean" } },
  },
});

const args = ["--conditions=ottla-source"];
const chosen = values.target === undefined ? targets : targets.filter(({ name }) => name === values.target);
if (chosen.length === 0)
  throw new RangeError(`--target ${values.target}: ${targets.map(({ name }) => name).join(", ")} are known`);
const minutes = numberOption("minutes", values.minutes, values.inputs === undefined ? 10 : Number.POSITIVE_INFINITY, {
  isPositive: true,
});
const inputs = numberOption("inputs", values.inputs, Number.POSITIVE_INFINITY, { least: 1 });
const end = performance.now() + minutes * 60_000;

/** One input of one target, here. */
async function one(hex: string): Promise<boolean> {
  if (chosen.length > 1) throw new RangeError("--input wants a --target");
  if (!/^([0-9a-f]{2})*$/i.test(hex)) throw new RangeError(`--input ${hex}: hexadecimal digits are wanted`);
  try {
    await chosen[0]!.run(Uint8Array.from(Buffer.from(hex, "hex")));
  } catch (error) {
    console.log(error);
    return false;
  }
  console.log("✓ it is dealt with as it should be");
  return true;
}

async function explore(name: string): Promise<boolean> {
  const left = (end - performance.now()) / 60_000;
  const turn = chosen.length === 1 ? left : Math.min(TURN_MINUTES, minutes / (chosen.length + 1));
  const seed = numberOption("seed", values.seed, Math.floor(Math.random() * MOST_SEEDS));
  const { code, output } = await runProgram(process.execPath, [
    ...args,
    EXPLORE,
    name,
    ...[seed, inputs, turn].map(String),
  ]);
  process.stdout.write(output);
  return code === 0;
}

async function runTests(): Promise<boolean> {
  const options = { cwd: ROOT, env: { ...process.env, OTTLA_MUTATIONS: String(MUTATIONS) } };
  let isGood = true;
  for (const file of FILES) {
    const { code, output } = await runProgram(process.execPath, [...args, "--test", file], options);
    if (code === 0) continue;
    isGood = false;
    console.log(`${output}\n✗ ${file}`);
  }
  console.log(`${FILES.length} files with ${MUTATIONS} mutations of each kind`);
  return isGood;
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  if (values.input !== undefined) return one(values.input);
  let isGood = true;
  do {
    for (const { name } of chosen) isGood = (await explore(name)) && isGood;
    if (values.target !== undefined) return isGood;
    isGood = (await runTests()) && isGood;
  } while (isGood && performance.now() < end);
  return isGood;
}

process.exitCode = (await main()) ? 0 : 1;

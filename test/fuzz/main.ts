import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runProgram } from "../support/run-program.ts";

/*
 * Has the tests that give decoders, the broker and the client hostile bytes go on, each round with others: frames of real
 * brokers and messages made from the schemas, changed at random. fast-check prints the seed and the bytes of a failure.
 */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILES = [
  ...["messages", "mutated-frames", "records", "record-batch", "compression", "snappy", "lz4"].map(
    (name) => `test/protocol/${name}.test.ts`,
  ),
  ...["test/broker/mutated-requests.test.ts", "test/client/mutated-answers.test.ts"],
  "test/jobs/commit-metadata.test.ts",
];
/** Of each round, where the tests alone have 40. */
const MUTATIONS = 2_000;

const { values } = parseArgs({ options: { minutes: { type: "string" } } });
const minutes = Number(values.minutes ?? 10);
if (!(minutes > 0)) throw new RangeError(`--minutes ${values.minutes}: a number above 0 is wanted`);

const args = ["--conditions=ottla-source", "--test"];
const options = { cwd: ROOT, env: { ...process.env, OTTLA_MUTATIONS: String(MUTATIONS) } };
const end = performance.now() + minutes * 60_000;
let isGood = true;
for (let rounds = 1; isGood && performance.now() < end; rounds++) {
  for (const file of FILES) {
    const { code, output } = await runProgram(process.execPath, [...args, file], options);
    if (code === 0) continue;
    isGood = false;
    console.log(output);
    console.log(`✗ ${file}`);
  }
  console.log(`round ${rounds}: ${FILES.length} files with ${MUTATIONS} mutations of each kind`);
}
process.exitCode = isGood ? 0 : 1;

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/*
 * Has the tests that give decoders, the broker and the client hostile bytes go on, each round with others: frames of real
 * brokers and messages made from the schemas, changed at random. fast-check prints the seed and the bytes of a failure.
 */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
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

function round(file: string): Promise<{ readonly isGood: boolean; readonly output: string }> {
  const child = spawn(process.execPath, ["--conditions=ottla-source", "--test", file], {
    cwd: ROOT,
    env: { ...process.env, OTTLA_MUTATIONS: String(MUTATIONS) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Uint8Array) => {
      output += new TextDecoder().decode(chunk);
    });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ isGood: code === 0, output }));
  });
}

const end = performance.now() + minutes * 60_000;
let isGood = true;
for (let rounds = 1; isGood && performance.now() < end; rounds++) {
  for (const file of FILES) {
    const { isGood: isFine, output } = await round(file);
    if (isFine) continue;
    isGood = false;
    console.log(output);
    console.log(`✗ ${file}`);
  }
  console.log(`round ${rounds}: ${FILES.length} files with ${MUTATIONS} mutations of each kind`);
}
process.exitCode = isGood ? 0 : 1;

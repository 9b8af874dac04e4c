import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("../../examples/testing/deposits.test.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** How this runtime runs a file of tests. */
const RUNNER: readonly string[] =
  "deno" in process.versions
    ? ["test", "-A", "--no-check", "--quiet", "--config", CONFIG, FILE]
    : process.versions.bun === undefined
      ? ["--conditions=ottla-source", FILE]
      : ["test", FILE];

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

function runTests(environment: Readonly<Record<string, string>>): Promise<Finished> {
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const env = { ...inherited, ...environment };
  const child = spawn(process.execPath, RUNNER, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

test("the example's tests pass, and their process ends by itself", { timeout: 60_000 }, async () => {
  const { code, output } = await runTests({ KAFKA_BROKERS: "nowhere.invalid:1" });
  assert.equal(code, 0, output);
  assert.match(output, /money is paid in once though its worker dies/);
});

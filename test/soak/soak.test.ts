import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runProgram } from "../support/run-program.ts";
import { RUNTIME, RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

function soak(...args: string[]): Promise<{ output: string; code: number | null }> {
  const env = { ...process.env, KAFKA_BROKERS: "" };
  return runProgram(process.execPath, [...RUNTIME_ARGUMENTS, MAIN, "--runtime", RUNTIME, ...args], { env });
}

test("a soak finds what jobs leak, and otherwise has all work done", { timeout: 120_000 }, async () => {
  const leaking = ["--minutes", "0.3", "--each", "0.7", "--guest-each", "8", "--leak", "30000"];
  const { output, code } = await soak(...leaking);
  assert.match(output, /✗ outside of the heap of the worker rises/, output);
  assert.equal(code, 1);
  for (const outcome of ["completed", "retried", "dead", "parked", "duplicate", "dispatched"])
    assert.match(output, new RegExp(`\\b[1-9]\\d* ${outcome}\\b`), output);
  assert.doesNotMatch(output, /ended by itself|ended with|was left|not enough/, output);
});

for (const [option, value] of [
  ["minutes", "0"],
  ["hours", "one"],
  ["rate", "-1"],
  ["runtime", "java"],
] as const)
  test(`a soak names a bad --${option}`, async () => {
    const { output, code } = await soak(
      ...(option === "runtime" ? [] : ["--runtime", RUNTIME]),
      `--${option}=${value}`,
    );
    assert.equal(code, 1);
    assert.match(output, new RegExp(`--${option} ${value}: `));
  });

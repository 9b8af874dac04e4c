import process from "node:process";
import { fileURLToPath } from "node:url";
import { runProgram } from "./run-program.ts";
import { RUNTIME_ARGUMENTS } from "./runtime-arguments.ts";

/** Runs a script of this folder on the runtime that runs the test; gives what it wrote and its exit code. */
export function runScript(name: string, args: readonly string[]): Promise<{ output: string; code: number | null }> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  return runProgram(process.execPath, [...RUNTIME_ARGUMENTS, script, ...args]);
}

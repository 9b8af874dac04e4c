import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { RUNTIME_ARGUMENTS } from "./runtime-arguments.ts";

/** Runs a script of this folder on the runtime that runs the test; gives what it wrote and its exit code. */
export function runScript(name: string, args: readonly string[]): Promise<{ output: string; code: number | null }> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, [...RUNTIME_ARGUMENTS, script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Uint8Array) => {
    output += new TextDecoder().decode(chunk);
  });
  child.stderr.on("data", (chunk: Uint8Array) => {
    output += new TextDecoder().decode(chunk);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ output, code }));
  });
}

import process from "node:process";
import { runProgram } from "./run-program.ts";
import { argumentsFor, RUNTIME, RUNTIME_ARGUMENTS, type Runtime } from "./runtime-arguments.ts";

/** A runtime as it is installed here. */
export interface RuntimeProgram {
  readonly name: Runtime;
  readonly path: string;
  /** What it needs before a script's name. */
  readonly args: readonly string[];
}

/** The runtime that runs this. */
export const THIS_RUNTIME: RuntimeProgram = { name: RUNTIME, path: process.execPath, args: RUNTIME_ARGUMENTS };

/** Asks a runtime for its own file and version: what the path has may be a script that starts it, and deaf to signals. */
const QUESTIONS: Readonly<Record<Runtime, readonly string[]>> = {
  node: ["-p", "process.execPath + ' ' + process.versions.node"],
  deno: ["eval", "console.log(Deno.execPath() + ' ' + Deno.version.deno)"],
  bun: ["-p", "process.execPath + ' ' + process.versions.bun"],
};

/** Finds a runtime by its name on the path, with its version. Undefined: it is not installed. */
export async function findRuntime(name: Runtime): Promise<(RuntimeProgram & { readonly version: string }) | undefined> {
  const { output, code } = await runProgram(name, QUESTIONS[name]).catch(() => ({ output: "", code: 1 }));
  const answer = /^(.+) (\d+\.\S+)$/m.exec(output);
  if (code !== 0 || answer === null) return undefined;
  return { name, path: answer[1]!, version: answer[2]!, args: argumentsFor(name) };
}

import process from "node:process";
import { fileURLToPath } from "node:url";

export type Runtime = "node" | "deno" | "bun";

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const OF_RUNTIMES: Readonly<Record<Runtime, readonly string[]>> = {
  node: ["--conditions=ottla-source"],
  deno: ["run", "-A", "--no-check", "--quiet", "--config", CONFIG],
  bun: [],
};

/** What a runtime needs before a script's name, so that `ottla` means the sources wherever it runs. */
export function argumentsFor(runtime: Runtime): readonly string[] {
  return OF_RUNTIMES[runtime];
}

/** The runtime that runs the test. */
export const RUNTIME: Runtime =
  "deno" in process.versions ? "deno" : process.versions.bun === undefined ? "node" : "bun";

/** What it needs before a script's name. */
export const RUNTIME_ARGUMENTS: readonly string[] = argumentsFor(RUNTIME);

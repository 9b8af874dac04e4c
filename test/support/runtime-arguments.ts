import process from "node:process";
import { fileURLToPath } from "node:url";

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** What the runtime that runs the test needs before a script's name, so that `ottla` means the sources wherever it runs. */
export const RUNTIME_ARGUMENTS: readonly string[] =
  "deno" in process.versions
    ? ["run", "-A", "--no-check", "--quiet", "--config", CONFIG]
    : process.versions.bun === undefined
      ? ["--conditions=ottla-source"]
      : [];

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";

export interface Finished {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a file of examples/ on this runtime. `onLine` is called with each line that it prints. */
export function runExample(
  path: string,
  environment: Readonly<Record<string, string>>,
  onLine: (line: string, kill: (signal: "SIGINT") => void) => void = () => {},
): Promise<Finished> {
  const file = fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));
  const { KAFKA_BROKERS: _, ...inherited } = process.env;
  const env = { ...inherited, ...environment };
  const child = spawn(process.execPath, [...RUNTIME_ARGUMENTS, file], { env, stdio: ["ignore", "pipe", "pipe"] });
  let [output, errors] = ["", ""];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    // Not child.kill: after it, Deno 2.9 gives the signal for the exit code, whatever the process made of it.
    for (const line of lines) onLine(line, (signal) => void process.kill(child.pid!, signal));
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output, errors }));
  });
}

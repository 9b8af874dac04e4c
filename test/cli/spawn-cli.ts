import { spawn } from "node:child_process";
import process from "node:process";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";
import { FIXTURES } from "./fake-io.ts";

/** The command as a process of its own, on the runtime that runs the test. */
export interface CliProcess {
  /** Deno's own `kill` would report the signal as the end's cause, whatever the process made of it. */
  kill(signal: NodeJS.Signals): void;
  readonly stdin: Writable;
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves once it has printed what matches; rejects with all that it printed where it ends before. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  readonly exited: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
}

interface Cleanup {
  after(fn: () => void): void;
}

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Starts `ottla …args` in the folder of the fixtures. The test's end kills it where it still runs. */
export function spawnCli(t: Cleanup, args: readonly string[], env: Record<string, string> = {}): CliProcess {
  const child = spawn(process.execPath, [...RUNTIME_ARGUMENTS, MAIN, ...args], {
    cwd: FIXTURES,
    env: { ...process.env, NODE_OPTIONS: "", KAFKA_BROKERS: "", ...env },
  });
  t.after(() => void child.kill("SIGKILL"));
  const written = { out: "", err: "" };
  const watchers = new Set<() => void>();
  for (const [name, stream] of [["out", child.stdout] as const, ["err", child.stderr] as const]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      written[name] += text;
      for (const watcher of watchers) watcher();
    });
  }
  const exited = new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...written }));
  });
  const printed = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(written.out) ?? pattern.exec(written.err);
        if (match === null) return;
        watchers.delete(look);
        resolve(match);
      };
      watchers.add(look);
      look();
      exited.then(
        ({ code }) => reject(new Error(`it ended (${code}) without ${pattern}: ${JSON.stringify(written)}`)),
        reject,
      );
    });
  const kill = (signal: NodeJS.Signals): void => void process.kill(child.pid!, signal);
  return { kill, stdin: child.stdin, out: () => written.out, err: () => written.err, printed, exited };
}

/** Runs it to its end. */
export function runCli(t: Cleanup, ...args: string[]): CliProcess["exited"] {
  return spawnCli(t, args).exited;
}

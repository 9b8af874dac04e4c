import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";

/** Where a process can be killed: after this, and before the next. */
export const TRANSFORM_STEPS = ["read", "begun", "sent", "offsets", "committing", "committed"] as const;
export type TransformStep = (typeof TRANSFORM_STEPS)[number];

/** What a process that consumes, transforms and produces has to know. */
export interface TransformRun {
  readonly brokers: readonly string[];
  readonly source: string;
  readonly sink: string;
  readonly group: string;
  readonly transactionalId: string;
  readonly sessionTimeout: number;
  /** Where it is to be killed, in its second batch; null: nowhere. */
  readonly stopAt: TransformStep | null;
}

const SCRIPT = fileURLToPath(new URL("transform.ts", import.meta.url));

export interface Transform {
  /** Resolves when it is where it is to be killed, and rejects when it ends by itself. */
  readonly stopped: Promise<void>;
  kill(): Promise<void>;
}

export function startTransform(run: TransformRun): Transform {
  const args = [...RUNTIME_ARGUMENTS, SCRIPT, JSON.stringify(run)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const stopped = new Promise<void>((resolve, reject) => {
    child.stdout!.on("data", () => resolve());
    child.on("exit", (code) => reject(new Error(`transform.ts ended with ${code}`)));
  });
  stopped.catch(() => {});
  return {
    stopped,
    kill() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Runtime } from "../support/runtime-arguments.ts";
import type { RuntimeProgram } from "../support/runtime-program.ts";
import type { Line } from "./lines.ts";

/** So that samples may ask for a collection. Bun can be asked anyway. */
const COLLECTING: Readonly<Record<Runtime, (args: readonly string[]) => readonly string[]>> = {
  node: (args) => ["--expose-gc", ...args],
  deno: ([run, ...args]) => [run!, "--v8-flags=--expose-gc", ...args],
  bun: (args) => args,
};

/** A process of the soak. It ends once its input does. */
export class Child {
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor({ name, path, args: own }: RuntimeProgram, script: string, arg: string, heard: (line: Line) => void) {
    const args = [...COLLECTING[name](own), fileURLToPath(new URL(script, import.meta.url)), arg];
    this.#child = spawn(path, args, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on("line", (line) => heard(JSON.parse(line) as Line));
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code) => resolve(code));
    });
  }

  /** Resolves with its exit code. */
  end(): Promise<number | null> {
    this.#child.stdin!.end();
    return this.ended;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

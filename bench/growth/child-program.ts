import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { ROOT, type RuntimeCommand } from "./runtime-command.ts";
import { wallClock } from "./wall-clock.ts";

/** No point takes as long: a program that is silent for this many milliseconds hangs. */
const SILENCE = 300_000;

/** A program in a process of its own: what it says are the lines that it prints, each of them JSON. */
export class ChildProgram {
  readonly name: string;
  /** When it was started, in milliseconds of {@link wallClock}. */
  readonly startedAt: number;
  readonly #child: ChildProcess;
  readonly #said: unknown[] = [];
  #errors = "";
  #isOver = false;
  #wake = (): void => {};

  constructor(command: RuntimeCommand, brokers: readonly string[], name: string, params: object) {
    this.name = name;
    this.startedAt = wallClock();
    this.#child = spawn(command.file, [...command.args, name, JSON.stringify(params)], {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: "", KAFKA_BROKERS: brokers.join() },
      stdio: ["pipe", "pipe", "pipe"],
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      try {
        this.#said.push(JSON.parse(line));
        this.#wake();
      } catch {
        // Something of a library's, which is told if the program fails.
        this.#errors += `${line}\n`;
      }
    });
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
    // It may have ended before it was told to.
    this.#child.stdin!.on("error", () => {});
    this.#child.once("error", (error) => this.#end(String(error)));
    this.#child.once("close", () => this.#end(""));
  }

  /** The next thing that it says. */
  async next<T>(silence: number = SILENCE): Promise<T> {
    const until = wallClock() + silence;
    while (this.#said.length === 0) {
      if (this.#isOver) throw new Error(`the program "${this.name}" ended: ${this.#errors.trim() || "without a word"}`);
      const left = until - wallClock();
      if (left <= 0)
        throw new Error(
          `the program "${this.name}" said nothing for ${Math.round(silence / 1_000)} s: ${this.#errors.trim()}`,
        );
      await this.#news(left);
    }
    return this.#said.shift() as T;
  }

  /** Everything that it has said since it was asked last. */
  takeAll<T>(): T[] {
    if (this.#isOver && this.#said.length === 0)
      throw new Error(`the program "${this.name}" ended: ${this.#errors.trim()}`);
    return this.#said.splice(0) as T[];
  }

  tell(command: string): void {
    this.#child.stdin!.write(`${command}\n`);
  }

  /** Ends it at once, if it has not ended. */
  async kill(): Promise<void> {
    if (this.#isOver) return;
    const over = new Promise<void>((resolve) => void this.#child.once("close", () => resolve()));
    this.#child.kill("SIGKILL");
    await over;
  }

  #news(most: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, most);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #end(reason: string): void {
    this.#errors += reason;
    this.#isOver = true;
    this.#wake();
  }
}

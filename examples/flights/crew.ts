import { type ChildProcessByStdio, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const WORKER = new URL("worker.ts", import.meta.url);
/** How this runtime is told to run a file. */
const RUNTIME_ARGUMENTS = "deno" in process.versions ? ["run", "-A"] : process.execArgv;
const PATIENCE = 20_000;

/** "Node 24.21.0", and so on. */
export function runtimeName(): string {
  const { bun, deno, node } = process.versions;
  if (bun !== undefined) return `Bun ${bun}`;
  return deno !== undefined ? `Deno ${deno}` : `Node ${node}`;
}

interface Member {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly exited: Promise<string>;
  /** What it wrote on standard error, for when it fails. */
  readonly complaints: string[];
}

/** The worker processes of a run, each named by a letter. */
export class Crew implements AsyncDisposable {
  readonly #run: object;
  readonly #worker: string;
  readonly #onLine: (line: string) => void;
  readonly #members = new Map<string, Member>();
  #failure: Error | undefined;

  /** `run`: what each process is told, as JSON. `worker`: the file that it runs. `onLine` hears what it prints once it is ready. */
  constructor(run: object, worker: URL = WORKER, onLine: (line: string) => void = () => {}) {
    this.#run = run;
    this.#worker = fileURLToPath(worker);
    this.#onLine = onLine;
  }

  /** Starts a worker; resolves once it says that it is ready. */
  async start(letter: string): Promise<void> {
    const args = [...RUNTIME_ARGUMENTS, this.#worker, letter, JSON.stringify(this.#run)];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
    const complaints: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => complaints.push(text));
    const exited = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(code === null ? `signal ${signal}` : `exit code ${code}`));
    });
    this.#members.set(letter, { process: child, exited, complaints });
    const lines = createInterface({ input: child.stdout });
    const ready = new Promise<string>((resolve) => lines.once("line", () => resolve("ready")));
    lines.once("line", () => lines.on("line", this.#onLine));
    const first = await Promise.race([ready, exited]);
    if (first !== "ready") throw failure(letter, `ended before it was ready (${first})`, complaints);
    void exited.then((how) => {
      // Whoever is killed or told to stop is no longer a member by then.
      if (this.#members.has(letter)) this.#failure = failure(letter, `ended unasked (${how})`, complaints);
    });
  }

  /** Throws where a worker has ended that should not have. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Kills a worker: it has no time to finish its jobs, commit or say goodbye. */
  async kill(letter: string): Promise<void> {
    const member = this.#members.get(letter);
    if (member === undefined) return;
    this.#members.delete(letter);
    member.process.kill("SIGKILL");
    await member.exited;
  }

  /** Tells a worker to end in good order, as a deploy does: by SIGTERM. */
  async retire(letter: string): Promise<void> {
    const member = this.#members.get(letter);
    if (member === undefined) return;
    this.#members.delete(letter);
    // Not its own `kill`: after it, Deno gives the signal for the exit code, whatever the process made of it.
    await stop(letter, member, () => process.kill(member.process.pid!, "SIGTERM"));
  }

  /** Tells every worker to finish the jobs that run, commit them and end. */
  async close(): Promise<void> {
    const members = [...this.#members];
    this.#members.clear();
    await Promise.all(members.map(([letter, member]) => stop(letter, member, () => member.process.stdin.end())));
  }

  /** Leaves no process behind, whatever happened. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#members.keys()].map((letter) => this.kill(letter)));
  }
}

async function stop(letter: string, { process: child, exited, complaints }: Member, ask: () => void): Promise<void> {
  ask();
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
  const how = await exited;
  clearTimeout(timer);
  if (how !== "exit code 0") throw failure(letter, `did not close well (${how})`, complaints);
}

function failure(letter: string, what: string, complaints: readonly string[]): Error {
  const lines = complaints.join("").trimEnd().split("\n").slice(-15);
  return new Error([`worker ${letter} ${what}`, ...lines.map((line) => `  ${letter}: ${line}`)].join("\n"));
}

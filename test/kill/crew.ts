import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { now } from "../../examples/flights/wall-clock.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import { type RuntimeProgram, THIS_RUNTIME } from "../support/runtime-program.ts";
import type { KillRun } from "./kill-run.ts";
import { until } from "./until.ts";
import { WorkerNotes } from "./worker-notes.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
/** Longest wait (ms) for anything that workers do. */
export const PATIENCE = 120_000;
/** As often (ms) it is looked whether they have: kills come at moments that nobody has chosen. */
const LOOK_EVERY = 20;

/** The worker processes of a run. */
export class Crew {
  readonly notes: WorkerNotes;
  readonly #run: KillRun;
  readonly #living = new Map<string, ChildProcess>();
  /** Those that are to end: by a kill, or in good order. */
  readonly #leaving = new Set<string>();
  readonly #fates: LedgerEntry[] = [];
  #hired = 0;
  #trouble: string | undefined;
  /** Called when a worker has killed itself. */
  onDeath: (by: string) => void = () => {};

  constructor(run: KillRun) {
    this.#run = run;
    this.notes = new WorkerNotes(run.folder);
  }

  /** Starts another worker, with `changes` to what it is told. Gives its name. */
  hire(changes: Partial<KillRun> = {}, runtime: RuntimeProgram = THIS_RUNTIME): string {
    const name = `w${this.#hired++}`;
    this.notes.add(name);
    const args = [...runtime.args, WORKER, name, JSON.stringify({ ...this.#run, ...changes })];
    const child = spawn(runtime.path, args, { stdio: ["pipe", "inherit", "inherit"] });
    this.#living.set(name, child);
    child.once("exit", (code, signal) => {
      if (this.#leaving.has(name)) return;
      this.#living.delete(name);
      if (signal !== "SIGKILL") this.#trouble ??= `${name} has ended by itself, with ${code ?? signal}`;
      this.#fates.push({ what: "died", by: name, at: now() });
      this.onDeath(name);
    });
    return name;
  }

  /** The process of a living worker. */
  pidOf(by: string): number {
    return this.#living.get(by)!.pid!;
  }

  get living(): readonly string[] {
    return [...this.#living.keys()];
  }

  /** The living worker that has the most partitions. */
  get busiest(): string {
    return this.living.toSorted((a, b) => this.notes.ownedBy(b).length - this.notes.ownedBy(a).length)[0]!;
  }

  kill(by: string): void {
    this.#leaving.add(by);
    this.#signal(by, "SIGKILL");
    this.#living.delete(by);
    this.#fates.push({ what: "died", by, at: now() });
  }

  /** It may be expelled from now on without learning of it: it is frozen, or cut off. */
  lose(by: string): void {
    this.#fates.push({ what: "away", by, at: now() });
  }

  /** Stops its process where it is: its sockets stay open, and say nothing. */
  freeze(by: string): void {
    this.lose(by);
    this.#signal(by, "SIGSTOP");
  }

  thaw(by: string): void {
    this.#signal(by, "SIGCONT");
  }

  /** Not by the child's own method: Deno sends only one signal by that. */
  #signal(by: string, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.pidOf(by), signal);
  }

  /** Resolves once a worker has closed and its process has ended by itself, without an error; or of one of its last jobs. */
  async dismiss(by: string): Promise<void> {
    const child = this.#living.get(by)!;
    this.#leaving.add(by);
    this.#living.delete(by);
    const gone = new Promise<void>((resolve, reject) => {
      child.once("close", (code, signal) => {
        if (signal === "SIGKILL") this.#fates.push({ what: "died", by, at: now() });
        if (code === 0 || signal === "SIGKILL") resolve();
        else reject(new Error(`${by} was closed, and ended with ${code ?? signal}`));
      });
    });
    child.stdin!.end();
    await gone;
  }

  async dismissAll(): Promise<void> {
    await Promise.all(this.living.map((by) => this.dismiss(by)));
  }

  /** What has happened to workers that should not have. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Whoever waits for the workers waits no more. */
  giveUp(why: string): void {
    this.#trouble ??= why;
  }

  killAll(): void {
    for (const [by, child] of this.#living) {
      this.#leaving.add(by);
      // It may have ended by itself just now.
      if (child.exitCode === null && child.signalCode === null) this.#signal(by, "SIGKILL");
    }
  }

  /** Resolves once something is so; rejects where a worker ends that should not. */
  async until(what: () => string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    await until(
      what,
      PATIENCE,
      () => {
        if (this.#trouble !== undefined) throw new Error(this.#trouble);
        return isSo();
      },
      LOOK_EVERY,
    );
  }

  /** All notes with those of `outside`, in order of time. What a process noted while its kill was on its way counts. */
  ledger(outside: readonly LedgerEntry[]): LedgerEntry[] {
    const notes = this.notes.read();
    const last = new Map<string, number>();
    for (const entry of notes) if ("by" in entry) last.set(entry.by, Math.max(entry.at, last.get(entry.by) ?? 0));
    const fates = this.#fates.map((entry) => {
      return entry.what === "died" ? { ...entry, at: Math.max(entry.at, last.get(entry.by) ?? 0) } : entry;
    });
    return [...fates, ...outside, ...notes].sort((a, b) => a.at - b.at);
  }
}

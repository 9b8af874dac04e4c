import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createApp, type EnqueuedJob, type Job } from "ottla";
import type { Graces } from "../support/check-ledger.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import { RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";

/** What a run's workers have to know. */
export interface KillRun {
  readonly brokers: readonly string[];
  readonly group: string;
  readonly queue: string;
  readonly folder: string;
  readonly sessionTimeout: number;
  readonly commitInterval: number;
  readonly graces: Graces;
}

export interface KillPlan {
  readonly brokers: readonly string[];
  readonly kills: number;
  readonly workers: number;
  readonly partitions: number;
  /** Jobs enqueued before each kill. */
  readonly jobsPerKill: number;
  /** Where chance comes from, from 0 up to 1. */
  readonly random: () => number;
}

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
const KEYS = 60;
const LONGEST_JOB = 8;
/** Longest wait (ms) for jobs to end. */
const PATIENCE = 120_000;
const LOOK_EVERY = 20;
const now = (): number => performance.timeOrigin + performance.now();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Payload {
  readonly key: string;
  readonly takes: number;
}

/** Enqueues jobs and kills workers at random moments, then lets the rest finish. Gives the ledger of all processes. */
export async function runKills(plan: KillPlan): Promise<{ readonly entries: LedgerEntry[]; readonly graces: Graces }> {
  const id = `${process.pid}-${Math.floor(plan.random() * 1e9)}`;
  const run: KillRun = {
    brokers: plan.brokers,
    group: `kill-${id}`,
    queue: `kill-${id}`,
    folder: mkdtempSync(join(tmpdir(), "ottla-kill-")),
    sessionTimeout: 3_000,
    commitInterval: 200,
    graces: { revokeGrace: 2_000, shutdownTimeout: 5_000 },
  };
  const entries: LedgerEntry[] = [];
  const crew = new Crew(run);
  const app = createApp({ kafka: { brokers: plan.brokers }, queues: { [run.queue]: { partitions: plan.partitions } } });
  const job = app.job<Payload>({
    name: "work",
    queue: run.queue,
    partitioner: ({ payload }) => payload.key,
    perform() {},
  });
  try {
    await app.topics.apply();
    for (let i = 0; i < plan.workers; i++) crew.hire();
    for (let kill = 0; kill < plan.kills; kill++) {
      entries.push(...(await enqueue(job, plan)));
      // Somewhere in the middle of work: a kill while the group is still gathering would show little.
      await crew.progress(Math.floor(plan.random() * plan.jobsPerKill) + 1);
      entries.push(crew.kill(plan.random));
      crew.hire();
    }
    entries.push(...(await enqueue(job, plan)));
    await crew.finished(entries);
    await crew.dismiss();
    return { entries: merge(entries, crew.notes()), graces: run.graces };
  } finally {
    crew.killAll();
    await app.close();
    rmSync(run.folder, { recursive: true, force: true });
  }
}

async function enqueue(job: Job<Payload>, { jobsPerKill, random }: KillPlan): Promise<LedgerEntry[]> {
  const payloads = Array.from({ length: jobsPerKill }, () => ({
    key: `k${Math.floor(random() * KEYS)}`,
    takes: Math.floor(random() * LONGEST_JOB),
  }));
  const jobs = (await Promise.all(payloads.map((payload) => job.performLater(payload)))) as EnqueuedJob[];
  return jobs.map(({ topic, partition, offset, id }) => ({
    what: "enqueued",
    topic,
    partition,
    offset,
    id,
    at: now(),
  }));
}

/** The worker processes of a run. */
class Crew {
  readonly #run: KillRun;
  readonly #names: string[] = [];
  readonly #living = new Map<string, ChildProcess>();

  constructor(run: KillRun) {
    this.#run = run;
  }

  hire(): void {
    const name = `w${this.#names.length}`;
    this.#names.push(name);
    const args = [...RUNTIME_ARGUMENTS, WORKER, name, JSON.stringify(this.#run)];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "inherit", "inherit"] });
    this.#living.set(name, child);
  }

  kill(random: () => number): LedgerEntry {
    const names = [...this.#living.keys()];
    const by = names[Math.floor(random() * names.length)]!;
    this.#living.get(by)!.kill("SIGKILL");
    this.#living.delete(by);
    return { what: "died", by, at: now() };
  }

  /** Resolves once `count` more jobs have ended than now. */
  async progress(count: number): Promise<void> {
    const from = this.#ends().length;
    await until(() => this.#ends().length >= from + count, `${count} more jobs end`);
  }

  /** Resolves once every acknowledged job has ended. */
  async finished(entries: readonly LedgerEntry[]): Promise<void> {
    const wanted = entries.flatMap((entry) =>
      entry.what === "enqueued" ? [`${entry.partition}/${entry.offset}`] : [],
    );
    await until(() => {
      const ended = new Set(this.#ends());
      return wanted.every((place) => ended.has(place));
    }, "every acknowledged job ends");
  }

  #ends(): string[] {
    return this.notes().flatMap((entry) => (entry.what === "end" ? [`${entry.partition}/${entry.offset}`] : []));
  }

  async dismiss(): Promise<void> {
    const gone = [...this.#living.values()].map((child) => new Promise((resolve) => child.once("close", resolve)));
    for (const child of this.#living.values()) child.stdin!.end();
    await Promise.all(gone);
    this.#living.clear();
  }

  killAll(): void {
    for (const child of this.#living.values()) child.kill("SIGKILL");
  }

  notes(): LedgerEntry[] {
    return this.#names.flatMap((name) => {
      const file = `${this.#run.folder}/${name}.jsonl`;
      if (!existsSync(file)) return [];
      // A kill may have cut the last line.
      const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
      return lines.map((line): LedgerEntry => JSON.parse(line));
    });
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = now() + PATIENCE; !condition(); await pause(LOOK_EVERY)) {
    if (now() > deadline) throw new Error(`waited ${PATIENCE} ms in vain that ${what}`);
  }
}

/** All notes in order of time. What a process noted while its kill was on its way counts: it died after that. */
function merge(own: readonly LedgerEntry[], notes: readonly LedgerEntry[]): LedgerEntry[] {
  const last = new Map<string, number>();
  for (const entry of notes) if ("by" in entry) last.set(entry.by, Math.max(entry.at, last.get(entry.by) ?? 0));
  const deaths = own.map((entry) =>
    entry.what === "died" ? { ...entry, at: Math.max(entry.at, last.get(entry.by) ?? 0) } : entry,
  );
  return [...deaths, ...notes].sort((a, b) => a.at - b.at);
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createApp, type EnqueuedJob, type Job, type QueueOptions, type ScheduleTopicOptions } from "ottla";
import { now } from "../../examples/flights/wall-clock.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { Graces } from "../support/check-ledger.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import { Crew } from "./crew.ts";

/** What a run's workers have to know. */
export interface KillRun {
  readonly brokers: readonly string[];
  readonly group: string;
  readonly groupProtocol: GroupProtocol;
  readonly queue: string;
  readonly queueOptions: QueueOptions;
  /** A topic in which jobs wait for their time, from which workers dispatch. */
  readonly schedule?: ScheduleTopicOptions;
  readonly folder: string;
  readonly sessionTimeout: number;
  readonly commitInterval: number;
  readonly graces: Graces;
  /** A queue to which jobs are handed over. Workers of this one do not work it. */
  readonly next?: string;
  /** Instead of which broker, as `host:port`, which port of this machine is dialled. */
  readonly detours?: Readonly<Record<string, number>>;
  /** Whether jobs that failed before are run well: what a deploy brings. */
  readonly isFixed?: boolean;
}

/** What a job of a run is to do. */
export interface Task {
  readonly key: string;
  /** Milliseconds. */
  readonly takes: number;
  /**
   * Default: it ends well. "kill": its process dies of it, as by SIGKILL; "hand": it hands over to the next queue;
   * "steps": it goes over `rows` in a step.
   */
  readonly does?: "fail" | "kill" | "hand" | "steps";
  /** Tells jobs apart that are enqueued, and what they hand over. */
  readonly i?: number;
  /** Of one that is scheduled, its number among those. */
  readonly n?: number;
  readonly rows?: number;
}

/** What a job leaves behind in the next queue. */
export interface HandedOver {
  readonly key: string;
  readonly i: number;
  /** Where the job was. */
  readonly partition: number;
  readonly offset: number;
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

const KEYS = 60;
const LONGEST_JOB = 8;

/** Enqueues jobs and kills workers at random moments, then lets the rest finish. Gives the ledger of all processes. */
export async function runKills(plan: KillPlan): Promise<{ readonly entries: LedgerEntry[]; readonly graces: Graces }> {
  const id = `${process.pid}-${Math.floor(plan.random() * 1e9)}`;
  const run: KillRun = {
    brokers: plan.brokers,
    group: `kill-${id}`,
    // Under the other protocol the session timeout would be the broker's.
    groupProtocol: "classic",
    queue: `kill-${id}`,
    queueOptions: { partitions: plan.partitions },
    folder: mkdtempSync(join(tmpdir(), "ottla-kill-")),
    sessionTimeout: 3_000,
    commitInterval: 200,
    graces: { revokeGrace: 2_000, shutdownTimeout: 5_000 },
  };
  const entries: LedgerEntry[] = [];
  const crew = new Crew(run);
  const app = createApp({ kafka: { brokers: plan.brokers }, queues: { [run.queue]: run.queueOptions } });
  const job = app.job<Task>({
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
      const wanted = crew.notes.ended.size + Math.floor(plan.random() * plan.jobsPerKill) + 1;
      await crew.until(
        () => "more jobs end",
        () => crew.notes.ended.size >= wanted,
      );
      crew.kill(crew.living[Math.floor(plan.random() * crew.living.length)]!);
      crew.hire();
    }
    entries.push(...(await enqueue(job, plan)));
    await crew.until(
      () => "every acknowledged job ends",
      () => {
        const { ended } = crew.notes;
        return entries.every((entry) => entry.what !== "enqueued" || ended.has(`${entry.partition}/${entry.offset}`));
      },
    );
    await crew.dismissAll();
    return { entries: crew.ledger(entries), graces: run.graces };
  } finally {
    crew.killAll();
    await app.close();
    rmSync(run.folder, { recursive: true, force: true });
  }
}

async function enqueue(job: Job<Task>, { jobsPerKill, random }: KillPlan): Promise<LedgerEntry[]> {
  const tasks = Array.from({ length: jobsPerKill }, () => ({
    key: `k${Math.floor(random() * KEYS)}`,
    takes: Math.floor(random() * LONGEST_JOB),
  }));
  return noteEnqueued((await Promise.all(tasks.map((task) => job.performLater(task)))) as EnqueuedJob[]);
}

/** Jobs that were acknowledged just now. */
export function noteEnqueued(jobs: readonly EnqueuedJob[]): LedgerEntry[] {
  const at = now();
  return jobs.map(({ topic, partition, offset, id }) => ({ what: "enqueued", topic, partition, offset, id, at }));
}

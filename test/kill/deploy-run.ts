import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type App, createApp, type Duration, type Job } from "ottla";
import { RUNTIME_ARGUMENTS } from "../support/runtime-arguments.ts";
import { until } from "./until.ts";

/** How a job that is interrupted goes on. */
export interface DeployForm {
  readonly name: string;
  /** Whether imports of one user are in order. */
  readonly isOrdered: boolean;
  readonly wait: Duration;
  readonly hold?: boolean | undefined;
}

/** What a run's processes have to know. */
export interface DeployRun extends DeployForm {
  readonly brokers: readonly string[];
  readonly group: string;
  readonly queue: string;
  readonly schedule: string;
  readonly partitions: number;
  readonly folder: string;
  /** Of each import. */
  readonly records: number;
}

/** What a worker notes. */
export type DeployNote =
  | { readonly what: "interrupted" }
  | {
      readonly what: "part" | "validate" | "finalize";
      readonly importId: number;
      readonly userId: string;
      readonly partition: number;
    }
  | { readonly what: "record"; readonly importId: number; readonly record: number }
  | { readonly what: "later"; readonly userId: string; readonly n: number; readonly partition: number };

export type SeenNote = DeployNote & { readonly by: string; readonly at: number };

export interface Import {
  readonly importId: number;
  readonly userId: string;
}

export interface ImportJobs {
  readonly imports: Job<Import>;
  /** Other jobs of the same users, in the same queue. */
  readonly later: Job<{ readonly userId: string; readonly n: number }>;
}

/** Milliseconds that one record takes. */
const RECORD = 5;
const WORKER = fileURLToPath(new URL("deploy-worker.ts", import.meta.url));
const PATIENCE = 120_000;

/** The import of api.md: three steps, the second with a cursor, the third by itself. */
export function defineImports(app: App, run: DeployRun, note: (entry: DeployNote) => void): ImportJobs {
  const { queue, schedule, isOrdered, wait, hold, records } = run;
  const keyed = isOrdered ? { partitioner: (job: { payload: { userId: string } }) => job.payload.userId } : {};
  const imports = app.job<Import>({
    name: "process-import",
    queue,
    ...keyed,
    scheduledMessagesTopic: schedule,
    resumeOptions: { wait, hold },
    async perform(payload, job) {
      const place = { ...payload, partition: job.partition };
      note({ what: "part", ...place });
      await job.step("validate", () => note({ what: "validate", ...place }));
      await job.step("process_records", async (step) => {
        for (let record = step.cursor ?? 0; record < records; record++) {
          await pause(RECORD);
          note({ what: "record", importId: payload.importId, record });
          await step.advance({ from: record });
        }
      });
      await job.step("finalize", () => note({ what: "finalize", ...place }), { isolated: true });
    },
  });
  const later = app.job<{ userId: string; n: number }>({
    name: "later",
    queue,
    ...keyed,
    perform: ({ userId, n }, job) => note({ what: "later", userId, n, partition: job.partition }),
  });
  return { imports, later };
}

/** Worker processes that are replaced, one after the other, while imports run. Gives what they noted, in order of time. */
export async function rollingDeploy(brokers: readonly string[], form: DeployForm): Promise<SeenNote[]> {
  const id = `${process.pid}-${Math.floor(Math.random() * 1e9)}`;
  const run: DeployRun = {
    ...form,
    ...{ brokers, group: `deploy-${id}`, queue: `deploy-${id}`, schedule: `deploy-${id}-later` },
    ...{ partitions: 4, folder: mkdtempSync(join(tmpdir(), "ottla-deploy-")), records: 300 },
  };
  const app = createApp({
    kafka: { brokers },
    queues: { [run.queue]: { partitions: run.partitions } },
    scheduledMessagesTopics: [run.schedule],
  });
  const crew = new DeployCrew(run);
  try {
    await app.topics.apply();
    const { imports, later } = defineImports(app, run, () => {});
    for (let i = 0; i < 2; i++) crew.hire();
    const users = Array.from({ length: 6 }, (_, i) => `user-${i}`);
    for (const [importId, userId] of users.entries()) await imports.performLater({ importId, userId });
    for (let n = 0; n < 3; n++) for (const userId of users) await later.performLater({ userId, n });
    await crew.until("imports begin", (notes) => notes.filter(({ what }) => what === "record").length > 100);
    for (let i = 0; i < 2; i++) {
      crew.hire();
      await crew.dismissFirst();
      const before = crew.notes().length;
      await crew.until("work goes on", (notes) => notes.length > before + 50 || isDone(notes, users.length));
    }
    await crew.until("all is done", (notes) => isDone(notes, users.length));
    while (crew.size > 0) await crew.dismissFirst();
    return crew.notes();
  } finally {
    crew.killAll();
    await app.close();
    rmSync(run.folder, { recursive: true, force: true });
  }
}

function isDone(notes: readonly SeenNote[], users: number): boolean {
  const count = (what: SeenNote["what"]): number => notes.filter((note) => note.what === what).length;
  return count("finalize") >= users && count("later") >= 3 * users;
}

class DeployCrew {
  readonly #run: DeployRun;
  readonly #living: { readonly child: ChildProcess; readonly name: string }[] = [];
  #hired = 0;

  constructor(run: DeployRun) {
    this.#run = run;
  }

  get size(): number {
    return this.#living.length;
  }

  hire(): void {
    const name = `w${this.#hired++}`;
    const args = [...RUNTIME_ARGUMENTS, WORKER, name, JSON.stringify(this.#run)];
    this.#living.push({ name, child: spawn(process.execPath, args, { stdio: ["pipe", "inherit", "inherit"] }) });
  }

  /** In good order, as a deploy does. */
  async dismissFirst(): Promise<void> {
    const { child, name } = this.#living.shift()!;
    const gone = new Promise<void>((resolve, reject) => {
      child.once("close", (code, signal) =>
        code === 0 ? resolve() : reject(new Error(`${name} ended with ${code ?? signal}`)),
      );
    });
    child.stdin!.end();
    await gone;
  }

  killAll(): void {
    for (const { child } of this.#living) child.kill("SIGKILL");
  }

  notes(): SeenNote[] {
    const { folder } = this.#run;
    const lines = readdirSync(folder).flatMap((file) => readFileSync(join(folder, file), "utf8").split("\n"));
    // The last line of a file may be half written.
    const whole = lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line) as SeenNote);
    return whole.sort((a, b) => a.at - b.at);
  }

  async until(what: string, isSo: (notes: readonly SeenNote[]) => boolean): Promise<void> {
    await until(
      () => what,
      PATIENCE,
      () => isSo(this.notes()),
      100,
    );
  }
}

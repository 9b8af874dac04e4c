import type { KafkaRecord } from "../../protocol/records.ts";
import type { ScheduledJob } from "../../src/jobs/dispatched-job.ts";
import type { Job, JobSettings } from "../../src/jobs/job.ts";
import type { JobOptions, RunningJob } from "../../src/jobs/job-options.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import { BENCH_START, startWorkerBench, type WorkerBench, type WorkerProcess } from "./worker-bench.ts";

export const SCHEDULE = "later";

/** One run of the job `remind`. */
export interface Reminder {
  readonly n: number;
  readonly by: string;
  /** Virtual milliseconds since the start. */
  readonly at: number;
  readonly job: RunningJob<{ readonly n: number; readonly key?: string }>;
}

export function headersOf({ headers }: KafkaRecord): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name, new TextDecoder().decode(value ?? undefined)]));
}

type Remind = Job<{ readonly n: number; readonly key?: string }>;

/** A queue `q`, a schedule topic, and the job `remind` in as many processes as a test wants. */
export class ScheduleScene {
  readonly bench: WorkerBench;
  readonly ran: Reminder[] = [];
  readonly #jobs = new Map<WorkerProcess, Remind>();

  constructor(bench: WorkerBench) {
    this.bench = bench;
  }

  /** Topics that the bench is to have. */
  static async topics(bench: WorkerBench, partitions = 1, target = 1): Promise<void> {
    const configs = { "cleanup.policy": "compact" };
    await bench.broker.createTopic(SCHEDULE, { partitions, configs });
    await bench.broker.createTopic(`${SCHEDULE}-dead`, { partitions });
    if (!bench.broker.topics().some(({ name }) => name === "q"))
      await bench.broker.createTopic("q", { partitions: target });
  }

  process(
    name: string,
    options: AppOptions = {},
    jobOptions: Partial<JobOptions<{ n: number; key?: string }>> = {},
  ): WorkerProcess {
    const process = this.bench.process(name, { scheduledMessagesTopics: [SCHEDULE], ...options });
    const job = process.app.job<{ n: number; key?: string }>({
      name: "remind",
      queue: "q",
      scheduledMessagesTopic: SCHEDULE,
      partitioner: ({ payload }) => payload.key ?? `k${payload.n}`,
      perform: ({ n }, running) => {
        this.ran.push({ n, by: name, at: this.bench.time.elapsed, job: running });
      },
      ...jobOptions,
    });
    this.#jobs.set(process, job as Remind);
    return process;
  }

  job(process: WorkerProcess): Remind {
    return this.#jobs.get(process)!;
  }

  /** Schedules one, and gives its handle. */
  async remind(process: WorkerProcess, n: number, settings: JobSettings, key?: string): Promise<ScheduledJob> {
    const payload = key === undefined ? { n } : { n, key };
    const job = await this.bench.run(this.job(process).set(settings).performLater(payload));
    if (job.state !== "scheduled") throw new Error(`it is ${job.state}`);
    return job;
  }

  /** Keys that the log of the schedule topic still has a value for, as compaction would leave it. */
  left(partition = 0): Map<string, KafkaRecord> {
    const left = new Map<string, KafkaRecord>();
    for (const record of this.bench.committedRecords(SCHEDULE, partition)) {
      const key = new TextDecoder().decode(record.key!);
      if (record.value === null) left.delete(key);
      else left.set(key, record);
    }
    return left;
  }

  /** Schedules many for instants from `from` to `to` (virtual ms), their numbers counted from `first` on. */
  async remindMany(
    process: WorkerProcess,
    count: number,
    { from, to, first = 0 }: { readonly from: number; readonly to: number; readonly first?: number },
  ): Promise<ScheduledJob[]> {
    const jobs = Array.from({ length: count }, (_, i) => {
      const waitUntil = ScheduleScene.instant(from + Math.floor((i * (to - from)) / count));
      return this.job(process)
        .set({ waitUntil })
        .of({ n: first + i });
    });
    return (await this.bench.run(process.app.performAllLater(jobs))) as ScheduledJob[];
  }

  /** Numbers of what was dispatched to the queue, as readers of what is committed see it. */
  get dispatched(): number[] {
    const { partitions } = this.bench.broker.topics().find(({ name }) => name === "q")!;
    return partitions.flatMap(({ index }) =>
      this.bench
        .committedRecords("q", index)
        .map(({ value }) => (JSON.parse(new TextDecoder().decode(value!)) as { n: number }).n),
    );
  }

  /** Milliseconds since 1970 of a virtual instant. */
  static instant(elapsed: number): number {
    return BENCH_START + elapsed;
  }

  get numbers(): number[] {
    return this.ran.map(({ n }) => n);
  }
}

/** A bench with the topics of a scene: so many `partitions` has the schedule topic. */
export async function startScheduleScene(
  t: Parameters<typeof startWorkerBench>[0],
  options: Parameters<typeof startWorkerBench>[1] = {},
  partitions = 1,
): Promise<{ readonly bench: WorkerBench; readonly scene: ScheduleScene }> {
  const bench = await startWorkerBench(t, options);
  await ScheduleScene.topics(bench, partitions);
  return { bench, scene: new ScheduleScene(bench) };
}

export interface Stage {
  readonly bench: WorkerBench;
  readonly scene: ScheduleScene;
  /** The one that dispatches, and one that only asks. */
  readonly worker: WorkerProcess;
  readonly asker: WorkerProcess;
}

/** A worker that has loaded, and somebody else in another process. */
export async function stage(t: Parameters<typeof startWorkerBench>[0], partitions = 1): Promise<Stage> {
  const { bench, scene } = await startScheduleScene(t, {}, partitions);
  const [worker, asker] = [scene.process("worker"), scene.process("asker")];
  await worker.work();
  await bench.until(() => worker.seen("scheduleLoaded").length === partitions);
  return { bench, scene, worker, asker };
}

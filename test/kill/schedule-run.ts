import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, createApp, type Job, type ScheduledJob } from "ottla";
import { Kafka } from "../../src/client/kafka.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { type Asked, type AskedRequest, checkSchedules } from "../support/check-schedules.ts";
import { QUIET } from "../support/quiet-logger.ts";
import { Crew } from "./crew.ts";
import type { KillRun, Task } from "./kill-run.ts";
import { type ReadRecord, readCommitted } from "./read-committed.ts";

export interface SchedulePlan {
  readonly brokers: readonly string[];
  readonly groupProtocol: GroupProtocol;
  /** Of the schedule topic; the queue has as many. */
  readonly partitions: number;
}

const KEYS = 40;
/** Milliseconds within which everything falls due. */
const SPAN = 3_000;
/** What is past by the time of its call would go out at once. */
const SOONEST = 1_000;
/** One in so many is asked about. */
const ASKED_ONE_IN = 8;

/** A schedule topic, whoever schedules, and its crew. */
export class ScheduleRun {
  readonly crew: Crew;
  readonly #asked: Asked[] = [];
  readonly #app: App;
  readonly #job: Job<Task & { readonly n: number }>;
  readonly #kafka: Kafka;
  readonly #run: KillRun;
  readonly #schedule: string;
  readonly #words: Promise<void>[] = [];

  constructor({ brokers, groupProtocol, partitions }: SchedulePlan) {
    const queue = `schedule-${crypto.randomUUID()}`;
    this.#schedule = `${queue}-later`;
    this.#run = {
      ...{ brokers, group: queue, groupProtocol, queue, sessionTimeout: 3_000, commitInterval: 200 },
      graces: { revokeGrace: 2_000, shutdownTimeout: 5_000 },
      queueOptions: { partitions },
      schedule: { topic: this.#schedule, partitions },
      folder: mkdtempSync(join(tmpdir(), "ottla-schedules-")),
    };
    this.crew = new Crew(this.#run);
    this.#kafka = new Kafka({ brokers });
    this.#app = createApp({
      ...{ kafka: { brokers }, queues: { [queue]: this.#run.queueOptions }, logger: QUIET },
      scheduledMessagesTopics: [this.#run.schedule!],
    });
    this.#job = this.#app.job<Task & { readonly n: number }>({
      ...{ name: "work", queue, scheduledMessagesTopic: this.#schedule, perform() {} },
      partitioner: ({ payload }) => payload.key,
    });
  }

  /** Makes the topics, and starts so many workers. */
  async start(workers: number): Promise<void> {
    await this.#app.topics.apply();
    for (let i = 0; i < workers; i++) this.crew.hire();
  }

  /** Schedules so many, due from now on, and asks about some of them as they fall due. What fails may wait or not. */
  async schedule(count: number, random: () => number): Promise<void> {
    const made = Array.from({ length: count }, (_, i): Asked => {
      const key = `k${Math.floor(random() * KEYS)}`;
      return { kind: "job", n: this.#asked.length + i, key, handle: undefined, requests: [] };
    });
    this.#asked.push(...made);
    const all = made.map(async (asked) => {
      const { n, key } = asked;
      // Some of them at the same instants.
      const waitUntil = 50 * Math.ceil((Date.now() + SOONEST + random() * SPAN) / 50);
      const job = this.#job.set({ waitUntil }).performLater({ n, key, takes: 0 }) as Promise<ScheduledJob>;
      asked.handle = await job;
      if (random() * ASKED_ONE_IN < 1) this.#words.push(this.#ask(asked, waitUntil - Date.now(), random));
    });
    await Promise.allSettled(all);
  }

  async #ask(asked: Asked, wait: number, random: () => number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait - 300 + 350 * random())));
    const kind = random() < 0.5 ? "cancel" : "reschedule";
    const request: AskedRequest = { kind, verdict: "pending" };
    asked.requests.push(request);
    const { handle } = asked;
    try {
      request.verdict =
        kind === "cancel"
          ? await this.#app.cancel(handle!)
          : await this.#app.reschedule(handle!, { wait: Math.floor(random() * SPAN) });
    } catch {
      request.verdict = "unknown";
    }
  }

  /** Resolves once so many more have been run as now. */
  async run(more: number): Promise<void> {
    const wanted = this.crew.notes.ended.size + more;
    await this.crew.until(
      () => `${wanted} jobs have run`,
      () => this.crew.notes.ended.size >= wanted,
    );
  }

  /** Resolves once nothing waits any more, and all that was dispatched has run. */
  async settled(): Promise<void> {
    await Promise.all(this.#words);
    let left = -1;
    await this.crew.until(
      () => `nothing waits; ${left} do`,
      async () => {
        left = (await this.#app.scheduled.list().catch(() => [1])).length;
        return left === 0;
      },
    );
    const sent = await this.#read(this.#run.queue);
    await this.crew.until(
      () => "everything that was dispatched has run",
      () => sent.every((each) => this.#hasRun(each)),
    );
  }

  #hasRun({ partition, record }: ReadRecord): boolean {
    return this.crew.notes.ended.has(`${partition}/${record.offset}`);
  }

  #read(topic: string): Promise<ReadRecord[]> {
    return readCommitted(this.#kafka, topic);
  }

  /** What of S7 and S8 does not hold, and how many were dispatched. */
  async check(): Promise<{ readonly problems: readonly string[]; readonly figures: string }> {
    const [schedule, queue, dead] = [
      await this.#read(this.#schedule),
      await this.#read(this.#run.queue),
      await this.#read(`${this.#schedule}-dead`),
    ];
    const ran = new Set(queue.filter((each) => this.#hasRun(each)).map(({ record }) => numberOf(record.value!)));
    const problems = checkSchedules(this.#asked, { schedule, queue, plain: [], dead }, ran);
    const words = this.#asked.flatMap(({ requests }) => requests.map(({ verdict }) => verdict));
    const counts = [...new Set(words)].map((word) => `${words.filter((each) => each === word).length} ${word}`);
    return { problems, figures: `${this.#asked.length} scheduled, ${queue.length} dispatched; ${counts.join(", ")}` };
  }

  async close(): Promise<void> {
    this.crew.killAll();
    await Promise.all([this.#app.close(), this.#kafka.close()]);
    rmSync(this.#run.folder, { recursive: true, force: true });
  }
}

function numberOf(value: Uint8Array): number {
  return (JSON.parse(new TextDecoder().decode(value)) as { n: number }).n;
}

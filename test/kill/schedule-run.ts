import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, createApp } from "ottla";
import { Kafka } from "../../src/client/kafka.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { checkSchedules } from "../support/check-schedules.ts";
import { QUIET } from "../support/quiet-logger.ts";
import { Crew } from "./crew.ts";
import type { KillRun, Task } from "./kill-run.ts";
import { type ReadRecord, readCommitted } from "./read-committed.ts";
import { ScheduleLoad } from "./schedule-load.ts";

export interface SchedulePlan {
  readonly brokers: readonly string[];
  readonly groupProtocol: GroupProtocol;
  /** Of the schedule topic; the queue has as many. */
  readonly partitions: number;
}

/** A schedule topic, whoever schedules, and its crew. */
export class ScheduleRun {
  readonly crew: Crew;
  readonly #app: App;
  readonly #load: ScheduleLoad;
  readonly #kafka: Kafka;
  readonly #run: KillRun;
  readonly #schedule: string;

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
    const job = this.#app.job<Task>({
      ...{ name: "work", queue, scheduledMessagesTopic: this.#schedule, perform() {} },
      partitioner: ({ payload }) => payload.key,
    });
    this.#load = new ScheduleLoad(this.#app, job);
  }

  /** Makes the topics, and starts so many workers. */
  async start(workers: number): Promise<void> {
    await this.#app.topics.apply();
    for (let i = 0; i < workers; i++) this.crew.hire();
  }

  /** As {@link ScheduleLoad.schedule}. */
  schedule(count: number, random: () => number): Promise<void> {
    return this.#load.schedule(count, random);
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
    await this.#load.answered();
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
    const problems = checkSchedules(this.#load.asked, { schedule, queue, plain: [], dead }, ran);
    const counts = [...this.#load.verdicts].map(([word, count]) => `${count} ${word}`);
    return {
      problems,
      figures: `${this.#load.asked.length} scheduled, ${queue.length} dispatched; ${counts.join(", ")}`,
    };
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

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type App, createApp } from "ottla";
import { now } from "../../examples/flights/wall-clock.ts";
import { Kafka } from "../../src/client/kafka.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { chanceOf } from "../../src/testing/chance.ts";
import { Crew } from "../kill/crew.ts";
import { GRACES } from "../kill/fault-run.ts";
import type { KillRun, Task } from "../kill/kill-run.ts";
import { ScheduleLoad } from "../kill/schedule-load.ts";
import { detouring } from "../support/detouring.ts";
import { QUIET } from "../support/quiet-logger.ts";
import type { RuntimeProgram } from "../support/runtime-program.ts";
import { ChaosLoad, type Enqueuer } from "./chaos-load.ts";
import { BROKERS, type ChaosSite } from "./chaos-site.ts";
import { Detours, type Ways } from "./detours.ts";

export interface RunPlan {
  readonly seed: number;
  /** Names its topics and its group. */
  readonly name: string;
  readonly groupProtocol: GroupProtocol;
  readonly partitions: number;
  readonly workers: number;
  /** Workers are of these in turn. */
  readonly runtimes: readonly RuntimeProgram[];
  /** Where workers write what they do. */
  readonly folder: string;
}

/** Milliseconds. */
const SESSION = 3_000;
export const COMMIT_INTERVAL = 200;
const BACKOFF = { initial: 40, max: 160, jitter: 0.2 };
export const MAX_RETRIES = 3;
/** As long as a deploy waits for a process that has started. */
const READY_WITHIN = 8_000;
const SCHEDULE_EVERY = 1_000;
const SCHEDULED_AT_ONCE = 6;

/** A queue and all that belongs to it, its workers on several runtimes, and whoever enqueues and schedules. */
export class ChaosRun {
  readonly site: ChaosSite;
  readonly crew: Crew;
  readonly detours: Detours;
  readonly load: ChaosLoad;
  readonly schedules: ScheduleLoad;
  readonly kafka: Kafka;
  readonly plan: RunPlan;
  readonly topics: { readonly queue: string; readonly dead: string; readonly next: string; readonly schedule: string };
  /** How many partitions the queue has had, and since when. */
  readonly growths: { readonly at: number; readonly partitions: number }[];
  /** By worker. */
  readonly runtimeOf: Map<string, string> = new Map();
  /** How long (ms) workers took to close, from when they were told to. */
  readonly closings: number[] = [];
  readonly #settings: KillRun;
  readonly #enqueuerWays: Ways;
  readonly #scheduler: App;
  #isScheduling = false;
  #scheduling: Promise<void> | undefined;

  private constructor(site: ChaosSite, plan: RunPlan, detours: Detours, ways: Ways) {
    const queue = plan.name;
    this.topics = { queue, dead: `${queue}-dead`, next: `${queue}-next`, schedule: `${queue}-later` };
    this.site = site;
    this.plan = plan;
    this.detours = detours;
    this.#enqueuerWays = ways;
    this.growths = [{ at: now(), partitions: plan.partitions }];
    this.#settings = {
      ...{ brokers: site.brokers, group: queue, groupProtocol: plan.groupProtocol, queue, next: this.topics.next },
      ...{ graces: GRACES, sessionTimeout: SESSION, commitInterval: COMMIT_INTERVAL, folder: plan.folder },
      schedule: { topic: this.topics.schedule, partitions: plan.partitions },
      queueOptions: {
        ...{ partitions: plan.partitions, allowPartitionMismatch: true, backoff: BACKOFF },
        deadLetterQueue: { topic: this.topics.dead, maxRetries: MAX_RETRIES },
      },
    };
    mkdirSync(plan.folder, { recursive: true });
    this.crew = new Crew(this.#settings);
    this.kafka = new Kafka({ brokers: site.brokers });
    const random = chanceOf(plan.seed + 1);
    this.load = new ChaosLoad(() => this.#enqueuer(), random);
    const { app, job } = this.#enqueuer();
    this.#scheduler = app;
    this.schedules = new ScheduleLoad(app, job);
  }

  static async open(site: ChaosSite, plan: RunPlan): Promise<ChaosRun> {
    const detours = new Detours(site.brokers);
    const ways = await detours.open();
    detours.set("enqueuer", ways);
    return new ChaosRun(site, plan, detours, ways);
  }

  #enqueuer(): Enqueuer {
    const { queue, queueOptions, schedule, next, brokers, group } = this.#settings;
    const app = createApp({
      kafka: { brokers, transport: detouring(this.#enqueuerWays.ports) },
      ...{ group, queues: { [queue]: queueOptions, [next!]: { partitions: this.plan.partitions } } },
      ...{ scheduledMessagesTopics: [schedule!], logger: QUIET },
    });
    app.on("error", () => {});
    app.job<Task>({ name: "next", queue: next!, perform() {} });
    const job = app.job<Task>({
      ...{ name: "work", queue, scheduledMessagesTopic: schedule!.topic, perform() {} },
      partitioner: ({ payload }) => payload.key,
    });
    return { app, job };
  }

  get partitions(): number {
    return this.growths.at(-1)!.partitions;
  }

  /** Milliseconds after which the group gives up a member that is silent. */
  get session(): number {
    // Under the other protocol it is the brokers', and the cluster's script says ten seconds.
    return this.plan.groupProtocol === "classic" || this.site.pause === undefined ? SESSION : 10_000;
  }

  /** Makes the topics, starts the workers, and enqueues until it is stopped. */
  async start(): Promise<void> {
    await this.#scheduler.topics.apply();
    for (let i = 0; i < this.plan.workers; i++) await this.hire();
    this.crew.onDeath = (by) => {
      void this.detours.leave(by);
      void this.hire();
    };
    this.load.start();
    this.#isScheduling = true;
    this.#scheduling = this.#schedule(chanceOf(this.plan.seed + 2));
    await this.everythingGoesOn();
  }

  async #schedule(random: () => number): Promise<void> {
    const calls: Promise<void>[] = [];
    while (this.#isScheduling) {
      calls.push(this.schedules.schedule(SCHEDULED_AT_ONCE, random));
      await pause(SCHEDULE_EVERY);
    }
    await Promise.all(calls);
  }

  async hire(): Promise<string> {
    const ways = await this.detours.open();
    const { runtimes } = this.plan;
    const runtime = runtimes[this.runtimeOf.size % runtimes.length]!;
    const by = this.crew.hire({ detours: ways.ports }, runtime);
    this.detours.set(by, ways);
    this.runtimeOf.set(by, runtime.name);
    // For whoever has to end it where this process cannot: see left-over.ts.
    writeFileSync(join(this.plan.folder, `${this.crew.pidOf(by)}.pid`), this.plan.folder);
    return by;
  }

  /** Resolves once a worker has been given something, is no more, or has had its time: there may be none for it. */
  takesPart(by: string): Promise<void> {
    const end = now() + READY_WITHIN;
    return this.crew.until(
      () => `${by} takes part`,
      () => now() > end || this.crew.notes.ownedBy(by).length > 0 || !this.crew.living.includes(by),
    );
  }

  kill(by: string): void {
    this.crew.kill(by);
    void this.detours.leave(by);
  }

  /** As a deploy does. */
  async dismiss(by: string): Promise<void> {
    await this.crew.dismiss(by);
    await this.detours.leave(by);
    const at = now();
    const told = this.crew.notes.read().findLast((note) => note.what === "closing" && note.by === by);
    if (told !== undefined) this.closings.push(Math.round(at - told.at));
  }

  /** Gives the queue more partitions, its dead letter topic first, and has somebody enqueue who knows. */
  async grow(): Promise<void> {
    const count = this.partitions + 1 + (this.plan.seed % 2);
    await this.#growTopic(this.topics.dead, count);
    this.growths.push({ at: now(), partitions: count });
    await this.#growTopic(this.topics.queue, count);
    await this.load.replace();
  }

  /** Again and again: with a broker away it is refused, and one that was not answered may have been made. */
  async #growTopic(topic: string, count: number): Promise<void> {
    const admin = this.kafka.admin();
    await this.crew.until(
      () => `${topic} has ${count} partitions`,
      async () => {
        await admin.createPartitions([{ topic, count }]).catch(() => {});
        const [found] = await admin.describeTopics([topic]).catch(() => []);
        return found?.replicas.length === count;
      },
    );
  }

  /** Resolves once a job of every partition has ended, from now on, that has had any before. */
  everythingGoesOn(): Promise<void> {
    const since = now();
    const { notes } = this.crew;
    const all = new Set([...Array.from({ length: this.plan.partitions }, (_, i) => i), ...notes.lastEnds.keys()]);
    const silent = (): number[] => [...all].filter((partition) => (notes.lastEnds.get(partition) ?? 0) <= since);
    return this.crew.until(
      () => `jobs of partitions ${silent()} end`,
      () => silent().length === 0,
    );
  }

  /** Resolves once every replica is in sync again, so that the next fault of a broker hits a whole cluster. */
  healed(): Promise<void> {
    const topics = [this.topics.queue, "__consumer_offsets", "__transaction_state"];
    if (this.site.pause === undefined) return Promise.resolve();
    return this.crew.until(
      () => "every replica is in sync",
      async () => {
        const found = await this.kafka
          .admin()
          .describeTopics(topics)
          .catch(() => []);
        return (
          found.length === topics.length &&
          found.every(({ replicas }) => replicas.every(({ inSync }) => inSync.length === BROKERS))
        );
      },
    );
  }

  /** Resolves once nothing is enqueued any more, nothing waits, everything is finished, and committed as such. */
  async drained(): Promise<void> {
    this.#isScheduling = false;
    await Promise.all([this.load.stop(), this.#scheduling]);
    await this.schedules.answered();
    let left = "nobody knows what";
    await this.crew.until(
      () => `nothing is left: ${left}`,
      async () => {
        const waiting = await this.#scheduler.scheduled.list().catch(() => undefined);
        left = `${waiting?.length ?? "an unknown number of"} entries wait`;
        if (waiting?.length !== 0) return false;
        const lags = await this.kafka
          .admin()
          .groupLag(this.#settings.group)
          .catch(() => []);
        const own = lags.filter(({ topic }) => topic === this.topics.queue);
        const behind = Array.from({ length: this.partitions }, (_, p) => own.find((l) => l.partition === p)?.lag);
        left = `the lag is ${behind.map((lag) => lag ?? "unknown").join(", ")}`;
        return behind.every((lag) => lag === 0);
      },
    );
  }

  async dismissAll(): Promise<void> {
    this.crew.onDeath = () => {};
    await Promise.all(this.crew.living.map((by) => this.dismiss(by)));
  }

  /** Ends everything as it is, and leaves nothing behind on the brokers. */
  async close(keepsNotes: boolean): Promise<void> {
    this.crew.onDeath = () => {};
    this.#isScheduling = false;
    this.crew.killAll();
    await Promise.allSettled([this.load.close(), this.#scheduler.close()]);
    const { queue, dead, next, schedule } = this.topics;
    await this.kafka
      .admin()
      .deleteTopics([queue, dead, next, schedule, `${schedule}-dead`, `${queue}-state`])
      .catch(() => {});
    await this.kafka.close();
    await this.detours.close();
    if (!keepsNotes) rmSync(this.plan.folder, { recursive: true, force: true });
  }
}

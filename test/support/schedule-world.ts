import { type Broker, startBroker } from "../../src/broker/mod.ts";
import { Kafka } from "../../src/client/kafka.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { type App, createApp } from "../../src/jobs/app.ts";
import type { ScheduledJob } from "../../src/jobs/dispatched-job.ts";
import { fillRuntime } from "../../src/jobs/fill-runtime.ts";
import type { Job } from "../../src/jobs/job.ts";
import type { ScheduleStatus } from "../../src/jobs/owned-schedules.ts";
import type { WorkOptions } from "../../src/jobs/work-options.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import { sleep } from "../../src/net/clock.ts";
import { MemoryNetwork, type MemoryTransport } from "../../src/net/memory.ts";
import { type InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";
import { type ReadRecord, readCommitted } from "../kill/read-committed.ts";
import { QUIET } from "./quiet-logger.ts";

export interface ScheduleWorldOptions {
  readonly seed: number;
  readonly protocol: GroupProtocol;
  /** Milliseconds that a chunk may take between two parties, at most. */
  readonly latency: number;
}

export interface Note {
  readonly n: number;
  readonly key: string;
}

/** Something that was to wait for its time. */
export interface Asked extends Note {
  readonly kind: "job" | "plain";
  /** Undefined: nobody knows whether it waits, or ever did. */
  handle: Pick<ScheduledJob, "entry" | "topic" | "partition" | "offset" | "dueAt"> | undefined;
  readonly requests: AskedRequest[];
}

/** A request about an entry, and the word on it. */
export interface AskedRequest {
  readonly kind: "cancel" | "reschedule";
  /** "unknown": whoever asked was not told in time. */
  verdict: "pending" | "cancelled" | "rescheduled" | "tooLate" | "unknown";
}

/** One process with one worker. */
export interface ScheduleInstance {
  readonly name: string;
  readonly app: App;
  readonly clock: InstanceClock;
  readonly network: MemoryTransport;
  worker: Worker | undefined;
  alive: boolean;
}

export const TOPICS = { schedule: "later", dead: "later-dead", queue: "q", plain: "plain" } as const;
export const COUNTS: Readonly<Record<string, number>> = { later: 2, "later-dead": 2, q: 3, plain: 2 };
export const NODES = 3;
const GROUP = "workers";
const SESSION = 6_000;
const WORK: WorkOptions = {
  ...{ sessionTimeout: SESSION, rebalanceTimeout: "20s", commitInterval: "200ms" },
  ...{ revokeGrace: "5s", shutdownTimeout: "10s" },
};

/** A cluster in memory with schedule topics, whoever schedules, and workers that come and go. */
export class ScheduleWorld {
  readonly time: VirtualClock;
  readonly instances: ScheduleInstance[] = [];
  readonly asked: Asked[] = [];
  /** Numbers of jobs that ran to their end. */
  readonly ran: Set<number> = new Set();
  readonly errors: string[] = [];
  readonly #options: ScheduleWorldOptions;
  readonly #network: MemoryNetwork;
  readonly #pending = new Set<Promise<void>>();
  broker!: Broker;
  #outside!: { readonly app: App; readonly job: Job<Note> };
  #kafka!: Kafka;

  constructor(options: ScheduleWorldOptions) {
    this.#options = options;
    this.time = new VirtualClock(options.seed);
    this.#network = new MemoryNetwork({ delay: () => Math.floor(this.time.random() * (options.latency + 1)) });
  }

  async start(): Promise<void> {
    const clock = this.time.instance();
    this.broker = await startBroker({
      ...{ host: "kafka", port: 9092, clock, transport: this.#network.transport(clock), nodes: NODES },
      ...{ groupConsumerSessionTimeout: SESSION, groupConsumerHeartbeatInterval: SESSION / 3 },
    });
    for (const [name, partitions] of Object.entries(COUNTS)) {
      const configs = name === TOPICS.schedule ? { "cleanup.policy": "compact" } : {};
      await this.broker.createTopic(name, { partitions, configs });
    }
    this.#outside = this.#makeApp("outside");
    const own = this.time.instance();
    this.#kafka = new Kafka({ brokers: this.broker.addresses, clock: own, transport: this.#network.transport(own) });
  }

  #makeApp(name: string): {
    readonly app: App;
    readonly job: Job<Note>;
    readonly clock: InstanceClock;
    readonly network: MemoryTransport;
  } {
    const clock = this.time.instance();
    const network = this.#network.transport(clock);
    const app = createApp({
      ...{ group: GROUP, logger: QUIET, scheduledMessagesTopics: [TOPICS.schedule] },
      kafka: { clientId: name, requestTimeout: "5s" },
    });
    fillRuntime(app, { clock, transport: network, brokers: this.broker.addresses });
    const job = app.job<Note>({
      ...{ name: "note", queue: TOPICS.queue, scheduledMessagesTopic: TOPICS.schedule },
      partitioner: ({ payload }) => payload.key,
      perform: ({ n }) => void this.ran.add(n),
    });
    app.on("error", ({ error, during }) => void this.errors.push(`${name} ${during}: ${String(error)}`));
    return { app, job, clock, network };
  }

  /** Starts another worker; it is ready once it has found its topics. */
  async startWorker(): Promise<void> {
    const name = `worker-${this.instances.length}`;
    const { app, clock, network } = this.#makeApp(name);
    const instance: ScheduleInstance = { name, app, clock, network, worker: undefined, alive: true };
    this.instances.push(instance);
    const started = app.work({ ...WORK, groupProtocol: this.#options.protocol }).then((worker) => {
      instance.worker = worker;
    });
    started.catch((error: unknown) => this.errors.push(`${name} start: ${String(error)}`));
    await this.time.run(Promise.race([started.catch(() => {}), sleep(this.time.instance(), 30_000)]));
  }

  /** Asks that jobs, or plain messages, wait so many ms: one for each key, in order. Resolves once all are heard of. */
  async schedule(kind: Asked["kind"], keys: readonly string[], wait: number): Promise<void> {
    const { app, job } = this.#outside;
    const at = new Date(this.time.time + wait);
    const made = keys.map(
      (key, i): Asked => ({ kind, key, n: this.asked.length + i, handle: undefined, requests: [] }),
    );
    this.asked.push(...made);
    const all = made.map(async (each) => {
      const { n, key } = each;
      const value = JSON.stringify({ n, key });
      each.handle = await (kind === "plain"
        ? app.schedule({ topic: TOPICS.plain, key, value, at })
        : (job.set({ waitUntil: at }).performLater({ n, key }) as Promise<ScheduledJob>));
    });
    await this.time.run(Promise.allSettled(all));
  }

  /** Asks about an entry; the word on it comes as time passes. */
  ask(asked: Asked, kind: AskedRequest["kind"], wait: number): void {
    const { app } = this.#outside;
    const { handle } = asked;
    if (handle === undefined) return;
    const request: AskedRequest = { kind, verdict: "pending" };
    asked.requests.push(request);
    const word = kind === "cancel" ? app.cancel(handle) : app.reschedule(handle, { waitUntil: this.time.time + wait });
    const heard = word.then(
      (verdict) => {
        request.verdict = verdict;
      },
      () => {
        request.verdict = "unknown";
      },
    );
    this.#pending.add(heard);
    void heard.then(() => this.#pending.delete(heard));
  }

  /** As by SIGKILL: nothing of it ever runs again. */
  crash(instance: ScheduleInstance): void {
    instance.alive = false;
    instance.clock.freeze();
    instance.network.cut();
  }

  async close(instance: ScheduleInstance): Promise<void> {
    instance.alive = false;
    await this.time.run(instance.app.close().catch(() => {}));
  }

  get living(): ScheduleInstance[] {
    return this.instances.filter(({ alive }) => alive);
  }

  #heal(): void {
    for (const { clock, network } of this.living) {
      clock.resume();
      network.rejoin();
    }
  }

  /** Heals everything, and lets the run go on until nothing waits any more, and all that was dispatched is finished. */
  async settle(limit = 1_800_000): Promise<void> {
    this.broker.faults.clear();
    this.#heal();
    await this.startWorker();
    await this.time.run(Promise.all(this.#pending));
    const end = this.time.elapsed + limit;
    while (this.#waits()) {
      if (this.time.elapsed > end) throw new Error(`not done after ${limit} virtual ms: ${this.#situation()}`);
      await this.time.advance(1_000);
    }
    await this.time.advance(SESSION);
  }

  #waits(): boolean {
    const owned = this.living.flatMap(({ worker }) => [...(worker?.schedules ?? [])]);
    const { partitions } = this.broker.topics().find(({ name }) => name === TOPICS.schedule)!;
    // One that has not read to the end does not know yet what waits.
    const isIdle = owned.every(
      ({ partition, state, entries, requests, position }) =>
        state === "running" && entries + requests === 0 && position >= partitions[partition]!.logEndOffset,
    );
    return owned.length !== partitions.length || !isIdle || this.#lag().some((behind) => behind > 0);
  }

  /** What living workers do with schedule partitions. */
  get schedules(): ScheduleStatus[] {
    return this.living.flatMap(({ worker }) => worker?.status().schedules ?? []);
  }

  #lag(): number[] {
    const topic = this.broker.topics().find(({ name }) => name === TOPICS.queue)!;
    const offsets = this.broker.groups().find(({ groupId }) => groupId === GROUP)?.offsets ?? [];
    return topic.partitions.map(({ index, logEndOffset }) => {
      const found = offsets.find(({ topic: of, partition }) => of === TOPICS.queue && partition === index);
      return logEndOffset - (found?.offset ?? 0);
    });
  }

  #situation(): string {
    const status = this.living.map(({ name, worker }) => [name, worker?.status()]);
    return `${JSON.stringify(status)}; lag ${this.#lag()}; ${this.errors.slice(-5).join(" | ")}`;
  }

  /** All that is committed in a topic. */
  read(topic: string): Promise<ReadRecord[]> {
    return this.time.run(readCommitted(this.#kafka, topic));
  }

  async stop(): Promise<void> {
    this.#heal();
    const apps = [this.#outside.app, ...this.living.map(({ app }) => app)];
    await this.time.run(Promise.all(apps.map((app) => app.close().catch(() => {}))));
    await this.time.run(this.#kafka.close());
    await this.broker.close();
  }
}

import { type Broker, startBroker } from "../../src/broker/mod.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { type App, createApp } from "../../src/jobs/app.ts";
import type { EnqueuedJob } from "../../src/jobs/dispatched-job.ts";
import { fillRuntime } from "../../src/jobs/fill-runtime.ts";
import type { Job } from "../../src/jobs/job.ts";
import type { Logger } from "../../src/jobs/logger.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import type { WorkOptions } from "../../src/jobs/work-options.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import { sleep } from "../../src/net/clock.ts";
import { MemoryNetwork, type MemoryTransport } from "../../src/net/memory.ts";
import { type InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";
import type { Graces } from "./check-ledger.ts";
import { Ledger } from "./ledger.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly partitions: number;
  readonly nodes?: number;
  /** Milliseconds that a chunk may take between two parties, at most. */
  readonly latency?: number;
  /** Of each worker in turn. Default: what the broker offers. */
  readonly protocols?: readonly GroupProtocol[];
  /** Of the queue; undefined: it has none. */
  readonly lanes?: number | undefined;
  /** Further options of the queue. */
  readonly queue?: QueueOptions;
  /** Whether workers are static members: a new one takes the name of one that has closed or died. */
  readonly isStatic?: boolean;
}

export interface Payload {
  readonly key: string;
  /** Virtual milliseconds that the job takes. */
  readonly takes: number;
  /** How many of its first attempts fail. */
  readonly fails: number;
}

/** One process with one worker. */
export interface Instance {
  readonly name: string;
  readonly app: App;
  readonly clock: InstanceClock;
  readonly instanceId: string | undefined;
  worker: Worker | undefined;
  alive: boolean;
  readonly network: MemoryTransport;
}

const TOPIC = "jobs";
const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };
export const GRACES: Graces = { revokeGrace: 5_000, shutdownTimeout: 10_000 };
const SESSION = 6_000;
const WORK: WorkOptions = { sessionTimeout: SESSION, rebalanceTimeout: "20s", commitInterval: "200ms", ...GRACES };

/** A cluster and its workers in memory, on a virtual clock, with a ledger of all they do. */
export class JobWorld {
  readonly time: VirtualClock;
  readonly ledger: Ledger;
  readonly instances: Instance[] = [];
  readonly errors: string[] = [];
  readonly #options: WorldOptions;
  readonly #network: MemoryNetwork;
  readonly #failures = new Map<string, number>();
  broker!: Broker;
  #enqueuer!: { readonly app: App; readonly job: Job<Payload> };

  constructor(options: WorldOptions) {
    this.#options = options;
    this.time = new VirtualClock(options.seed);
    this.ledger = new Ledger(() => this.time.elapsed);
    const { latency = 0 } = options;
    this.#network = new MemoryNetwork({ delay: () => Math.floor(this.time.random() * (latency + 1)) });
  }

  async start(): Promise<void> {
    const clock = this.time.instance();
    const { nodes = 1, partitions } = this.#options;
    this.broker = await startBroker({
      host: "kafka",
      port: 9092,
      clock,
      transport: this.#network.transport(clock),
      nodes,
      groupConsumerSessionTimeout: SESSION,
      groupConsumerHeartbeatInterval: SESSION / 3,
    });
    await this.broker.createTopic(TOPIC, { partitions });
    this.broker.observe((request) => {
      if (request.api === "OffsetCommit") this.#noteCommits(request.clientId ?? "", request.body);
    });
    this.#enqueuer = this.#makeApp("enqueuer").made;
  }

  #noteCommits(by: string, body: unknown): void {
    const { topics } = body as {
      topics: { name: string; partitions: { partitionIndex: number; committedOffset: number }[] }[];
    };
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, committedOffset } of partitions) {
        this.ledger.add({ what: "commit", by, topic: name, partition: partitionIndex, offset: committedOffset });
      }
    }
  }

  #makeApp(name: string): {
    readonly made: { readonly app: App; readonly job: Job<Payload> };
    readonly clock: InstanceClock;
    readonly network: MemoryTransport;
  } {
    const clock = this.time.instance();
    const transport = this.#network.transport(clock);
    const { lanes, queue } = this.#options;
    const queues = { [TOPIC]: { ...(lanes === undefined ? {} : { virtualPartitions: { max: lanes } }), ...queue } };
    const app = createApp({ group: "workers", kafka: { clientId: name, requestTimeout: "5s" }, logger: QUIET, queues });
    fillRuntime(app, { clock, transport, brokers: this.broker.addresses });
    const job = app.job<Payload>({
      name: "work",
      queue: TOPIC,
      partitioner: ({ payload }) => payload.key,
      perform: async ({ key, takes, fails }, { topic, partition, offset, attempt, id }) => {
        this.ledger.add({ what: "start", by: name, topic, partition, offset, key, attempt });
        if (takes > 0) await sleep(clock, takes);
        const failed = this.#failures.get(id) ?? 0;
        const ok = failed >= fails;
        if (!ok) this.#failures.set(id, failed + 1);
        this.ledger.add({ what: "end", by: name, topic, partition, offset, ok });
        if (!ok) throw new Error("as planned");
      },
    });
    return { made: { app, job }, clock, network: transport };
  }

  /** Starts another worker; it is ready once it has found its topics. */
  async startWorker(): Promise<Instance> {
    const name = `worker-${this.instances.length}`;
    const { made, clock, network } = this.#makeApp(name);
    const instanceId = this.#options.isStatic ? this.#freeId() : undefined;
    const instance: Instance = { name, app: made.app, instanceId, clock, worker: undefined, alive: true, network };
    this.instances.push(instance);
    for (const what of ["assigned", "revoked", "lost"] as const) {
      made.app.on(what, ({ partitions }) => {
        for (const { topic, partition } of partitions) this.ledger.add({ what, by: name, topic, partition });
      });
    }
    made.app.on("error", ({ error, during }) => void this.errors.push(`${name} ${during}: ${String(error)}`));
    const { protocols = [] } = this.#options;
    const groupProtocol = protocols[(this.instances.length - 1) % Math.max(1, protocols.length)];
    const started = made.app.work({ ...WORK, groupProtocol, instanceId }).then((worker) => {
      instance.worker = worker;
    });
    await this.time.run(Promise.race([started, sleep(this.time.instance(), 30_000)]));
    return instance;
  }

  #freeId(): string {
    const taken = new Set(this.living.map(({ instanceId }) => instanceId));
    for (let i = 0; ; i++) if (!taken.has(`static-${i}`)) return `static-${i}`;
  }

  /** Resolves with the jobs that were acknowledged; what was not may be in the log or not. */
  async enqueue(payloads: readonly Payload[]): Promise<void> {
    const { job } = this.#enqueuer;
    const results = await this.time.run(Promise.allSettled(payloads.map((payload) => job.performLater(payload))));
    for (const [i, result] of results.entries()) {
      if (result.status === "rejected") continue;
      const { topic, partition, offset, id } = result.value as EnqueuedJob;
      this.ledger.add({ what: "enqueued", topic, partition, offset, id, key: payloads[i]!.key });
    }
  }

  /** As by SIGKILL: nothing of it ever runs again. */
  crash(instance: Instance): void {
    if (!instance.alive) return;
    instance.alive = false;
    instance.clock.freeze();
    instance.network.cut();
    this.ledger.add({ what: "died", by: instance.name });
  }

  /** It stands still, or is cut off, for a while, and may be expelled without learning of it. */
  away(instance: Instance): void {
    this.ledger.add({ what: "away", by: instance.name });
  }

  async close(instance: Instance): Promise<void> {
    if (!instance.alive) return;
    instance.alive = false;
    this.ledger.add({ what: "closing", by: instance.name });
    await this.time.run(instance.app.close());
  }

  get living(): Instance[] {
    return this.instances.filter(({ alive }) => alive);
  }

  /** Heals everything, and lets the run go on until every acknowledged job has ended well and is committed. */
  async settle(limit = 3_600_000): Promise<void> {
    this.broker.faults.clear();
    this.#heal();
    await this.startWorker();
    await this.#within(limit, this.ledger.completed());
    // What was not acknowledged may be in the log all the same, and runs too.
    for (let waited = 0; waited < limit && this.lag().some((behind) => behind > 0); waited += 1_000)
      await this.time.advance(1_000);
    // Whoever was expelled meanwhile learns of it.
    await this.time.advance(SESSION);
  }

  #heal(): void {
    for (const { clock, network } of this.living) {
      clock.resume();
      network.rejoin();
    }
  }

  /** How far each partition's group offset is behind the end of its log. */
  lag(): number[] {
    const topic = this.broker.topics().find(({ name }) => name === TOPIC)!;
    const offsets = this.broker.groups().find(({ groupId }) => groupId === "workers")?.offsets ?? [];
    return topic.partitions.map(({ index, logEndOffset }) => {
      const committed = offsets.find(({ partition }) => partition === index)?.offset ?? 0;
      return logEndOffset - committed;
    });
  }

  async #within(limit: number, work: Promise<void>): Promise<void> {
    const timer = this.time.instance();
    let late = false;
    await this.time.run(
      Promise.race([
        work,
        sleep(timer, limit).then(() => {
          late = true;
        }),
      ]),
    );
    if (late)
      throw new Error(
        `not done after ${limit} virtual ms: ${JSON.stringify(this.instances.map(({ worker }) => worker?.status()))}; ${this.errors.slice(-5).join(" | ")}`,
      );
  }

  async stop(): Promise<void> {
    this.#heal();
    const apps = [this.#enqueuer.app, ...this.living.map(({ app }) => app)];
    await this.time.run(Promise.all(apps.map((app) => app.close().catch(() => {}))));
    await this.broker.close();
  }
}

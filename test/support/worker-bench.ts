import { test } from "node:test";
import type { OffsetCommitRequest } from "../../protocol/messages/08-offset-commit.ts";
import type { KafkaRecord } from "../../protocol/records.ts";
import type { Broker } from "../../src/broker/broker.ts";
import type { PartitionLog } from "../../src/broker/partition-log.ts";
import { Kafka } from "../../src/client/kafka.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { Producer } from "../../src/client/producer.ts";
import { type App, createApp } from "../../src/jobs/app.ts";
import { type CommitMetadata, decodeCommitMetadata } from "../../src/jobs/commit-metadata.ts";
import type { AppEventName, AppEvents } from "../../src/jobs/events.ts";
import { fillRuntime } from "../../src/jobs/fill-runtime.ts";
import type { JobOptions, RunningJob } from "../../src/jobs/job-options.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import type { WorkOptions } from "../../src/jobs/work-options.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import { type Clock, sleep, type Timer } from "../../src/net/clock.ts";
import type { MemoryNetwork, MemoryTransport } from "../../src/net/memory.ts";
import { type InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";
import { MemoryCluster } from "./memory-cluster.ts";
import { QUIET } from "./quiet-logger.ts";

/** One commit as it reached the broker. */
export interface SeenCommit {
  readonly by: string;
  /** Virtual milliseconds since the start. */
  readonly at: number;
  /** Which request carried it: several partitions may have come in one. */
  readonly request: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: CommitMetadata | undefined;
}

export interface SeenEvent<E extends AppEventName = AppEventName> {
  readonly name: E;
  readonly event: AppEvents[E];
  readonly at: number;
}

/** One start of the job `work`. */
export interface SeenStart {
  readonly by: string;
  readonly at: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly attempt: number;
  readonly key: string | undefined;
  readonly signal: AbortSignal;
}

type Perform = (payload: unknown, job: RunningJob, process: WorkerProcess) => unknown;

const EVENTS: readonly AppEventName[] = [
  ...(["started", "completed", "failed", "retried", "assigned", "revoked", "lost", "closed"] as const),
  ...(["retentionAtRisk", "discarded", "duplicate", "dead", "expired", "parked", "blocked"] as const),
  ...(["interrupted", "resumed"] as const),
  ...(["startedAtEarliest", "partitionsChanged", "instanceIdBusy", "eventLoopBlocked"] as const),
  ...(["shutdownDelayed", "error"] as const),
  ...(["dispatched", "cancelled", "rescheduled", "undispatchable", "scheduleLoaded"] as const),
];
export const GROUP = "workers";
/** The first instant, in milliseconds since 1970. */
export const BENCH_START = 1_800_000_000_000;
/** Of both protocols, in ms. */
const SESSION = 6_000;
/** What has not settled after that (virtual ms) never does: workers have timers for ever. */
const LONGEST_RUN = 12 * 3_600_000;

/** A process that may run a worker: its own clock, its own way into the network, and a ledger of its events. */
export class WorkerProcess {
  readonly name: string;
  readonly app: App;
  readonly clock: InstanceClock;
  readonly network: MemoryTransport;
  readonly events: SeenEvent[] = [];
  readonly #bench: WorkerBench;
  readonly #listening = new Map<AppEventName, () => void>();

  constructor(bench: WorkerBench, name: string, options: AppOptions, clockOf: (clock: InstanceClock) => Clock) {
    this.#bench = bench;
    this.name = name;
    this.clock = bench.time.instance();
    this.network = bench.network.transport(this.clock);
    this.app = createApp({ group: GROUP, kafka: { clientId: name, requestTimeout: "5s" }, logger: QUIET, ...options });
    fillRuntime(this.app, { clock: clockOf(this.clock), transport: this.network, brokers: bench.broker.addresses });
    for (const event of EVENTS) {
      const note = (seen: AppEvents[AppEventName]): void =>
        void this.events.push({ name: event, event: seen, at: bench.time.elapsed });
      this.#listening.set(event, this.app.on(event, note));
    }
  }

  /** Defines the job `work`, whose starts the bench notes. */
  job(queue: string, perform: Perform = () => {}, options: Partial<JobOptions<unknown>> = {}): this {
    this.app.job<unknown>({
      ...options,
      name: "work",
      queue,
      perform: (payload: unknown, job) => {
        const { topic, partition, offset, attempt, key, signal } = job;
        const start = { by: this.name, at: this.#bench.time.elapsed, topic, partition, offset, attempt, key, signal };
        this.#bench.starts.push(start);
        return perform(payload, job, this) as Promise<void>;
      },
    });
    return this;
  }

  /** Starts a worker with short times. */
  work(options: WorkOptions = {}): Promise<Worker> {
    const times = {
      sessionTimeout: SESSION,
      rebalanceTimeout: "20s",
      revokeGrace: "5s",
      shutdownTimeout: "10s",
    } as const;
    const { groupProtocol } = this.#bench;
    return this.#bench.run(this.app.work({ ...times, groupProtocol, ...options }));
  }

  seen<E extends AppEventName>(name: E): AppEvents[E][] {
    return this.events.filter((seen) => seen.name === name).map(({ event }) => event as AppEvents[E]);
  }

  /** Notes this event no more, as if nobody had ever listened. */
  unlisten(event: AppEventName): void {
    this.#listening.get(event)?.();
  }

  /** Virtual milliseconds. */
  readonly sleep = (ms: number): Promise<void> => sleep(this.clock, ms);

  /** As by SIGKILL: nothing of it ever runs again. */
  crash(): void {
    this.clock.freeze();
    this.network.cut();
  }
}

export interface BenchOptions {
  readonly nodes?: number;
  readonly topics?: Readonly<Record<string, number>>;
  /** What the processes' workers ask for. Default: nothing, so that they take what the broker offers. */
  readonly groupProtocol?: GroupProtocol | undefined;
  /** Of the cluster, where they are to be others than the newest. */
  readonly features?: Readonly<Record<string, number>>;
}

/** Worker processes around one broker, all in memory on a virtual clock. */
export class WorkerBench {
  readonly time: VirtualClock = new VirtualClock();
  readonly network: MemoryNetwork;
  readonly starts: SeenStart[] = [];
  readonly commits: SeenCommit[] = [];
  readonly #processes: WorkerProcess[] = [];
  readonly #cluster: MemoryCluster;
  readonly broker: Broker;
  readonly #producer: { readonly kafka: Kafka; readonly producer: Producer };
  readonly groupProtocol: GroupProtocol | undefined;

  constructor({ nodes = 1, groupProtocol, features = {} }: BenchOptions) {
    this.groupProtocol = groupProtocol;
    this.#cluster = new MemoryCluster(this.time, { nodes, session: SESSION, features });
    this.network = this.#cluster.network;
    this.broker = this.#cluster.broker;
    const own = this.time.instance();
    const kafka = new Kafka({
      brokers: this.broker.addresses,
      clock: own,
      transport: this.network.transport(own),
      clientId: "outsider",
    });
    this.#producer = { kafka, producer: kafka.producer() };
  }

  async start(topics: Readonly<Record<string, number>>): Promise<void> {
    await this.#cluster.start();
    for (const [name, partitions] of Object.entries(topics)) await this.broker.createTopic(name, { partitions });
    let request = 0;
    this.broker.observe(({ api, clientId, body }) => {
      if (api === "OffsetCommit") this.#noteCommit(clientId ?? "", body as OffsetCommitRequest, request++);
    });
  }

  #noteCommit(by: string, { topics }: OffsetCommitRequest, request: number): void {
    for (const { name: topic, partitions } of topics) {
      for (const { partitionIndex: partition, committedOffset: offset, committedMetadata } of partitions) {
        const metadata = decodeCommitMetadata(offset, committedMetadata ?? "");
        this.commits.push({ by, at: this.time.elapsed, request, topic, partition, offset, metadata });
      }
    }
  }

  process(
    name: string,
    options: AppOptions = {},
    clockOf: (clock: InstanceClock) => Clock = (clock) => clock,
  ): WorkerProcess {
    const process = new WorkerProcess(this, name, options, clockOf);
    this.#processes.push(process);
    return process;
  }

  /** Lets virtual time pass until the work is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let limit: Timer | undefined;
    const late = new Promise<never>((_, reject) => {
      limit = this.time.instance().timer(LONGEST_RUN, () => reject(new Error("not settled after 12 virtual hours")));
    });
    try {
      return await this.time.run(Promise.race([work, late]));
    } finally {
      limit?.cancel();
    }
  }

  /** Lets virtual time pass until `holds`, at most `limit` milliseconds. */
  async until(holds: () => boolean, limit = 120_000): Promise<void> {
    const end = this.time.elapsed + limit;
    while (!holds()) {
      if (this.time.elapsed >= end) throw new Error(`not so after ${limit} virtual ms: ${holds}`);
      await this.time.advance(5);
    }
  }

  /** Writes jobs named `work`, as any producer could: one record for each payload. */
  async produce(topic: string, partition: number, payloads: Iterable<unknown>): Promise<void> {
    await this.produceRecords(
      [...payloads].map((payload) => {
        return { topic, partition, key: "k", value: JSON.stringify(payload), headers: { "ottla-job": "work" } };
      }),
    );
  }

  /** Gives a topic other settings from here on. */
  async configure(topic: string, set: Readonly<Record<string, string>>): Promise<void> {
    await this.run(this.#producer.kafka.admin().alterConfigs([{ type: "topic", name: topic, set }]));
  }

  async produceRecords(records: Parameters<Producer["sendMany"]>[0]): Promise<void> {
    await this.run(this.#producer.producer.sendMany(records));
  }

  /** What a broker keeps of a partition. */
  log(topic: string, partition: number): PartitionLog {
    return this.#cluster.log(topic, partition);
  }

  /** The records that a partition's log has, markers left out, aborted ones not. */
  records(topic: string, partition: number): KafkaRecord[] {
    return this.#cluster.records(topic, partition);
  }

  /** The records of a partition that readers of what is committed see. */
  committedRecords(topic: string, partition: number): KafkaRecord[] {
    return this.#cluster.committedRecords(topic, partition);
  }

  /** Payloads by partition, as a reader of what is committed sees them. */
  async committedValues(topic: string, partitions: number): Promise<number[][]> {
    const consumer = this.#producer.kafka.consumer({
      assignment: Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
      offsetReset: "earliest",
    });
    const values = Array.from({ length: partitions }, (): number[] => []);
    const ends = this.broker
      .topics()
      .find(({ name }) => name === topic)!
      .partitions.map((each) => each.logEndOffset);
    const left = new Set(ends.flatMap((end, partition) => (end > 0 ? [partition] : [])));
    if (left.size > 0)
      for await (const { partition, records, nextOffset } of consumer) {
        for (const { value } of records)
          values[partition]!.push(JSON.parse(new TextDecoder().decode(value!)) as number);
        if (nextOffset >= ends[partition]!) left.delete(partition);
        if (left.size === 0) break;
      }
    await consumer.close();
    return values;
  }

  /** Adds partitions, as an administrator would. */
  async addPartition(topic: string): Promise<void> {
    this.#cluster.addPartition(topic);
    await this.run(this.#producer.kafka.cluster.refresh([topic]));
  }

  /** Commits from outside of the group. */
  commit(topic: string, partition: number, offset: number, metadata: string): void {
    this.#cluster.commit(GROUP, topic, partition, offset, metadata);
  }

  committed(topic: string, partition: number): { readonly offset: number; readonly metadata: string } | undefined {
    return this.#cluster.committed(GROUP, topic, partition);
  }

  /** How far each partition's group offset is behind the end of its log. */
  lag(topic: string): number[] {
    const { partitions } = this.broker.topics().find(({ name }) => name === topic)!;
    return partitions.map(({ index, logEndOffset }) => logEndOffset - (this.committed(topic, index)?.offset ?? 0));
  }

  /** Offsets of a partition's starts, in the order in which they were seen. */
  ran(topic: string, partition: number, by?: string): number[] {
    return this.starts
      .filter(
        (start) => start.topic === topic && start.partition === partition && (by === undefined || start.by === by),
      )
      .map(({ offset }) => offset);
  }

  async close(): Promise<void> {
    this.broker.faults.clear();
    const living = this.#processes.filter(({ clock }) => !clock.frozen);
    for (const { clock, network } of living) {
      clock.resume();
      network.rejoin();
    }
    await this.run(Promise.all(living.map(({ app }) => app.close().catch(() => {}))));
    await this.run(this.#producer.kafka.close());
    await this.broker.close();
  }
}

interface Cleanup {
  after(fn: () => Promise<void>): void;
  /** What the bench's workers ask for where its options do not say. */
  readonly protocol?: GroupProtocol;
}

/** A test that runs under one of the group protocols. */
export interface ProtocolTest extends Cleanup {
  readonly protocol: GroupProtocol;
}

export const PROTOCOLS: readonly GroupProtocol[] = ["classic", "consumer"];

/** The requests by which members join, and by which they say that they live. */
export const JOIN_API: Readonly<Record<GroupProtocol, string>> = {
  classic: "JoinGroup",
  consumer: "ConsumerGroupHeartbeat",
};
export const HEARTBEAT_API: Readonly<Record<GroupProtocol, string>> = {
  classic: "Heartbeat",
  consumer: "ConsumerGroupHeartbeat",
};

/** One test for each group protocol. */
export function underBoth(name: string, body: (t: ProtocolTest) => Promise<void>): void {
  for (const protocol of PROTOCOLS) under(protocol, name, body);
}

/** A test of what only one group protocol has. */
export function under(protocol: GroupProtocol, name: string, body: (t: ProtocolTest) => Promise<void>): void {
  test(`${name} (${protocol})`, (t) => body({ protocol, after: (fn) => void t.after(fn) }));
}

export async function startWorkerBench(t: Cleanup, options: BenchOptions = {}): Promise<WorkerBench> {
  const bench = new WorkerBench({ groupProtocol: t.protocol, ...options });
  await bench.start(options.topics ?? { q: 1 });
  t.after(() => bench.close());
  return bench;
}

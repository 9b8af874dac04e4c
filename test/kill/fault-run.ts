import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, createApp, type EnqueuedJob, type Job } from "ottla";
import { now } from "../../examples/flights/wall-clock.ts";
import { partitionForKey } from "../../protocol/murmur2.ts";
import { Kafka } from "../../src/client/kafka.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { type DeadLetter, readLetter } from "../../src/jobs/dead-letter.ts";
import type { Graces } from "../support/check-ledger.ts";
import type { LedgerEntry } from "../support/ledger.ts";
import { Crew } from "./crew.ts";
import type { FaultSite } from "./fault-site.ts";
import { type KillRun, noteEnqueued, type Task } from "./kill-run.ts";
import { readCommitted } from "./read-committed.ts";

export interface FaultPlan {
  readonly groupProtocol: GroupProtocol;
  readonly partitions: number;
  /** Undefined: there is no dead letter topic. */
  readonly maxRetries?: number;
}

export const GRACES: Graces = { revokeGrace: 2_000, shutdownTimeout: 5_000 };
/** Milliseconds. */
const BACKOFF = { initial: 40, max: 160, jitter: 0.2 };

/** A queue, who enqueues into it, and its crew; in the end the ledger of all of them. */
export class FaultRun {
  readonly crew: Crew;
  /** Of the jobs that do not end well, as `partition/offset`. */
  readonly poison: Set<string> = new Set();
  readonly partitions: number;
  readonly #site: FaultSite;
  readonly #kafka: Kafka;
  readonly #app: App;
  readonly #job: Job<Task>;
  readonly #run: KillRun;
  readonly #enqueued: LedgerEntry[] = [];

  constructor(site: FaultSite, { groupProtocol, partitions, maxRetries }: FaultPlan) {
    this.#site = site;
    this.partitions = partitions;
    const { brokers } = site;
    const queue = `faults-${crypto.randomUUID()}`;
    const deadLetterQueue = maxRetries === undefined ? undefined : { topic: `${queue}-dead`, maxRetries };
    this.#run = {
      ...{ brokers, group: queue, groupProtocol, queue, graces: GRACES, sessionTimeout: 3_000, commitInterval: 200 },
      queueOptions: { partitions, backoff: BACKOFF, ...(deadLetterQueue === undefined ? {} : { deadLetterQueue }) },
      folder: mkdtempSync(join(tmpdir(), "ottla-faults-")),
    };
    this.crew = new Crew(this.#run);
    this.#kafka = new Kafka({ brokers });
    this.#app = createApp({ kafka: { brokers }, queues: { [queue]: this.#run.queueOptions } });
    this.#job = this.#app.job<Task>({
      ...{ name: "work", queue, perform() {} },
      partitioner: ({ payload }) => payload.key,
    });
  }

  /** Makes the topics, and starts so many workers. */
  async start(workers: number): Promise<void> {
    await this.#app.topics.apply();
    for (let i = 0; i < workers; i++) this.crew.hire();
  }

  /** A key of that partition. */
  keyOf(partition: number): string {
    for (let i = 0; ; i++) {
      const key = `k${i}`;
      if (partitionForKey(new TextEncoder().encode(key), this.partitions) === partition) return key;
    }
  }

  /** Resolves once the jobs are acknowledged. */
  async enqueue(tasks: readonly Task[]): Promise<void> {
    const jobs = (await Promise.all(tasks.map((task) => this.#job.performLater(task)))) as EnqueuedJob[];
    this.#enqueued.push(...noteEnqueued(jobs));
    for (const [i, { partition, offset }] of jobs.entries())
      if (tasks[i]!.does !== undefined) this.poison.add(`${partition}/${offset}`);
  }

  /** Resolves once a job of every partition has ended, from now on. */
  everythingGoesOn(): Promise<void> {
    const since = now();
    const all = Array.from({ length: this.partitions }, (_, partition) => partition);
    const silent = (): number[] => all.filter((partition) => (this.crew.notes.lastEnds.get(partition) ?? 0) <= since);
    return this.crew.until(
      () => `jobs of ${silent()} end`,
      () => silent().length === 0,
    );
  }

  /** How far the group is behind in each partition; undefined: it has committed nothing there. */
  async lag(): Promise<(number | undefined)[]> {
    const found = await this.#kafka.admin().groupLag(this.#run.group);
    return Array.from(
      { length: this.partitions },
      (_, partition) => found.find((each) => each.topic === this.#run.queue && each.partition === partition)?.lag,
    );
  }

  /** Resolves once everything is finished, and committed as such. */
  drained(): Promise<void> {
    let lag: (number | undefined)[] = [];
    return this.crew.until(
      () => `all is committed; the lag is ${lag}`,
      async () => {
        lag = await this.lag();
        return lag.every((behind) => behind === 0);
      },
    );
  }

  /** What is in the dead letter topic. */
  async letters(): Promise<DeadLetter[]> {
    const topic = this.#run.queueOptions.deadLetterQueue?.topic;
    if (topic === undefined) return [];
    const records = await readCommitted(this.#kafka, topic);
    return records.map(({ record, partition }) => readLetter(topic, partition, record));
  }

  /** Of all processes, with what the broker has of them. */
  async ledger(): Promise<LedgerEntry[]> {
    const letters = (await this.letters()).map(({ origin, diedAt }): LedgerEntry => {
      // It was written within that millisecond: after all that was noted before it.
      return { what: "dead", ...origin!, at: diedAt.getTime() + 1 };
    });
    const stored = await this.#site.storedOffsets(this.#kafka, this.#run.group);
    // A letter and the offset that passes it may be of one millisecond.
    return this.crew.ledger([...this.#enqueued, ...letters, ...stored]);
  }

  async close(): Promise<void> {
    this.crew.killAll();
    await Promise.all([this.#app.close(), this.#kafka.close()]);
    rmSync(this.#run.folder, { recursive: true, force: true });
  }
}

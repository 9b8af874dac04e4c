import { decodeCommitMetadata } from "../../src/jobs/commit-metadata.ts";
import type { DispatchedJob, EnqueuedJob, ScheduledJob } from "../../src/jobs/dispatched-job.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import type { ScheduledMessage } from "../../src/jobs/schedule-message.ts";
import { sleep } from "../../src/net/clock.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { UNANSWERED } from "../support/check-ledger.ts";
import type { AskedRequest } from "../support/check-schedules.ts";
import { Ledger, type LedgerNote } from "../support/ledger.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { JobTracker } from "./job-tracker.ts";
import { LogWatcher } from "./log-watcher.ts";
import type { Plan } from "./plan.ts";
import { RunBook } from "./run-book.ts";
import { GRACES, GROUP, NODES, PARTITIONS, QUEUES, type QueueName, SESSION, type Shape, workOptions } from "./shape.ts";
import { type ProcessHost, SimulatedProcess } from "./simulated-process.ts";
import type { Trace } from "./trace.ts";

/** Something that was asked for from outside. */
export interface Asked {
  readonly plan: Plan;
  readonly kind: "job" | "message";
  /** Who asked. */
  readonly by: string;
  /** Those that count all or not at all. Undefined: it is on its own. */
  readonly together: number | undefined;
  /** Given by the caller. */
  readonly id: string | undefined;
  /** Whether it is to wait for its time. */
  readonly waits: boolean;
  /** Undefined: nobody has been told that it counts. */
  answer: EnqueuedJob | ScheduledJob | ScheduledMessage | undefined;
  readonly requests: AskedRequest[];
}

/** A cluster, those who enqueue, and workers, all in memory on one virtual clock, with a ledger of all that happens. */
export class SimulatedWorld implements ProcessHost {
  readonly time: VirtualClock;
  readonly cluster: MemoryCluster;
  readonly shape: Shape;
  readonly book: RunBook = new RunBook();
  readonly ledger: Ledger;
  readonly tracker: JobTracker;
  readonly trace: Trace;
  readonly processes: SimulatedProcess[] = [];
  readonly asked: Asked[] = [];
  readonly errors: string[] = [];
  readonly problems: string[] = [];
  /** Added to what a chunk of bytes takes, at most. */
  slowness = 0;
  readonly #watcher: LogWatcher;
  readonly #pending = new Map<Promise<unknown>, SimulatedProcess>();
  /** Runs of jobs that were parked. */
  readonly #released = new Set<string>();
  #numbers = 0;
  #names = 0;

  constructor(seed: number, shape: Shape, trace: Trace) {
    this.shape = shape;
    this.trace = trace;
    this.time = new VirtualClock(seed);
    const delay = (): number => Math.floor(this.time.random() * (shape.latency + this.slowness + 1));
    this.cluster = new MemoryCluster(this.time, { nodes: NODES, session: SESSION, delay });
    this.ledger = new Ledger(() => this.time.elapsed);
    this.tracker = new JobTracker(shape.isJudged, (entry) => this.#write(entry));
    this.#watcher = new LogWatcher(this.cluster, GROUP);
  }

  async start(): Promise<void> {
    const { broker } = this.cluster;
    await this.cluster.start();
    for (const [name, partitions] of Object.entries(PARTITIONS)) {
      const configs = name === "later" ? { "cleanup.policy": "compact" } : {};
      await broker.createTopic(name, { partitions, configs });
    }
    broker.observe(({ api, clientId, nodeId }) => {
      // Most requests are fetches, and none of them changes what there is to see.
      if (api !== "Fetch") this.look();
      this.trace.add(`${this.time.elapsed} ${clientId} ${nodeId} ${api}`);
    });
    for (let i = 0; i < this.shape.workers; i++) this.startWorker();
  }

  /** Notes what has come to be committed since the last look: nothing else may be noted before. */
  look(): void {
    for (const seen of this.#watcher.records()) this.tracker.saw(seen);
    for (const { topic, partition, offset, metadata } of this.#watcher.offsets(QUEUES)) {
      const finished = decodeCommitMetadata(offset, metadata)?.finished ?? [];
      this.#write({ what: "stored", topic, partition, offset, finished });
    }
  }

  note(entry: LedgerNote): void {
    this.look();
    if (entry.what !== "start" && entry.what !== "end") return this.#write(entry);
    const process = this.processes.find(({ name }) => name === entry.by);
    if (process?.isAlive !== true) return;
    const run = `${entry.by} ${entry.topic}/${entry.partition}/${entry.offset}`;
    if (entry.what === "start") {
      if (this.tracker.queuedAt(entry) === undefined)
        this.problems.push(`S3.2 runs what is not committed: ${JSON.stringify(entry)}`);
      // What has since been parked elsewhere ends as what it began as.
      this.#released[this.tracker.isParkedAt(entry) ? "add" : "delete"](run);
    }
    this.#write(this.#released.has(run) ? { ...entry, isReleased: true } : entry);
  }

  #write(entry: LedgerNote): void {
    this.ledger.add(entry);
    this.trace.add(`${this.time.elapsed} ${JSON.stringify(entry)}`);
  }

  failed(by: string, error: unknown, during: string): void {
    this.errors.push(`${this.time.elapsed} ${by} ${during}: ${String(error)}`);
  }

  savedRows(job: RunningJob, plan: Plan): number {
    this.look();
    return this.tracker.savedRows(job, plan);
  }

  get living(): SimulatedProcess[] {
    return this.processes.filter(({ isAlive }) => isAlive);
  }
  get workers(): SimulatedProcess[] {
    return this.living.filter(({ name }) => name.startsWith("worker"));
  }

  /** Whoever enqueues; another one, where the last has died. */
  get client(): SimulatedProcess {
    const last = this.living.findLast(({ name }) => name.startsWith("client"));
    return last ?? this.#begin("client");
  }

  #begin(role: string, instanceId?: string): SimulatedProcess {
    const process = new SimulatedProcess(this, `${role}-${this.#names++}`, instanceId);
    this.processes.push(process);
    return process;
  }

  /** Starts another worker; nobody waits for it. */
  startWorker(): SimulatedProcess {
    const process = this.#begin("worker", this.shape.isStatic ? this.#freeId() : undefined);
    const index = this.processes.length - 1;
    this.#track(process, process.work(workOptions(this.shape, index)), "start");
    return process;
  }

  #freeId(): string {
    const taken = new Set(this.workers.map(({ instanceId }) => instanceId));
    for (let i = 0; ; i++) if (!taken.has(`static-${i}`)) return `static-${i}`;
  }

  crash(process: SimulatedProcess): void {
    if (!process.isAlive) return;
    this.note({ what: "died", by: process.name });
    process.crash();
  }

  /** It stands still, or is cut off, for a while, and may be expelled without learning of it. */
  away(process: SimulatedProcess): void {
    this.note({ what: "away", by: process.name });
  }

  /** Ends a process in good order. */
  async close(process: SimulatedProcess): Promise<void> {
    if (!process.isAlive) return;
    this.note({ what: "closing", by: process.name });
    process.isClosing = true;
    const began = process.running;
    const closing = process.app.close().catch((error: unknown) => this.failed(process.name, error, "close"));
    this.#track(process, closing, "close");
    await this.time.run(Promise.race([closing, this.#dead(process)]));
    // A process that has closed has ended.
    if (process.isAlive) this.#checkShutdown(process, began);
    process.isAlive = false;
    process.clock.freeze();
    process.network.cut();
  }

  /** S8.9 */
  #checkShutdown({ name, running }: SimulatedProcess, began: number): void {
    const took = running - began;
    if (took > MOST_FOR_SHUTDOWN) this.problems.push(`S8.9 ${name} took ${took} ms to close`);
  }

  #dead(process: SimulatedProcess): Promise<void> {
    const own = this.time.instance();
    const wait = async (): Promise<void> => {
      while (process.isAlive) await sleep(own, 1_000);
    };
    return wait();
  }

  /** What one that dies has asked for nobody ever hears of. */
  #track(process: SimulatedProcess, work: Promise<unknown>, during: string): void {
    const heard = work.catch((error: unknown) => this.failed(process.name, error, during));
    this.#pending.set(heard, process);
    void heard.then(() => this.#pending.delete(heard));
  }

  /** Whether somebody who lives waits for an answer. */
  get isAsking(): boolean {
    return [...this.#pending.values()].some(({ isAlive }) => isAlive);
  }

  newNumber(): number {
    return this.#numbers++;
  }

  /** Jobs for queues; the answers come as time passes. */
  enqueue(how: "each" | "bulk" | "together", queue: QueueName, plans: readonly Plan[], id?: string): void {
    const { client } = this;
    const job = client.jobs[queue];
    const together = how === "together" ? plans[0]!.n : undefined;
    const asked = plans.map((plan) => this.#ask({ plan, kind: "job", by: client.name, together, id, waits: false }));
    const take = (results: readonly (DispatchedJob | Error)[]): void => {
      for (const [i, result] of results.entries())
        if (!(result instanceof Error) && result.state !== "buffered") asked[i]!.answer = result;
    };
    if (how === "bulk") {
      const all = client.app.performAllLater(plans.map((plan) => job.of(plan))).catch((error: unknown) => {
        take((error as { results?: readonly (DispatchedJob | Error)[] }).results ?? []);
        throw error;
      });
      return this.#track(client, all.then(take), "bulk");
    }
    if (how === "together") {
      const all = client.app.transaction((tx) => Promise.all(plans.map((plan) => tx.performLater(job.of(plan)))));
      return this.#track(client, all.then(take), "transaction");
    }
    for (const each of asked) {
      const configured = id === undefined ? job : job.set({ id });
      const one = configured.performLater(each.plan).then((answer) => {
        each.answer = answer as EnqueuedJob;
      });
      this.#track(client, one, "enqueue");
    }
  }

  /** Jobs, or plain messages, that wait so many ms. */
  schedule(kind: Asked["kind"], queue: QueueName, plans: readonly Plan[], wait: number): void {
    const { client } = this;
    const at = new Date(client.clock.now() + wait);
    for (const plan of plans) {
      const each = this.#ask({ plan, kind, by: client.name, together: undefined, id: undefined, waits: true });
      const { key } = plan;
      const one =
        kind === "message"
          ? client.app.schedule({ topic: "plain", key, value: JSON.stringify(plan), at })
          : client.jobs[queue].set({ waitUntil: at }).performLater(plan);
      const answered = one.then((answer) => {
        each.answer = answer as ScheduledJob | ScheduledMessage;
      });
      this.#track(client, answered, "schedule");
    }
  }

  #ask(asked: Omit<Asked, "answer" | "requests">): Asked {
    const made: Asked = { ...asked, answer: undefined, requests: [] };
    this.asked.push(made);
    return made;
  }

  /** Asks about what waits; the word on it comes as time passes. */
  request({ answer, requests }: Asked, kind: AskedRequest["kind"], wait: number): void {
    if (answer === undefined || !("entry" in answer)) return;
    const { client } = this;
    const request: AskedRequest = { kind, verdict: "pending" };
    requests.push(request);
    const word =
      kind === "cancel"
        ? client.app.cancel(answer)
        : client.app.reschedule(answer, { waitUntil: client.clock.now() + wait });
    const heard = word.then(
      (verdict) => {
        request.verdict = verdict;
      },
      (error: unknown) => {
        request.verdict = "unknown";
        this.failed(client.name, error, kind);
      },
    );
    this.#track(client, heard, kind);
  }

  /** Has all keys that are parked released. */
  release(): void {
    const { client } = this;
    const released = async (): Promise<void> => {
      for (const queue of QUEUES) {
        const keys = await client.app.parked.list({ queue });
        for (const { topic, partition, offset } of keys)
          await client.app.parked.release({ places: [{ topic, partition, offset }] });
      }
    };
    this.#track(client, released(), "release");
  }

  redrive(): void {
    const { client } = this;
    this.#track(client, client.app.dead.redrive(), "redrive");
  }

  /** Closes whoever lives, the client last. */
  async stop(): Promise<void> {
    for (const process of this.living) await this.close(process);
    await this.cluster.broker.close();
  }
}

const MOST_FOR_SHUTDOWN = GRACES.shutdownTimeout + UNANSWERED;

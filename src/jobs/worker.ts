import type { Cluster } from "../client/cluster.ts";
import { Fetcher } from "../client/fetcher.ts";
import { GroupMember } from "../client/group-member.ts";
import { type Clock, sleep, type Timer } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import type { Backoff } from "./backoff.ts";
import { type CommitSource, Committer } from "./committer.ts";
import { FlowControl } from "./flow-control.ts";
import { JobSlots } from "./job-slots.ts";
import { Leftovers } from "./leftovers.ts";
import { queueSettings } from "./options.ts";
import { OwnedExecutors } from "./owned-executors.ts";
import { watchPartitionCounts } from "./partition-watch.ts";
import { Turn } from "./turn.ts";
import type { WorkSettings } from "./work-options.ts";
import type { WorkerContext } from "./worker-context.ts";
import { ShutdownTimeoutError, WorkerFailedError } from "./worker-errors.ts";

/** What a worker is doing with one partition. */
export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly state: "loading" | "running" | "stopped" | "draining" | "ended";
  /** The next offset to finish. */
  readonly offset: number;
  /** Jobs that were fetched and have not been run. */
  readonly waiting: number;
  /** Offset of the running job. */
  readonly running: number | undefined;
}

export interface WorkerStatus {
  readonly state: "working" | "quiet" | "closing" | "closed";
  readonly running: number;
  readonly partitions: readonly PartitionStatus[];
  /** Partitions for which a job still runs that was started before they were taken away, as `topic/partition`. */
  readonly leftovers: readonly string[];
}

const FETCH_WAIT = 500;
const PARTITION_BYTES = 1024 * 1024;
/** Of the bytes that may wait, what one fetch may bring: more would overshoot the bound by as much. */
const FETCH_SHARE = 4;
/** Longest wait (ms) for the last commits when a partition is released. */
const FLUSH_TIMEOUT = 5_000;
const WATCHDOG_INTERVAL = 5_000;

/** Runs an app's jobs as a member of its group, until it is closed. Made by `app.work`. */
export class Worker {
  readonly #app: AppState;
  readonly #settings: WorkSettings;
  readonly #clock: Clock;
  readonly #group: GroupMember;
  readonly #fetcher: Fetcher;
  readonly #committer: Committer;
  readonly #slots: JobSlots;
  readonly #leftovers = new Leftovers();
  readonly #flow: FlowControl;
  readonly #executors: OwnedExecutors;
  readonly #unwatch: () => void;
  readonly #ended: Promise<void>;
  #resolveEnded!: () => void;
  #rejectEnded!: (error: unknown) => void;
  #watchdog: Timer | undefined;
  #state: "working" | "quiet" | "closing" | "closed" = "working";
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(app: AppState, cluster: Cluster, groupId: string, settings: WorkSettings) {
    const { clock } = cluster;
    this.#app = app;
    this.#settings = settings;
    this.#clock = clock;
    this.#slots = new JobSlots(settings.concurrency);
    this.#flow = new FlowControl(() => this.#fetcher, settings.maxBatchJobs, settings.maxBufferedBytes);
    this.#group = this.#makeGroup(cluster, groupId);
    this.#committer = new Committer(this.#group, clock, settings.commitInterval);
    this.#executors = new OwnedExecutors(
      this.#context(),
      cluster,
      () => this.#group,
      () => this.#fetcher,
    );
    this.#fetcher = this.#makeFetcher(cluster);
    this.#unwatch = watchPartitionCounts(cluster, settings.queues, app.events);
    this.#ended = new Promise((resolve, reject) => {
      this.#resolveEnded = resolve;
      this.#rejectEnded = reject;
    });
    this.#ended.catch(() => {});
  }

  #context(): WorkerContext {
    const { events, settings } = this.#app;
    const worker = this;
    return {
      app: this.#app,
      clock: this.#clock,
      events,
      slots: this.#slots,
      turn: new Turn(this.#clock),
      flow: this.#flow,
      lease: this.#group.lease,
      committer: this.#committer,
      leftovers: this.#leftovers,
      get isQuiet() {
        return worker.#state !== "working";
      },
      backoffOf: (queue: string): Backoff => queueSettings(settings, queue).backoff,
      flush: (source: CommitSource) => Promise.race([this.#committer.flush(source), sleep(this.#clock, FLUSH_TIMEOUT)]),
    };
  }

  #makeGroup(cluster: Cluster, groupId: string): GroupMember {
    const { sessionTimeout, rebalanceTimeout, queues, revokeGrace } = this.#settings;
    const { events } = this.#app;
    return new GroupMember(
      cluster,
      { groupId, sessionTimeout, rebalanceTimeout, topics: () => queues },
      {
        assigned: (partitions) => this.#executors.assign(partitions),
        revoked: async (partitions) => {
          events.emit("revoked", { partitions });
          await this.#executors.release(
            partitions,
            revokeGrace,
            new DOMException("the partition was revoked", "AbortError"),
          );
        },
        lost: (partitions) => {
          events.emit("lost", { partitions });
          this.#executors.lose(partitions, new DOMException("the partition was lost", "AbortError"));
        },
        troubled: (error) => events.emit("error", { error, during: `talking to the coordinator of group ${groupId}` }),
        failed: (error) => this.#fail(new WorkerFailedError(groupId, error)),
      },
    );
  }

  #makeFetcher(cluster: Cluster): Fetcher {
    const { maxBufferedBytes } = this.#settings;
    const maxBytes = Math.max(1, Math.floor(maxBufferedBytes / FETCH_SHARE));
    const partitionMaxBytes = Math.min(PARTITION_BYTES, maxBytes);
    return new Fetcher(
      cluster,
      { isolation: "readCommitted", maxWait: FETCH_WAIT, maxBytes, partitionMaxBytes },
      {
        fetched: (batch) => this.#executors.get(batch)?.take(batch),
        outOfRange: (partition, offset) => void this.#executors.outOfRange(partition, offset),
        failed: (partition, error) => {
          const { topic, partition: number } = partition;
          if (error.retriable)
            this.#app.events.emit("error", { error, during: "fetching jobs", topic, partition: number });
          else this.#executors.get(partition)?.stop(error, "fetching jobs");
        },
      },
    );
  }

  /** @internal */
  start(): void {
    this.#group.start();
    this.#settings.signal?.addEventListener("abort", () => void this.close().catch(() => {}));
    if (this.#settings.signal?.aborted) void this.close().catch(() => {});
    this.#watch();
  }

  /** A partition that could go on and does not is a bug of ours: it is told, and set going again. */
  #watch(): void {
    this.#watchdog = this.#clock.timer(
      WATCHDOG_INTERVAL,
      () => {
        for (const executor of this.#executors) {
          if (!this.#flow.isPaused(executor) || executor.buffered > 0 || executor.running !== undefined) continue;
          this.#flow.drained(executor);
          if (this.#flow.isPaused(executor)) continue;
          const { topic, partition } = executor;
          this.#app.events.emit("error", {
            error: new Error("a partition was paused with nothing to run"),
            during: "watching over partitions",
            topic,
            partition,
          });
        }
        this.#watch();
      },
      { idle: true },
    );
  }

  /** Resolves once the worker is closed; rejects where it could not go on. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  status(): WorkerStatus {
    const partitions = [...this.#executors].map((executor): PartitionStatus => {
      const { topic, partition, state, mark: offset, buffered: waiting, running } = executor;
      return { topic, partition, state, offset, waiting, running: running?.offset };
    });
    const running = this.#settings.concurrency - this.#slots.free;
    return { state: this.#state, running, partitions, leftovers: this.#leftovers.partitions };
  }

  /** Starts nothing any more, and keeps its partitions: what runs may end. Resolves once nothing runs. */
  async quiet(): Promise<void> {
    if (this.#state === "working") this.#state = "quiet";
    await Promise.all([...this.#executors].map((executor) => executor.idle()));
  }

  /**
   * Lets running jobs end, commits what is finished, and leaves the group. Rejects with a `ShutdownTimeoutError` where
   * jobs had not ended after `shutdownTimeout`: their signals have aborted, and they will run again elsewhere.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close().then(this.#resolveEnded, (error: unknown) => {
      this.#rejectEnded(error);
      throw error;
    });
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { shutdownTimeout } = this.#settings;
    this.#state = "closing";
    this.#executors.close();
    const unfinished: string[] = [];
    const reason = new DOMException("the worker is shutting down", "AbortError");
    const partitions = [...this.#executors].map((executor) => ({
      executor,
      topic: executor.topic,
      partition: executor.partition,
    }));
    await this.#executors.release(partitions, shutdownTimeout, reason);
    for (const { executor, topic, partition } of partitions) {
      if (executor.running !== undefined) unfinished.push(`${topic}/${partition}/${executor.running.offset}`);
    }
    await this.#letGo();
    if (unfinished.length > 0) throw new ShutdownTimeoutError(shutdownTimeout, unfinished);
  }

  async #letGo(): Promise<void> {
    this.#fetcher.close();
    this.#committer.close();
    this.#watchdog?.cancel();
    this.#unwatch();
    await this.#group.close();
    this.#state = "closed";
    this.#app.closers.delete(this.#closer);
    this.#app.events.emit("closed", { what: "worker" });
  }

  readonly #closer = (): Promise<void> => this.close().catch(() => {});

  /** @internal What the app calls when it is closed. */
  get closer(): () => Promise<void> {
    return this.#closer;
  }

  #fail(error: WorkerFailedError): void {
    if (this.#closing !== undefined) return;
    this.#app.events.emit("error", { error, during: "working" });
    this.#executors.close();
    this.#closing = this.#letGo().then(() => {
      this.#rejectEnded(error);
      throw error;
    });
    this.#closing.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

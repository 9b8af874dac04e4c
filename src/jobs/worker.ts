import type { Cluster } from "../client/cluster.ts";
import type { Fetcher } from "../client/fetcher.ts";
import type { GroupMember } from "../client/group-member.ts";
import { within } from "../client/within.ts";
import type { Clock } from "../net/clock.ts";
import type { AppState, PartitionHolder } from "./app-state.ts";
import { type CommitSource, Committer } from "./committer.ts";
import type { TopicPartition } from "./events.ts";
import { FlowControl } from "./flow-control.ts";
import { GroupState } from "./group-state.ts";
import { JobSlots } from "./job-slots.ts";
import { Leftovers } from "./leftovers.ts";
import { Moves } from "./moves.ts";
import { queueSettings } from "./options.ts";
import { OwnedExecutors } from "./owned-executors.ts";
import { OwnedSchedules } from "./owned-schedules.ts";
import { ProgressSaver } from "./progress-saver.ts";
import type { RecordPlace } from "./record-place.ts";
import { RetentionWatch } from "./retention-watch.ts";
import { runningNow } from "./running-attempts.ts";
import type { SchedulePartition } from "./schedule-partition.ts";
import { watchShutdown } from "./shutdown-watch.ts";
import { Throttles } from "./throttle.ts";
import { watchTopics } from "./topic-watch.ts";
import { Turn } from "./turn.ts";
import { Upkeep } from "./upkeep.ts";
import type { WorkSettings } from "./work-options.ts";
import type { WorkerContext } from "./worker-context.ts";
import { CommitTimeoutError, ShutdownTimeoutError, UnknownQueueError, WorkerFailedError } from "./worker-errors.ts";
import { workerFetcher } from "./worker-fetcher.ts";
import { workerGroup } from "./worker-group.ts";
import { HealthMonitor, type HealthSource, type WorkerHealth } from "./worker-health.ts";
import { partitionStatus, type WorkerStatus } from "./worker-status.ts";
import type { WorkerTopics } from "./worker-topics.ts";

/** Longest wait (ms) for the last commits when a partition is released. */
const FLUSH_TIMEOUT = 5_000;

/** Runs an app's jobs as a member of its group, until it is closed. Made by `app.work`. */
export class Worker implements PartitionHolder {
  readonly #app: AppState;
  readonly #settings: WorkSettings;
  readonly #clock: Clock;
  readonly #group: GroupMember;
  readonly #fetcher: Fetcher;
  readonly #committer: Committer;
  readonly #moves: Moves;
  readonly #slots: JobSlots;
  readonly #turn: Turn;
  readonly #groupState: GroupState;
  readonly #leftovers = new Leftovers();
  readonly #flow: FlowControl;
  readonly #upkeep: Upkeep;
  readonly #executors: OwnedExecutors;
  readonly #schedules: OwnedSchedules;
  readonly #topics: WorkerTopics;
  readonly #unwatch: () => void;
  readonly #ended: Promise<void>;
  #resolveEnded!: () => void;
  #rejectEnded!: (error: unknown) => void;
  readonly #health: HealthMonitor;
  #state: "working" | "quiet" | "closing" | "closed" = "working";
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    app: AppState,
    cluster: Cluster,
    groupId: string,
    settings: WorkSettings,
    topics: WorkerTopics,
    statePartitions: number | undefined,
  ) {
    const { clock } = cluster;
    this.#app = app;
    this.#topics = topics;
    this.#settings = settings;
    this.#clock = clock;
    this.#slots = new JobSlots(settings.concurrency, (queue) => queueSettings(app.settings, queue));
    this.#turn = new Turn(clock, this.#slots);
    this.#flow = new FlowControl(() => this.#fetcher, settings.maxBatchJobs, settings.maxBufferedBytes);
    this.#group = workerGroup(cluster, groupId, {
      ...{ app, settings, topics },
      executors: () => this.#executors,
      schedules: () => this.#schedules,
      failed: (error) => this.#fail(new WorkerFailedError(groupId, error)),
    });
    this.#committer = new Committer(this.#group, clock, settings.commitInterval, (error, { topic, partition }) =>
      topics.unlessGone(topic, () =>
        app.events.emit("error", { error, during: "committing what is finished", topic, partition }),
      ),
    );
    this.#moves = new Moves(
      this.#group,
      this.#committer,
      clock,
      () => app.slot.use().transactions,
      (error, { topic, partition }) => app.events.emit("error", { error, during: "moving a job", topic, partition }),
    );
    this.#groupState = new GroupState(app, groupId, statePartitions, () => this.#fetcher);
    this.#executors = new OwnedExecutors(this.#context(), cluster, () => this.#group, settings);
    const retention = new RetentionWatch(app.slot.use().kafka.admin(), clock, app.events, () => topics.topics);
    this.#upkeep = new Upkeep(clock, app.events, this.#executors, this.#flow, retention);
    const schedule = { app, runtime: app.slot.use(), lease: this.#group.lease, fetcher: () => this.#fetcher };
    this.#schedules = new OwnedSchedules(
      schedule,
      settings.scheduler ? [...app.settings.scheduledMessagesTopics.keys()] : [],
    );
    const readers = [this.#groupState, this.#schedules];
    const executors = this.#executors;
    const [flow, turn] = [this.#flow, this.#turn];
    this.#fetcher = workerFetcher(cluster, { app, settings, topics, flow, turn, executors, readers });
    this.#unwatch = watchTopics(
      cluster,
      () => [...topics.topics, ...this.#schedules.topics],
      app.events,
      (topic) => (this.#schedules.isOne(topic) ? this.#schedules : this.#executors).topicMadeAgain(topic),
    );
    this.#health = new HealthMonitor(this.#healthSource(), settings.stuckAfter);
    this.#ended = new Promise((resolve, reject) => {
      this.#resolveEnded = resolve;
      this.#rejectEnded = reject;
    });
    this.#ended.catch(() => {});
  }

  #context(): WorkerContext {
    const { events, settings } = this.#app;
    const worker = this;
    const saver = new ProgressSaver(this.#clock, this.#moves, this.#settings.checkpointInterval, events);
    return {
      app: this.#app,
      clock: this.#clock,
      events,
      slots: this.#slots,
      throttles: new Throttles(this.#clock),
      turn: this.#turn,
      flow: this.#flow,
      lease: this.#group.lease,
      committer: this.#committer,
      leftovers: this.#leftovers,
      get isQuiet() {
        return worker.#state !== "working";
      },
      moves: this.#moves,
      ...{ state: this.#groupState, saver },
      unknownJobGrace: this.#settings.unknownJobGrace,
      maxBatchJobs: this.#settings.maxBatchJobs,
      queueOf: (topic) => queueSettings(settings, topic),
      flush: (source: CommitSource, saved?: Promise<void>) => this.#flush(source, saved),
    };
  }

  #healthSource(): HealthSource {
    const worker = this;
    return {
      clock: this.#clock,
      events: this.#app.events,
      logger: this.#app.settings.logger,
      executors: this.#executors,
      schedules: this.#schedules,
      flow: this.#flow,
      leftovers: this.#leftovers,
      get sessionTimeout() {
        return worker.#group.lease.sessionTimeout;
      },
      get isMember() {
        return worker.#group.lease.isValid;
      },
      get ending() {
        return worker.#state === "closing" || worker.#state === "closed" ? worker.#state : undefined;
      },
      get isQuiet() {
        return worker.#state !== "working";
      },
      get answeredAt() {
        return worker.#fetcher.answeredAt;
      },
    };
  }

  #flush(source: CommitSource, saved?: Promise<void>): Promise<void> {
    const flushed = Promise.all([this.#committer.flush(source), saved]).then(() => {});
    return within(this.#clock, FLUSH_TIMEOUT, flushed, () => {
      const { topic, partition } = source;
      const error = new CommitTimeoutError(topic, partition, FLUSH_TIMEOUT);
      this.#app.events.emit("error", { error, during: "giving up a partition", topic, partition });
    });
  }

  /** @internal */
  start(): void {
    const { signal } = this.#settings;
    this.#topics.tell({
      gone: (topics) => this.#executors.topicsGone(topics),
      came: (topics) => this.#executors.topicsCame(topics),
      changed: () => this.#group.topicsChanged(),
    });
    this.#group.start();
    // By this one it is asked from where to go on, as soon as partitions come.
    this.#group.coordinator.connection("offsets").catch(() => {});
    this.#upkeep.start();
    this.#health.start();
    signal?.addEventListener("abort", this.#closer);
    if (signal?.aborted) void this.#closer();
  }

  /** Resolves once the worker is closed; rejects where it could not go on. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  status(): WorkerStatus {
    const [partitions, running] = [[...this.#executors].map(partitionStatus), this.#slots.taken];
    const bufferedBytes = [...this.#executors].reduce((sum, executor) => sum + executor.bufferedBytes, 0);
    const [pausedQueues, leftovers] = [this.#flow.heldQueues, this.#leftovers.partitions];
    const schedules = this.#schedules.status;
    return { state: this.#state, running, bufferedBytes, partitions, schedules, pausedQueues, leftovers };
  }

  /** Whether the worker does its work, and what keeps it from it: for the probes of whoever runs the process. */
  health(): WorkerHealth {
    return this.#health.now();
  }

  /**
   * Starts nothing of the queue any more, and keeps its partitions: what runs may end. Lasts until `resume`, through any
   * rebalance, in this worker only. Throws an `UnknownQueueError` for a queue that it does not work on.
   */
  pause(queue: string): void {
    this.#flow.holdQueue(this.#checkQueue(queue));
    for (const executor of this.#executors) if (executor.topic === queue) executor.held();
  }

  /** Goes on with a queue that was paused. Throws an `UnknownQueueError` for one that it does not work on. */
  resume(queue: string): void {
    this.#flow.resumeQueue(this.#checkQueue(queue));
    for (const executor of this.#executors) if (executor.topic === queue) executor.pump();
  }

  #checkQueue(queue: string): string {
    if (typeof queue === "string" && this.#topics.has(queue)) return queue;
    throw new UnknownQueueError(queue, this.#topics.topics);
  }

  /** @internal Of schedule topics. */
  get schedules(): Iterable<SchedulePartition> {
    return this.#schedules;
  }

  /** @internal Jobs of which it keeps how far they have got. */
  get jobsInProgress(): number {
    return [...this.#executors].reduce((sum, { steps }) => sum + steps.size, 0);
  }

  /** @internal Whether it has the partition now. */
  has(place: TopicPartition): boolean {
    return this.#executors.get(place) !== undefined;
  }

  /** @internal For `app.skip`. Resolves once it is committed. */
  async skip(place: RecordPlace, topic: string | undefined): Promise<void> {
    const executor = this.#executors.get(place);
    if (executor === undefined) return;
    await executor.skip(place.offset, topic);
    await this.#committer.flush(executor);
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
    const deadline = this.#clock.monotonic() + shutdownTimeout;
    const wasWorking = this.#state === "working";
    this.#state = "closing";
    this.#executors.close();
    const reason = new DOMException("the worker is shutting down", "AbortError");
    const unwatch = watchShutdown(this.#healthSource(), deadline, () =>
      runningNow(this.#executors, this.#leftovers, this.#clock.monotonic()),
    );
    let late: readonly string[];
    try {
      late = await this.#executors.release([...this.#executors], {
        grace: shutdownTimeout,
        reason,
        finishBatch: wasWorking,
      });
      const left = (): number => Math.max(0, deadline - this.#clock.monotonic());
      // Only now: until it leaves the group, nobody else could dispatch what falls due.
      this.#schedules.close();
      await this.#schedules.release([...this.#schedules], left());
      await this.#letGo();
      // What runs beyond its partition's loss or release may still use what the process closes next.
      await within(this.#clock, left(), this.#leftovers.all(), () => {});
    } finally {
      unwatch();
    }
    const unfinished = new Set([...late, ...this.#leftovers.running]);
    this.#closed();
    if (unfinished.size > 0) throw new ShutdownTimeoutError(shutdownTimeout, [...unfinished]);
  }

  async #letGo(): Promise<void> {
    this.#topics.close();
    this.#fetcher.close();
    this.#committer.close();
    this.#moves.close();
    this.#groupState.close();
    this.#upkeep.close();
    this.#health.close();
    this.#unwatch();
    this.#settings.signal?.removeEventListener("abort", this.#closer);
    await this.#group.close();
  }

  #closed(): void {
    this.#state = "closed";
    this.#app.closers.delete(this.#closer);
    this.#app.workers.delete(this);
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
    this.#state = "closing";
    this.#executors.close();
    this.#schedules.close();
    this.#schedules.lose([...this.#schedules]);
    this.#closing = this.#letGo().then(() => {
      this.#closed();
      this.#rejectEnded(error);
      throw error;
    });
    this.#closing.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

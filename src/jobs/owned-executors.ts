import type { Cluster } from "../client/cluster.ts";
import { ErrorCode } from "../client/error-code.ts";
import { KafkaError, type LogTruncationError, ProtocolError } from "../client/errors.ts";
import { groupBy } from "../client/group-by.ts";
import type { GroupMember } from "../client/group-member.ts";
import { listOffsets } from "../client/list-offsets.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { sleep } from "../net/clock.ts";
import { OwnedRecurring } from "./owned-recurring.ts";
import { PartitionExecutor, type ReleaseOptions } from "./partition-executor.ts";
import { placeText } from "./record-place.ts";
import { beforeCut, loadCommitted, loadEarliest, type StartPoint } from "./start-point.ts";
import type { LoadedState } from "./state-reader.ts";
import { TakeOver } from "./take-over.ts";
import type { WorkSettings } from "./work-options.ts";
import type { WorkerContext } from "./worker-context.ts";
import { JobsExpiredError, OffsetBeyondLogError } from "./worker-errors.ts";

/** Milliseconds before offsets that could not be loaded are asked for again. */
const LOAD_RETRY = 1_000;
const RANGE_TIMEOUT = 30_000;
const CUT = "the log was cut";

type Executors = readonly PartitionExecutor[];
type StartPoints = ReadonlyMap<string, StartPoint | Error>;

/** The executors of the partitions that this worker owns: from assignment through release or loss. */
export class OwnedExecutors {
  readonly #context: WorkerContext;
  readonly #cluster: Cluster;
  readonly #group: () => GroupMember;
  readonly #executors = new Map<string, PartitionExecutor>();
  /** By topic: what was let go of because the topic was gone, whether or not the group knows yet. */
  readonly #gone = new Map<string, readonly TopicPartition[]>();
  /** Where the log was cut under what a partition's executor before this one had fetched. */
  readonly #cuts = new WeakMap<PartitionExecutor, number>();
  readonly #recurring: OwnedRecurring;
  readonly #takeOver: TakeOver;
  readonly #stop = new AbortController();

  constructor(
    context: WorkerContext,
    cluster: Cluster,
    group: () => GroupMember,
    settings: Pick<WorkSettings, "instanceId" | "sessionTimeout">,
  ) {
    this.#context = context;
    this.#cluster = cluster;
    this.#group = group;
    this.#recurring = new OwnedRecurring(context);
    this.#takeOver = new TakeOver(context.clock, group, settings);
  }

  [Symbol.iterator](): IterableIterator<PartitionExecutor> {
    return this.#executors.values();
  }

  get({ topic, partition }: TopicPartition): PartitionExecutor | undefined {
    return this.#executors.get(partitionKey(topic, partition));
  }

  /**
   * Takes new partitions: loads where to begin, then reads them. A worker that is closing leaves them alone. `cut`: from
   * there on their logs have other jobs than what is committed may tell of.
   */
  assign(partitions: readonly TopicPartition[], cut?: number): void {
    if (this.#stop.signal.aborted) return;
    this.#takeOver.assigned();
    const executors = partitions.map(({ topic, partition }) => new PartitionExecutor(this.#context, topic, partition));
    for (const executor of executors) {
      this.#executors.set(partitionKey(executor.topic, executor.partition), executor);
      if (cut !== undefined) this.#cuts.set(executor, cut);
      this.#context.flow.expect(executor);
    }
    this.#context.events.emit("assigned", { partitions });
    void this.#begin(executors);
  }

  async #begin(executors: Executors): Promise<void> {
    const { coordinator } = this.#group();
    await this.#load(
      executors,
      (wanted) => loadCommitted(this.#cluster, coordinator, wanted, this.#stop.signal),
      (wanted, points) => {
        const without = wanted.filter((executor) => !this.#beginAt(executor, points));
        // One leader that is away holds up no other's partitions.
        for (const ofLeader of this.#byLeader(without)) void this.#beginAtEarliest(ofLeader);
      },
    );
  }

  async #beginAtEarliest(executors: Executors): Promise<void> {
    await this.#load(
      executors,
      (wanted) => loadEarliest(this.#cluster, wanted, this.#stop.signal),
      (wanted, points) => {
        for (const executor of wanted) this.#beginAt(executor, points);
      },
    );
  }

  /** Repeats `load` for those that still wait for it. One that alone cannot be loaded is asked for by itself. */
  async #load(
    executors: Executors,
    load: (wanted: Executors) => Promise<StartPoints>,
    loaded: (wanted: Executors, points: StartPoints) => void,
  ): Promise<void> {
    const { clock, events } = this.#context;
    const { signal } = this.#stop;
    for (;;) {
      const wanted = executors.filter(({ state }) => state === "loading");
      if (wanted.length === 0 || signal.aborted) return;
      let points: StartPoints;
      try {
        points = await load(wanted);
      } catch (error) {
        if (signal.aborted) return;
        const place = wanted.length === 1 ? { topic: wanted[0]!.topic, partition: wanted[0]!.partition } : {};
        events.emit("error", { error, during: "loading committed offsets", ...place });
        await sleep(clock, LOAD_RETRY, signal);
        if (wanted.length === 1 || !isOfOnePartition(error)) continue;
        for (const each of wanted) void this.#load([each], load, loaded);
        return;
      }
      return loaded(wanted, points);
    }
  }

  /** Whether there was a point to begin at. */
  #beginAt(executor: PartitionExecutor, points: StartPoints): boolean {
    const point = points.get(partitionKey(executor.topic, executor.partition));
    if (point === undefined) return false;
    if (executor.state === "loading") void this.#beginOne(executor, point);
    return true;
  }

  async #beginOne(executor: PartitionExecutor, point: StartPoint | Error): Promise<void> {
    const { topic, partition } = executor;
    const { events, committer, leftovers, flow, state } = this.#context;
    if (point instanceof Error) return executor.stop(point, "reading what was committed");
    await this.#takeOver.settled(point, this.#stop.signal);
    await leftovers.none(topic, partition);
    if (executor.state !== "loading") return;
    let loaded: LoadedState | undefined;
    try {
      loaded = await state.load(executor);
    } catch {
      // The worker is closed.
      return;
    }
    if (executor.state !== "loading") return;
    const cut = this.#cuts.get(executor);
    const start = cut === undefined ? point : beforeCut(point, cut);
    if (point.committed === undefined) events.emit("startedAtEarliest", { topic, partition });
    committer.add(executor, point.committed);
    flow.add(executor, start.offset);
    executor.begin(start, loaded);
    this.#recurring.begin(executor, loaded);
    // What is committed may be beyond the log that there is now.
    if (cut !== undefined) committer.touch(executor, true);
  }

  #byLeader(executors: Executors): Iterable<Executors> {
    return groupBy(executors, ({ topic, partition }) => this.#cluster.metadata.leaderOf(topic, partition)).values();
  }

  /** The log was cut below what was fetched (KIP-320). */
  truncated(place: TopicPartition, error: LogTruncationError): void {
    const executor = this.get(place);
    if (executor === undefined) return;
    const during = "fetching jobs";
    if (this.#context.queueOf(place.topic).onDataLoss === "stop" || error.divergingOffset === undefined)
      return executor.stop(error, during);
    this.#context.events.emit("error", { error, during, topic: executor.topic, partition: executor.partition });
    if (executor.state === "running") this.#beginAnew([executor], CUT, error.divergingOffset);
  }

  /** The offset it should read from is not in the log. */
  async outOfRange({ topic, partition }: TopicPartition, offset: number): Promise<void> {
    const executor = this.get({ topic, partition });
    const key = partitionKey(topic, partition);
    const { clock, events } = this.#context;
    const ask = (position: "earliest" | "latest"): Promise<Map<string, number>> =>
      listOffsets(this.#cluster, [{ topic, partition }], position, RANGE_TIMEOUT, this.#stop.signal);
    while (executor?.state === "running" && !this.#stop.signal.aborted) {
      try {
        const [starts, ends] = await Promise.all([ask("earliest"), ask("latest")]);
        const [start, end] = [starts.get(key)!, ends.get(key)!];
        if (offset >= start && offset <= end) return await this.#readAgain(executor, offset);
        if (executor.readBack?.outOfRange(offset, start)) return;
        const error =
          offset < start
            ? new JobsExpiredError(topic, partition, executor.mark, start)
            : new OffsetBeyondLogError(topic, partition, offset, end);
        const during = "reading on from what is committed";
        if (this.#context.queueOf(topic).onDataLoss === "stop") return executor.stop(error, during);
        events.emit("error", { error, during, topic, partition });
        if (offset > end && executor.buffered > 0) return this.#beginAnew([executor], CUT, end);
        return this.#goOnAt(executor, offset < start ? start : end);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const during = `reading on from offset ${offset}, which the log does not have`;
        if (error instanceof KafkaError && !error.retriable) return executor.stop(error, during);
        events.emit("error", { error, during, topic, partition });
        await sleep(clock, LOAD_RETRY, this.#stop.signal);
      }
    }
  }

  /** What is gone counts as finished. A job that runs still ends first: its place in the log is gone, too. */
  #goOnAt(executor: PartitionExecutor, offset: number): void {
    executor.jumpTo(offset);
    this.#context.flow.add(executor, offset);
  }

  /** A broker that lagged behind did not know of the offset; the others do. */
  async #readAgain(executor: PartitionExecutor, offset: number): Promise<void> {
    const { clock, flow } = this.#context;
    await sleep(clock, LOAD_RETRY, this.#stop.signal);
    if (executor.state === "running" && !this.#stop.signal.aborted) flow.add(executor, offset);
  }

  /** Another topic has this name now: what is known of its partitions is void, and their offsets are loaded anew. */
  topicMadeAgain(topic: string): void {
    const owned = [...this].filter((executor) => executor.topic === topic && executor.state !== "draining");
    if (owned.length > 0) this.#beginAnew(owned, "the topic was made again");
  }

  /**
   * Other jobs come, or have come, at the offsets of those that it has, from `cut` on: none of them may count for what is
   * committed. What runs is left over.
   */
  #beginAnew(executors: Executors, reason: string, cut?: number): void {
    const partitions = executors.map(({ topic, partition }) => ({ topic, partition }));
    this.#context.events.emit("lost", { partitions });
    this.lose(partitions, new DOMException(reason, "AbortError"));
    this.assign(partitions, cut);
  }

  /** Nothing of a topic that was deleted can be committed: it is let go before the group takes it away. */
  topicsGone(topics: readonly string[]): void {
    const reason = new DOMException("the topic was deleted", "AbortError");
    for (const topic of topics) {
      const partitions = [...this].filter((executor) => executor.topic === topic);
      this.#gone.set(
        topic,
        partitions.map(({ partition }) => ({ topic, partition })),
      );
      this.lose(partitions, reason);
    }
  }

  /** A group that has not heard meanwhile that a topic was gone gives nothing of it anew. */
  topicsCame(topics: readonly string[]): void {
    const group = this.#group();
    for (const topic of topics) {
      const partitions = this.#gone.get(topic) ?? [];
      this.#gone.delete(topic);
      const left = partitions.filter((each) => group.owns(topic, each.partition) && this.get(each) === undefined);
      if (left.length > 0) this.assign(left);
    }
  }

  /**
   * Gives partitions up in good order, each as soon as nothing of it is left to commit. Gives where each job is that did
   * not end in time, as `topic/partition/offset`.
   */
  async release(
    partitions: readonly TopicPartition[],
    { released = () => {}, ...how }: ReleaseOptions & { released?: (partition: TopicPartition) => void },
  ): Promise<string[]> {
    const leaving = partitions.flatMap((partition) => this.get(partition) ?? []);
    const late = await Promise.all(
      leaving.map(async (executor) => {
        this.#recurring.end(executor);
        const offsets = await executor.release(how);
        this.#forget(executor);
        released(executor);
        const { topic, partition } = executor;
        return offsets.map((offset) => placeText({ topic, partition, offset }));
      }),
    );
    return late.flat();
  }

  lose(partitions: readonly TopicPartition[], reason: Error): void {
    for (const partition of partitions) {
      const executor = this.get(partition);
      if (executor === undefined) continue;
      this.#forget(executor);
      this.#recurring.end(executor);
      executor.lose(reason);
    }
  }

  #forget(executor: PartitionExecutor): void {
    const key = partitionKey(executor.topic, executor.partition);
    if (this.#executors.get(key) === executor) this.#executors.delete(key);
  }

  /** Stops loading, and takes no more partitions. */
  close(): void {
    this.#stop.abort();
    this.#recurring.close();
  }
}

/** Whether the others of a request that failed so may do better without the one that it failed for. */
function isOfOnePartition(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return false;
  return error.topic !== undefined || error.errorCode === ErrorCode.UNSTABLE_OFFSET_COMMIT;
}

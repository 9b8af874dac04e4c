import type { Cluster } from "../client/cluster.ts";
import type { Fetcher } from "../client/fetcher.ts";
import type { GroupMember } from "../client/group-member.ts";
import { listOffsets } from "../client/list-offsets.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import { sleep } from "../net/clock.ts";
import { PartitionExecutor } from "./partition-executor.ts";
import { loadStartPoints, type StartPoint } from "./start-point.ts";
import type { WorkerContext } from "./worker-context.ts";
import { JobsExpiredError, OffsetBeyondLogError } from "./worker-errors.ts";

/** Milliseconds before offsets that could not be loaded are asked for again. */
const LOAD_RETRY = 1_000;
const RANGE_TIMEOUT = 30_000;

/** The executors of the partitions that this worker owns: from assignment through release or loss. */
export class OwnedExecutors {
  readonly #context: WorkerContext;
  readonly #cluster: Cluster;
  readonly #group: () => GroupMember;
  readonly #fetcher: () => Fetcher;
  readonly #executors = new Map<string, PartitionExecutor>();
  readonly #stop = new AbortController();

  constructor(context: WorkerContext, cluster: Cluster, group: () => GroupMember, fetcher: () => Fetcher) {
    this.#context = context;
    this.#cluster = cluster;
    this.#group = group;
    this.#fetcher = fetcher;
  }

  [Symbol.iterator](): IterableIterator<PartitionExecutor> {
    return this.#executors.values();
  }

  get({ topic, partition }: TopicPartition): PartitionExecutor | undefined {
    return this.#executors.get(partitionKey(topic, partition));
  }

  /** Takes new partitions: loads where to begin, then reads them. */
  assign(partitions: readonly TopicPartition[]): void {
    const executors = partitions.map(({ topic, partition }) => new PartitionExecutor(this.#context, topic, partition));
    for (const executor of executors) this.#executors.set(partitionKey(executor.topic, executor.partition), executor);
    this.#context.events.emit("assigned", { partitions });
    void this.#begin(executors);
  }

  async #begin(executors: readonly PartitionExecutor[]): Promise<void> {
    const points = await this.#load(executors);
    for (const executor of executors) {
      const point = points.get(partitionKey(executor.topic, executor.partition));
      if (executor.state === "loading" && point !== undefined) void this.#beginOne(executor, point);
    }
  }

  async #load(executors: readonly PartitionExecutor[]): Promise<ReadonlyMap<string, StartPoint | Error>> {
    const { clock, events } = this.#context;
    for (;;) {
      const wanted = executors.filter(({ state }) => state === "loading");
      if (wanted.length === 0 || this.#stop.signal.aborted) return new Map();
      try {
        return await loadStartPoints(this.#cluster, this.#group().coordinator, wanted, this.#stop.signal);
      } catch (error) {
        if (this.#stop.signal.aborted) return new Map();
        events.emit("error", { error, during: "loading committed offsets" });
        await sleep(clock, LOAD_RETRY, this.#stop.signal);
      }
    }
  }

  async #beginOne(executor: PartitionExecutor, point: StartPoint | Error): Promise<void> {
    const { topic, partition } = executor;
    const { events, committer, leftovers, flow } = this.#context;
    if (point instanceof Error) return executor.stop(point, "reading what was committed");
    await leftovers.none(topic, partition);
    if (executor.state !== "loading") return;
    if (point.committed === undefined) events.emit("startedAtEarliest", { topic, partition });
    committer.add(executor, point.committed);
    this.#fetcher().add(topic, partition, point.offset);
    flow.add(executor);
    executor.begin(point);
  }

  /** The offset it should read from is not in the log. */
  async outOfRange({ topic, partition }: TopicPartition, offset: number): Promise<void> {
    const executor = this.get({ topic, partition });
    if (executor === undefined) return;
    try {
      const ask = (position: "earliest" | "latest"): Promise<Map<string, number>> =>
        listOffsets(this.#cluster, [{ topic, partition }], position, RANGE_TIMEOUT, this.#stop.signal);
      const [start, end] = await Promise.all([ask("earliest"), ask("latest")]);
      const key = partitionKey(topic, partition);
      const from = start.get(key)!;
      const error =
        offset < from
          ? new JobsExpiredError(topic, partition, offset, from)
          : new OffsetBeyondLogError(topic, partition, offset, end.get(key)!);
      executor.stop(error, "reading on from what is committed");
    } catch (error) {
      executor.stop(error, `reading on from offset ${offset}, which the log does not have`);
    }
  }

  /** Gives partitions up in good order; resolves once nothing of them is left to commit. */
  async release(partitions: readonly TopicPartition[], grace: number, reason: Error): Promise<void> {
    const leaving = partitions.flatMap((partition) => this.get(partition) ?? []);
    for (const executor of leaving) this.#fetcher().remove(executor.topic, executor.partition);
    await Promise.all(leaving.map((executor) => executor.release(grace, reason)));
    for (const executor of leaving) this.#forget(executor);
  }

  lose(partitions: readonly TopicPartition[], reason: Error): void {
    for (const partition of partitions) {
      const executor = this.get(partition);
      if (executor === undefined) continue;
      this.#fetcher().remove(executor.topic, executor.partition);
      this.#forget(executor);
      executor.lose(reason);
    }
  }

  #forget(executor: PartitionExecutor): void {
    const key = partitionKey(executor.topic, executor.partition);
    if (this.#executors.get(key) === executor) this.#executors.delete(key);
    this.#context.flow.remove(executor);
  }

  /** Stops loading. */
  close(): void {
    this.#stop.abort();
  }
}

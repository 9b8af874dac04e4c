import type { PartitionExecutor } from "./partition-executor.ts";

/** What a worker is doing with one partition. */
export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly state: "loading" | "running" | "stopped" | "draining" | "ended";
  /** The next offset to finish. */
  readonly offset: number;
  /** Jobs that were fetched and have not been started. */
  readonly waiting: number;
  /** Offset of the running job. */
  readonly running: number | undefined;
  /** The next job waits for its time, as after a failure. */
  readonly isWaiting: boolean;
}

export interface WorkerStatus {
  readonly state: "working" | "quiet" | "closing" | "closed";
  readonly running: number;
  /** Bytes of jobs that were fetched and have not ended, over all partitions. */
  readonly bufferedBytes: number;
  readonly partitions: readonly PartitionStatus[];
  /** Queues that were paused, and of which nothing starts. */
  readonly pausedQueues: readonly string[];
  /** Partitions for which a job still runs that was started before they were taken away, as `topic/partition`. */
  readonly leftovers: readonly string[];
}

export function partitionStatus(executor: PartitionExecutor): PartitionStatus {
  const { topic, partition, state, mark: offset, buffered, running, isWaiting } = executor;
  const waiting = running === undefined ? buffered : Math.max(0, buffered - 1);
  return { topic, partition, state, offset, waiting, running: running?.offset, isWaiting };
}

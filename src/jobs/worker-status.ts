import type { ScheduleStatus } from "./owned-schedules.ts";
import type { PartitionExecutor, PartitionState } from "./partition-executor.ts";

/** What a worker is doing with one partition. */
export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly state: PartitionState;
  /** The next offset to finish. */
  readonly offset: number;
  /** Jobs that were fetched and have not been started. */
  readonly waiting: number;
  /** Offsets of the running jobs, as they were started: one at most, but where the queue has lanes. */
  readonly running: readonly number[];
  /** Of a queue with virtual partitions: how many lanes there are, and how many have jobs that have not ended. */
  readonly lanes?: { readonly max: number; readonly used: number } | undefined;
  /** Of a queue that parks: how many keys are parked, and how many jobs of theirs. */
  readonly parked?: { readonly keys: number; readonly jobs: number } | undefined;
  /** The next job waits for its time, as after a failure. */
  readonly isWaiting: boolean;
}

export interface WorkerStatus {
  readonly state: "working" | "quiet" | "closing" | "closed";
  readonly running: number;
  /** Bytes of jobs that were fetched and have not ended, over all partitions. */
  readonly bufferedBytes: number;
  readonly partitions: readonly PartitionStatus[];
  /** Of schedule topics. */
  readonly schedules: readonly ScheduleStatus[];
  /** Queues that were paused, and of which nothing starts. */
  readonly pausedQueues: readonly string[];
  /** Partitions for which a job still runs that was started before they were taken away, as `topic/partition`. */
  readonly leftovers: readonly string[];
}

export function partitionStatus(executor: PartitionExecutor): PartitionStatus {
  const { topic, partition, state, mark: offset, buffered, isWaiting, lanes, parked } = executor;
  const running = [...executor.running].map((attempt) => attempt.offset);
  const waiting = Math.max(0, buffered - running.length);
  const more = { ...(lanes === undefined ? {} : { lanes }), ...(parked === undefined ? {} : { parked }) };
  return { topic, partition, state, offset, waiting, running, isWaiting, ...more };
}

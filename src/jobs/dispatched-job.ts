/** A job that the brokers have acknowledged. */
export interface EnqueuedJob {
  readonly state: "enqueued";
  /** A UUID of version 7, or what `set({ id })` said. It stays with the job through retries. */
  readonly id: string;
  readonly queue: string;
  readonly topic: string;
  /** -1 until the transaction is committed that the job was enqueued in. */
  readonly partition: number;
  /** As `partition`. -1 too where the variant does not wait for an acknowledgement (acks "none"). */
  readonly offset: number;
}

/** A job that waits for its time, in its schedule topic: `app.cancel` and `app.reschedule` take it. */
export interface ScheduledJob {
  readonly state: "scheduled";
  /** As an enqueued job's. */
  readonly id: string;
  readonly queue: string;
  /** It is dispatched to its queue then, and run once it is its turn there. */
  readonly dueAt: Date;
  /** The UUID by which it is known while it waits. */
  readonly entry: string;
  /** Of the schedule topic, as are partition and offset. */
  readonly topic: string;
  /** -1 until the transaction is committed that the job was scheduled in. */
  readonly partition: number;
  /** As an enqueued job's. */
  readonly offset: number;
}

/** A job of `dispatchMethod: "produceAsync"`: it waits to be sent. Its failure goes to the `error` event. */
export interface BufferedJob {
  readonly state: "buffered";
  readonly id: string;
  readonly queue: string;
  readonly topic: string;
}

/** What an enqueue gives. */
export type DispatchedJob = EnqueuedJob | ScheduledJob | BufferedJob;

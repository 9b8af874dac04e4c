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

/** A job of `dispatchMethod: "produceAsync"`: it waits to be sent. Its failure goes to the `error` event. */
export interface BufferedJob {
  readonly state: "buffered";
  readonly id: string;
  readonly queue: string;
  readonly topic: string;
}

/** What an enqueue gives. */
export type DispatchedJob = EnqueuedJob | BufferedJob;

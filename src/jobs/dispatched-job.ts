/** A job that the brokers have acknowledged. */
export interface EnqueuedJob {
  readonly state: "enqueued";
  /** A UUID of version 7. It stays with the job through retries. */
  readonly id: string;
  readonly queue: string;
  readonly topic: string;
  readonly partition: number;
  /** -1 where the variant does not wait for an acknowledgement (acks "none"). */
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

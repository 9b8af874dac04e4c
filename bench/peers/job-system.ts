/** What is enqueued in all systems; `sentAt` where it is timed. */
export interface PeerPayload {
  readonly id: number;
  readonly text: string;
  readonly sentAt?: number;
}

/** A job system in one process, as its own guide uses it for many small jobs. */
export interface JobSystem {
  bulk(payloads: readonly PeerPayload[]): Promise<unknown>;
  single(payload: PeerPayload): Promise<unknown>;
  /** Resolves once it works; gives what ends it. */
  work(perform: (payload: PeerPayload) => void): Promise<() => Promise<unknown>>;
  close(): Promise<unknown>;
}

/** Opens a queue of that name; it may be there from an earlier process. */
export type OpenJobSystem = (queue: string) => Promise<JobSystem>;

/** How many jobs a worker may run at once. */
export const CONCURRENCY = 100;

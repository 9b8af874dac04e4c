import type { EnqueuedJob, ScheduledJob } from "./dispatched-job.ts";
import type { PreparedJob } from "./prepared-job.ts";

/** Collects enqueues that count together or not at all. */
export interface AppTransaction {
  /**
   * Adds a job. Resolves once it is known that the job can be enqueued: it is not yet. Its `partition` and `offset` are
   * -1 until the transaction is committed, and are then filled in. If it rejects, so does the transaction. A job's own
   * `performLater` is no part of the transaction.
   */
  performLater(job: PreparedJob): Promise<EnqueuedJob>;
  /** The same, for a job with `wait` or `waitUntil`, which `performLater` refuses. Gives an enqueued job where its time has come. */
  schedule(job: PreparedJob): Promise<EnqueuedJob | ScheduledJob>;
}

/** What may be done within a transaction, before it is opened. */
export type TransactionWork<T> = (transaction: AppTransaction) => T | Promise<T>;

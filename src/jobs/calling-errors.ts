import { JobError } from "./errors.ts";

/** A middleware called `next` again: what it goes around happens once. */
export class NextCalledTwiceError extends JobError {
  override readonly name = "NextCalledTwiceError";

  constructor(job: string) {
    super("NEXT_CALLED_TWICE", `a middleware called next() twice for job "${job}"`);
  }
}

/** An enqueue middleware ended without having called `next`: the job was not enqueued. */
export class EnqueueStoppedError extends JobError {
  override readonly name = "EnqueueStoppedError";

  constructor(job: string) {
    super(
      "ENQUEUE_STOPPED",
      `job "${job}" was not enqueued: an enqueue middleware ended without calling next(); throw an error of your own to say why`,
    );
  }
}

/** Two contexts of one app have one name: a worker could not tell whose value a record carries. */
export class DuplicateContextError extends JobError {
  override readonly name = "DuplicateContextError";

  constructor(context: string) {
    super("DUPLICATE_CONTEXT", `the app already has a context named "${context}"`);
  }
}

/** What `lazy` loaded has no function as its default export. */
export class LazyModuleError extends JobError {
  override readonly name = "LazyModuleError";

  constructor(job: string, found: string) {
    super(
      "LAZY_MODULE",
      `the module that job "${job}" loads has ${found} as its default export: export default the function that performs it`,
    );
  }
}

/** A transaction was used after its function had ended. */
export class TransactionEndedError extends JobError {
  override readonly name = "TransactionEndedError";

  constructor() {
    super(
      "TRANSACTION_ENDED",
      "the transaction's function has ended, so nothing can be added any more: await what it does before it returns",
    );
  }
}

/** `job.transaction` was called again: the job is finished since the first time, and nothing can count together with that any more. */
export class AlreadyHandedOverError extends JobError {
  override readonly name = "AlreadyHandedOverError";

  constructor(job: string) {
    super(
      "ALREADY_HANDED_OVER",
      `job "${job}" has handed over already: put all that counts together into one transaction`,
    );
  }
}

/** The job's partition was taken away before `job.transaction` was committed: nothing of it counts, and the job runs again. */
export class HandOverLostError extends JobError {
  override readonly name = "HandOverLostError";

  constructor(job: string) {
    super(
      "HAND_OVER_LOST",
      `the partition of job "${job}" is gone: nothing was enqueued, and the job runs again elsewhere`,
    );
  }
}

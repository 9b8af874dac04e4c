import type { RecordOwner } from "../client/queued-batch.ts";
import type { AppState } from "./app-state.ts";
import type { DispatchedJob, EnqueuedJob, ScheduledJob } from "./dispatched-job.ts";
import { dispatchedJob, type EnqueueDraft } from "./enqueue-draft.ts";
import { namedError } from "./named-error.ts";
import type { Runtime } from "./runtime.ts";

/** Whoever has enqueued jobs, of which each has its slot. */
export interface JobTaker {
  enqueued(slot: number, job: DispatchedJob): void;
  failed(slot: number, error: unknown): void;
}

/** A job that its producer has, until the brokers have it or it has failed: told by calls, as a promise for each costs more than its record. */
export class PostedJob implements RecordOwner {
  readonly #app: AppState;
  readonly #runtime: Runtime;
  readonly #draft: EnqueueDraft;
  readonly #taker: JobTaker;

  constructor(app: AppState, runtime: Runtime, draft: EnqueueDraft, taker: JobTaker) {
    this.#app = app;
    this.#runtime = runtime;
    this.#draft = draft;
    this.#taker = taker;
  }

  delivered(slot: number, partition: number, offset: number): void {
    this.#runtime.enqueueEnded();
    const job = dispatchedJob(this.#draft, { partition, offset });
    const { events } = this.#app;
    // Listeners are not called in the midst of the producer's work, and before whoever awaits the job.
    if (events.has("enqueued") || events.has("scheduled"))
      queueMicrotask(() => tellDispatched(this.#app, this.#draft, job));
    this.#taker.enqueued(slot, job);
  }

  failed(slot: number, error: unknown): void {
    this.#runtime.enqueueEnded();
    const { definition, queue } = this.#draft;
    this.#taker.failed(slot, namedError(error, definition.name, queue));
  }
}

/** Waits for one job. */
export class OneJobTaker implements JobTaker {
  readonly promise: Promise<DispatchedJob>;
  #resolve!: (job: DispatchedJob) => void;
  #reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  enqueued(_slot: number, job: DispatchedJob): void {
    this.#resolve(job);
  }

  failed(_slot: number, error: unknown): void {
    this.#reject(error);
  }
}

/** Tells of a job that the brokers have. */
export function tellDispatched(
  { events }: AppState,
  { definition: { name }, key }: EnqueueDraft,
  job: EnqueuedJob | ScheduledJob,
): void {
  if (job.state === "enqueued") {
    if (events.has("enqueued")) events.emit("enqueued", { job, name, key });
  } else if (events.has("scheduled")) events.emit("scheduled", { job, name, key });
}

import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import { TransactionAbortedError } from "../client/transaction-errors.ts";
import { within } from "../client/within.ts";
import type { AppState } from "./app-state.ts";
import { TransactionEndedError } from "./calling-errors.ts";
import { describe } from "./check-options.ts";
import type { EnqueuedJob, ScheduledJob } from "./dispatched-job.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { completeRecord, dispatchedJob, type EnqueueDraft, intercept } from "./enqueue-draft.ts";
import type { EnqueueRun } from "./enqueue-run.ts";
import type { AppTransaction, TransactionWork } from "./enqueue-transaction.ts";
import { EnqueueTimeoutError, InvalidOptionError } from "./errors.ts";
import { preparedCall } from "./job.ts";
import { namedError } from "./named-error.ts";
import { tellDispatched } from "./posted-job.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { deliveryTimeoutOf } from "./producer-settings.ts";
import { partitionOf } from "./queue-line.ts";
import type { EntryRoute } from "./schedule-entry.ts";
import { entryRoute } from "./schedule-route.ts";
import { sendTransaction } from "./send-transaction.ts";

/** The handle of a job whose place is filled in once it has one. */
type OpenHandle = Open<EnqueuedJob> | Open<ScheduledJob>;
type Open<T> = { -readonly [K in keyof T]: T[K] };

/** A job that is ready to be sent. */
export interface CollectedEnqueue {
  readonly draft: EnqueueDraft;
  readonly record: ProducerRecord;
  readonly handle: OpenHandle;
}

/** `app.transaction`. */
export async function enqueueTogether<T>(app: AppState, dispatcher: Dispatcher, work: TransactionWork<T>): Promise<T> {
  if (typeof work !== "function") {
    throw new InvalidOptionError("transaction", `${describe(work)} given, a function is expected`);
  }
  // One that begins after the app was closed does not even run.
  app.slot.use();
  const { value, enqueues } = await collectEnqueues(app, dispatcher, work);
  if (enqueues.length === 0) return value;
  const runtime = app.slot.use();
  runtime.enqueueBegan();
  try {
    await sendTogether(app, enqueues, (records) => sendTransaction(runtime, { records }, runtime.transactionStep));
  } finally {
    runtime.enqueueEnded();
  }
  return value;
}

/**
 * Runs `work`, and gives what it gave and the jobs that it enqueued, in the order of its calls. Rejects with what it
 * throws, or with why any of its jobs cannot be enqueued. Nothing is sent.
 */
export async function collectEnqueues<T>(
  app: AppState,
  dispatcher: Dispatcher,
  work: TransactionWork<T>,
): Promise<{ readonly value: T; readonly enqueues: readonly CollectedEnqueue[] }> {
  const collection = new EnqueueCollection(app, dispatcher);
  try {
    const value = await work(collection);
    return { value, enqueues: await collection.end() };
  } catch (error) {
    collection.end().catch(() => {});
    throw error;
  }
}

/**
 * Sends collected jobs by `send`, in one Kafka transaction: rejections are its own, named by the job they are about. The
 * jobs' handles then have the places that it gives; none, where nobody says them. Closing the app does not wait for it:
 * what belongs to a worker ends with that.
 */
export async function sendTogether(
  app: AppState,
  enqueues: readonly CollectedEnqueue[],
  send: (records: readonly ProducerRecord[]) => Promise<readonly RecordMetadata[]>,
): Promise<void> {
  const runtime = app.slot.use();
  let places: readonly RecordMetadata[];
  try {
    const records = enqueues.map(({ record }) => record);
    const sending = send(records);
    const told = runtime.tellSent(records, sending);
    places = await sending;
    await told;
  } catch (error) {
    throw nameFailure(error, enqueues);
  }
  for (let i = 0; i < enqueues.length; i++) enqueued(app, enqueues[i]!, places[i]);
}

function enqueued(app: AppState, { draft, handle }: CollectedEnqueue, place: RecordMetadata | undefined): void {
  handle.partition = place?.partition ?? -1;
  handle.offset = place?.offset ?? -1;
  tellDispatched(app, draft, handle);
}

/** The job layer's error for what failed the transaction. The client names the topic; a record too large is its largest. */
function nameFailure(error: unknown, enqueues: readonly CollectedEnqueue[]): unknown {
  if (!(error instanceof TransactionAbortedError)) return error;
  const ofTopic = enqueues.filter(({ record }) => record.topic === error.topic);
  const largest = ofTopic.reduce<CollectedEnqueue | undefined>(
    (most, each) => (most === undefined || sizeOf(each) > sizeOf(most) ? each : most),
    undefined,
  );
  return largest === undefined ? error : namedError(error, largest.draft.definition.name, largest.draft.queue);
}

function sizeOf({ record }: CollectedEnqueue): number {
  return record.value?.length ?? 0;
}

class EnqueueCollection implements AppTransaction {
  readonly #app: AppState;
  readonly #dispatcher: Dispatcher;
  /** In the order of the calls. */
  readonly #enqueues: Promise<CollectedEnqueue>[] = [];
  #isOpen = true;

  constructor(app: AppState, dispatcher: Dispatcher) {
    this.#app = app;
    this.#dispatcher = dispatcher;
  }

  performLater(job: PreparedJob): Promise<EnqueuedJob> {
    return this.#add(job, "performLater") as Promise<EnqueuedJob>;
  }

  schedule(job: PreparedJob): Promise<EnqueuedJob | ScheduledJob> {
    return this.#add(job, "schedule");
  }

  #add(job: PreparedJob, call: "performLater" | "schedule"): Promise<EnqueuedJob | ScheduledJob> {
    if (!this.#isOpen) return Promise.reject(new TransactionEndedError());
    const { collected, result } = this.#collect(job, call);
    // Whoever does not await it hears of it from the transaction.
    for (const promise of [collected, result]) promise.catch(() => {});
    this.#enqueues.push(collected);
    return result;
  }

  #collect(
    job: PreparedJob,
    call: "performLater" | "schedule",
  ): { collected: Promise<CollectedEnqueue>; result: Promise<EnqueuedJob | ScheduledJob> } {
    let draft: EnqueueDraft;
    try {
      draft = this.#dispatcher.draft(preparedCall(job, `transaction.${call}`));
      if (call === "performLater" && draft.schedule !== undefined)
        throw new InvalidOptionError(
          "transaction.performLater",
          "the job is to wait for its time: schedule() takes such",
        );
    } catch (error) {
      const failed = Promise.reject(error);
      return { collected: failed, result: failed };
    }
    const run = intercept(draft, this.#app.middleware);
    const { slot, settings } = this.#app;
    const timeout = deliveryTimeoutOf(settings.producer);
    const collected = within(slot.clock, timeout, this.#prepare(draft, run), () => {
      throw new EnqueueTimeoutError(draft.queue, timeout);
    });
    const result = collected.then(({ handle }): EnqueuedJob | ScheduledJob => handle);
    if (run === undefined) return { collected, result };
    return { collected, result: run.around(result, (error) => this.#dispatcher.middlewareFailed(draft, error)) };
  }

  /** All that may take its time, and all that runs code of a user's, is done before the transaction is opened. */
  async #prepare(draft: EnqueueDraft, run: EnqueueRun | undefined): Promise<CollectedEnqueue> {
    const preparing = [this.#route(draft), run?.headers, draft.pendingValue] as const;
    const [route, headers, value] = await Promise.all(preparing);
    const handle: OpenHandle = dispatchedJob(draft, { partition: -1, offset: -1 });
    return { draft, record: completeRecord(draft, route, headers, value), handle };
  }

  /** Asked for even where the client decides: a queue that does not exist has to fail before anything is sent. */
  async #route(draft: EnqueueDraft): Promise<number | EntryRoute | undefined> {
    const { route, queue, definition } = draft;
    try {
      const { producer, slot } = this.#app;
      if (draft.schedule !== undefined) return await entryRoute(slot.use(), draft);
      const count = await slot.use().line(producer, queue).partitionCount();
      return route.key === undefined || route.type === "key" ? undefined : partitionOf(route, queue, count);
    } catch (error) {
      throw namedError(error, definition.name, queue);
    }
  }

  /** Refuses further jobs, and gives those that there are. */
  end(): Promise<CollectedEnqueue[]> {
    this.#isOpen = false;
    return Promise.all(this.#enqueues);
  }
}

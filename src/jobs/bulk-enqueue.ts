import { describe } from "./check-options.ts";
import type { DispatchedJob } from "./dispatched-job.ts";
import type { Dispatch, Dispatcher } from "./dispatcher.ts";
import type { EnqueueDraft } from "./enqueue-draft.ts";
import { BulkEnqueueError, InvalidOptionError } from "./errors.ts";
import { preparedCall } from "./job.ts";
import type { LazyProducer } from "./lazy-producer.ts";
import { namedError } from "./named-error.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { partitionOf } from "./queue-line.ts";
import type { RuntimeSlot } from "./runtime.ts";
import { entryRoute } from "./schedule-route.ts";

/** Jobs of an asynchronous input that may be under way at once, so that its length does not decide the memory. */
const WINDOW = 10_000;

type Result = DispatchedJob | Error;

/** Enqueues many jobs. Throws a {@link BulkEnqueueError} that holds every result where any fails. */
export async function enqueueAll(
  dispatcher: Dispatcher,
  slot: RuntimeSlot,
  jobs: Iterable<PreparedJob> | AsyncIterable<PreparedJob>,
): Promise<DispatchedJob[]> {
  const bulk = new BulkEnqueue(dispatcher, slot);
  let inputError: { readonly error: unknown } | undefined;
  try {
    if (isAsync(jobs)) await bulk.addFrom(jobs);
    else await bulk.addAll(checkIterable(jobs));
  } catch (error) {
    inputError = { error };
  }
  return bulk.results(inputError);
}

class BulkEnqueue {
  readonly #dispatcher: Dispatcher;
  readonly #slot: RuntimeSlot;
  readonly #results: Promise<Result>[] = [];
  /** In input order; never rejects. */
  readonly #acknowledged: Promise<unknown>[] = [];
  /** The producer of all jobs so far, while it is one. */
  #only: LazyProducer | undefined;
  /** Per partition, once there are several producers: who sent last, and when that is acknowledged. */
  #lastSent: Map<string, { readonly producer: LazyProducer; readonly acknowledged: Promise<unknown> }> | undefined;

  constructor(dispatcher: Dispatcher, slot: RuntimeSlot) {
    this.#dispatcher = dispatcher;
    this.#slot = slot;
  }

  /** Takes a list in one go unless a job has to wait, so that later calls line up behind it. */
  async addAll(jobs: Iterable<PreparedJob>): Promise<void> {
    for (const job of jobs) {
      const waiting = this.add(job);
      if (waiting !== undefined) await waiting;
    }
  }

  async addFrom(jobs: AsyncIterable<PreparedJob>): Promise<void> {
    for await (const job of jobs) {
      await this.add(job);
      await this.#acknowledged[this.#acknowledged.length - WINDOW];
    }
  }

  /** Returns a promise only where the job has to wait for others. */
  add(job: PreparedJob): Promise<void> | undefined {
    let draft: EnqueueDraft;
    try {
      draft = this.#dispatcher.draft(preparedCall(job, `performAllLater[${this.#results.length}]`));
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
    this.#only ??= draft.producer;
    if (this.#lastSent === undefined && this.#only === draft.producer) return void this.#dispatch(draft);
    return this.#addAmongVariants(draft);
  }

  #dispatch(draft: EnqueueDraft): Dispatch {
    const dispatch = this.#dispatcher.dispatch(draft, draft.definition.dispatchManyMethod);
    const result = dispatch.result.catch(toError);
    this.#results.push(result);
    // One promise less for each job that is waited for.
    this.#acknowledged.push(dispatch.acknowledged === dispatch.result ? result : dispatch.acknowledged.catch(() => {}));
    return dispatch;
  }

  #failed(error: unknown): void {
    this.#results.push(Promise.resolve(toError(error)));
    this.#acknowledged.push(Promise.resolve());
  }

  /** Producers keep no order among each other: where a partition's next job has another one, it waits for the last. */
  async #addAmongVariants(draft: EnqueueDraft): Promise<void> {
    const { producer, queue, key } = draft;
    try {
      if (this.#lastSent === undefined) {
        await Promise.all(this.#acknowledged);
        this.#lastSent = new Map();
      }
      if (key === undefined) return void this.#dispatch(draft);
      const place = await this.#placeOf(draft);
      const last = this.#lastSent.get(place);
      if (last !== undefined && last.producer !== producer) await last.acknowledged;
      this.#dispatch(draft);
      this.#lastSent.set(place, { producer, acknowledged: this.#acknowledged.at(-1)! });
    } catch (error) {
      this.#failed(namedError(error, draft.definition.name, queue));
    }
  }

  /** The partition that it goes to. */
  async #placeOf(draft: EnqueueDraft): Promise<string> {
    const { producer, queue, route, schedule } = draft;
    const runtime = this.#slot.use();
    if (schedule !== undefined) return `${schedule.topic}/${(await entryRoute(runtime, draft)).partition}`;
    return `${queue}/${partitionOf(route, queue, await runtime.line(producer, queue).partitionCount())}`;
  }

  async results(inputError: { readonly error: unknown } | undefined): Promise<DispatchedJob[]> {
    const results = await Promise.all(this.#results);
    if (inputError === undefined && !results.some((result) => result instanceof Error))
      return results as DispatchedJob[];
    throw new BulkEnqueueError(results, inputError?.error);
  }
}

function isAsync(jobs: Iterable<PreparedJob> | AsyncIterable<PreparedJob>): jobs is AsyncIterable<PreparedJob> {
  return typeof (jobs as Partial<AsyncIterable<PreparedJob>> | null)?.[Symbol.asyncIterator] === "function";
}

function checkIterable(jobs: Iterable<PreparedJob>): Iterable<PreparedJob> {
  if (typeof (jobs as Partial<Iterable<PreparedJob>> | null)?.[Symbol.iterator] === "function") return jobs;
  throw new InvalidOptionError(
    "performAllLater",
    `${describe(jobs)} given, a list of what of(…) of jobs returns is expected`,
  );
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}

import { describe } from "./check-options.ts";
import type { DispatchedJob } from "./dispatched-job.ts";
import type { Dispatcher, Moment } from "./dispatcher.ts";
import type { EnqueueDraft } from "./enqueue-draft.ts";
import { BulkEnqueueError, InvalidOptionError } from "./errors.ts";
import { preparedCall } from "./job.ts";
import type { LazyProducer } from "./lazy-producer.ts";
import { namedError } from "./named-error.ts";
import type { JobTaker } from "./posted-job.ts";
import type { PreparedJob } from "./prepared-job.ts";
import { partitionOf } from "./queue-line.ts";
import type { RuntimeSlot } from "./runtime.ts";
import { entryRoute } from "./schedule-route.ts";

/** Jobs of an asynchronous input that may be under way at once, so that its length does not decide the memory. */
const WINDOW = 10_000;
/** Jobs of a list that count as enqueued at the same instant: they are, but for the time that it takes to write them. */
const SAME_MOMENT = 64;

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

class BulkEnqueue implements JobTaker {
  readonly #dispatcher: Dispatcher;
  readonly #slot: RuntimeSlot;
  /** In input order; undefined: not known yet. */
  readonly #results: (Result | undefined)[] = [];
  /** Results that are not known yet, and who waits until all are. */
  #left = 0;
  #whenNoneLeft: (() => void) | undefined;
  /** Of jobs that are waited for, by their slots: settles once the brokers have the job or it has failed. Never rejects. */
  readonly #acknowledged = new Map<number, Promise<unknown>>();
  readonly #tellAcknowledged = new Map<number, () => void>();
  /** The producer of all jobs so far, while it is one. */
  #only: LazyProducer | undefined;
  /** Per partition, once there are several producers: who sent last, and when that is acknowledged. */
  #lastSent: Map<string, { readonly producer: LazyProducer; readonly acknowledged: Promise<unknown> }> | undefined;
  #moment: Moment | undefined;

  constructor(dispatcher: Dispatcher, slot: RuntimeSlot) {
    this.#dispatcher = dispatcher;
    this.#slot = slot;
  }

  /** Takes a list in one go unless a job has to wait, so that later calls line up behind it. */
  async addAll(jobs: Iterable<PreparedJob>): Promise<void> {
    // Between the jobs of other inputs any time may pass.
    const most = Array.isArray(jobs) ? SAME_MOMENT : 1;
    for (const job of jobs) {
      if (this.#results.length % most === 0) this.#moment = undefined;
      const waiting = this.add(job);
      if (waiting === undefined) continue;
      await waiting;
      this.#moment = undefined;
    }
  }

  async addFrom(jobs: AsyncIterable<PreparedJob>): Promise<void> {
    for await (const job of jobs) {
      this.#moment = undefined;
      await this.add(job);
      const before = this.#results.length - WINDOW;
      if (before >= 0) await this.#acknowledgedAt(before);
    }
  }

  /** Returns a promise only where the job has to wait for others. */
  add(job: PreparedJob): Promise<void> | undefined {
    let draft: EnqueueDraft;
    try {
      this.#moment ??= this.#dispatcher.moment();
      draft = this.#dispatcher.draft(preparedCall(job, `performAllLater[${this.#results.length}]`), this.#moment);
    } catch (error) {
      this.failed(this.#takeSlot(), error);
      return undefined;
    }
    this.#only ??= draft.producer;
    if (this.#lastSent === undefined && this.#only === draft.producer) return void this.#dispatch(draft, this.#moment);
    return this.#addAmongVariants(draft);
  }

  #takeSlot(): number {
    this.#left++;
    return this.#results.push(undefined) - 1;
  }

  #dispatch(draft: EnqueueDraft, moment: Moment = this.#dispatcher.moment()): number {
    const slot = this.#takeSlot();
    const { dispatchManyMethod } = draft.definition;
    try {
      if (this.#dispatcher.post(draft, dispatchManyMethod, moment, this, slot)) return slot;
      const { result, acknowledged } = this.#dispatcher.dispatch(draft, dispatchManyMethod);
      result.then(
        (job) => this.enqueued(slot, job),
        (error: unknown) => this.failed(slot, error),
      );
      this.#acknowledged.set(
        slot,
        acknowledged.catch(() => {}),
      );
    } catch (error) {
      this.failed(slot, error);
    }
    return slot;
  }

  enqueued(slot: number, job: DispatchedJob): void {
    this.#settle(slot, job);
  }

  failed(slot: number, error: unknown): void {
    this.#settle(slot, toError(error));
  }

  #settle(slot: number, result: Result): void {
    this.#results[slot] = result;
    this.#tellAcknowledged.get(slot)?.();
    if (--this.#left === 0) this.#whenNoneLeft?.();
  }

  /** Producers keep no order among each other: where a partition's next job has another one, it waits for the last. */
  async #addAmongVariants(draft: EnqueueDraft): Promise<void> {
    const { producer, queue, key } = draft;
    try {
      if (this.#lastSent === undefined) {
        await Promise.all(this.#results.map((_, slot) => this.#acknowledgedAt(slot)));
        this.#lastSent = new Map();
      }
      if (key === undefined) return void this.#dispatch(draft);
      const place = await this.#placeOf(draft);
      const last = this.#lastSent.get(place);
      if (last !== undefined && last.producer !== producer) await last.acknowledged;
      const slot = this.#dispatch(draft);
      this.#lastSent.set(place, { producer, acknowledged: this.#acknowledgedAt(slot) });
    } catch (error) {
      this.failed(this.#takeSlot(), namedError(error, draft.definition.name, queue));
    }
  }

  #acknowledgedAt(slot: number): Promise<unknown> {
    let acknowledged = this.#acknowledged.get(slot);
    if (acknowledged === undefined && this.#results[slot] === undefined) {
      acknowledged = new Promise<void>((resolve) => this.#tellAcknowledged.set(slot, resolve));
      this.#acknowledged.set(slot, acknowledged);
    }
    return acknowledged ?? Promise.resolve();
  }

  /** The partition that it goes to. */
  async #placeOf(draft: EnqueueDraft): Promise<string> {
    const { producer, queue, route, schedule } = draft;
    const runtime = this.#slot.use();
    if (schedule !== undefined) return `${schedule.topic}/${(await entryRoute(runtime, draft)).partition}`;
    return `${queue}/${partitionOf(route, queue, await runtime.line(producer, queue).partitionCount())}`;
  }

  async results(inputError: { readonly error: unknown } | undefined): Promise<DispatchedJob[]> {
    if (this.#left > 0) {
      await new Promise<void>((resolve) => {
        this.#whenNoneLeft = resolve;
      });
    }
    const results = this.#results as Result[];
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

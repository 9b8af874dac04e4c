import { NextCalledTwiceError } from "./calling-errors.ts";
import { checkOptions, optionalFunction } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";
import type { EnqueuingJob, RunningJob } from "./job-options.ts";

/** A job on its way to its queue, as middleware sees it: `headers` may be added to and changed until `next` is called. */
export interface InterceptedJob extends Omit<EnqueuingJob, "headers"> {
  readonly headers: Record<string, string>;
}

/** What goes around jobs. Those that were used first are outermost. */
export interface Middleware {
  /**
   * Goes around each enqueue. Key, producer and payload are decided before; what may be changed is `job.headers`. `next`
   * resolves once the job is enqueued (in a transaction: collected), and can be called once. What is thrown before it
   * rejects the enqueue, and so does ending without it (`EnqueueStoppedError`); what is thrown after a job was enqueued
   * goes to the `error` event. While it runs, later calls on the same queue wait behind it: do not await one before `next`.
   */
  readonly enqueue?: ((job: InterceptedJob, next: () => Promise<void>) => unknown) | undefined;
  /**
   * Goes around each run, once the schema has accepted the payload. What it throws fails the attempt. Without `next` the
   * job ends well without having been performed.
   */
  readonly perform?: ((job: RunningJob, next: () => Promise<void>) => unknown) | undefined;
}

type Around<J> = (job: J, next: () => Promise<void>) => unknown;

/** The app's middleware. */
export class MiddlewareList {
  /** Replaced, never changed: what is under way goes on with those that it began with. */
  #all: readonly Middleware[] = [];
  #enqueue: readonly Around<InterceptedJob>[] = [];
  #perform: readonly Around<RunningJob>[] = [];

  get enqueue(): readonly Around<InterceptedJob>[] {
    return this.#enqueue;
  }
  get perform(): readonly Around<RunningJob>[] {
    return this.#perform;
  }

  /** Returns the remover. */
  use(value: unknown): () => void {
    const options = checkOptions(value, "middleware", ["enqueue", "perform"]);
    const own = {
      enqueue: optionalFunction(options.enqueue, "middleware.enqueue"),
      perform: optionalFunction(options.perform, "middleware.perform"),
    } as Middleware;
    if (own.enqueue === undefined && own.perform === undefined) {
      throw new InvalidOptionError("middleware", "enqueue, perform, or both are expected");
    }
    this.#set([...this.#all, own]);
    return () => this.#set(this.#all.filter((each) => each !== own));
  }

  #set(all: readonly Middleware[]): void {
    this.#all = all;
    this.#enqueue = all.flatMap(({ enqueue }) => enqueue ?? []);
    this.#perform = all.flatMap(({ perform }) => perform ?? []);
  }
}

/**
 * Runs `inner` within `around`, and settles once all of it has. Where a middleware returns before its `next` has
 * settled, it did not await it: what becomes of that counts.
 */
export async function runAround<J extends { readonly name: string }>(
  around: readonly Around<J>[],
  job: J,
  inner: () => unknown,
  at = 0,
): Promise<void> {
  const middleware = around[at];
  if (middleware === undefined) {
    await inner();
    return;
  }
  let rest: Promise<void> | undefined;
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  const next = (): Promise<void> => {
    // Thrown, not rejected with: whoever does not await it hears of it as well.
    if (rest !== undefined) throw new NextCalledTwiceError(job.name);
    rest = runAround(around, job, inner, at + 1);
    rest.then(settled, settled);
    return rest;
  };
  try {
    await middleware(job, next);
  } catch (error) {
    // An attempt must not end while the job runs on.
    await rest?.catch(() => {});
    throw error;
  }
  if (rest !== undefined && !isSettled) await rest;
}

import { EnqueueStoppedError } from "./calling-errors.ts";
import { checkUserHeaders, type JobHeaders } from "./headers.ts";
import type { EnqueuingJob } from "./job-options.ts";
import { type InterceptedJob, type MiddlewareList, runAround } from "./middleware.ts";

/** The enqueue middleware around one enqueue, from the call on. */
export class EnqueueRun {
  /** The job's headers, once the innermost `next` is called. Rejects where it is not. */
  readonly headers: Promise<JobHeaders>;
  readonly #outcome: Promise<void>;
  readonly #chain: Promise<void>;
  #settle!: (outcome: Promise<void>) => void;
  #isOnItsWay = false;

  constructor(middleware: MiddlewareList, job: EnqueuingJob) {
    const seen: InterceptedJob = { ...job, headers: { ...job.headers } };
    this.#outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#outcome.catch(() => {});
    let refuse!: (error: unknown) => void;
    let goOn!: (headers: JobHeaders) => void;
    this.headers = new Promise((resolve, reject) => {
      [goOn, refuse] = [resolve, reject];
    });
    this.headers.catch(() => {});
    const inner = (): Promise<void> => {
      try {
        goOn(checkUserHeaders(seen.headers, `job "${job.name}".headers`));
      } catch (error) {
        refuse(error);
        throw error;
      }
      this.#isOnItsWay = true;
      return this.#outcome;
    };
    this.#chain = runAround(middleware.enqueue, seen, inner);
    // Once the headers are there, these do nothing.
    this.#chain.then(() => refuse(new EnqueueStoppedError(job.name)), refuse);
  }

  /**
   * Gives the enqueue's result to the middleware, and settles once both have. What is enqueued is, whatever a middleware
   * throws afterwards: `tell` gets that. What is not, is not, though a middleware may catch why.
   */
  async around<T>(result: Promise<T>, tell: (error: unknown) => void): Promise<T> {
    this.#settle(result.then(() => {}));
    let value: T;
    try {
      value = await result;
    } catch (error) {
      // A middleware that has not even called `next` may go on for ever.
      if (this.#isOnItsWay) await this.#chain;
      throw error;
    }
    await this.#chain.catch(tell);
    return value;
  }
}

import type { Clock, Timer } from "../net/clock.ts";
import { JobTimeoutError } from "./worker-errors.ts";

/** One attempt at a job, from its start until its promise settles, whatever becomes of its partition meanwhile. */
export class Attempt {
  readonly offset: number;
  readonly startedAt: number;
  /** Its job's name; undefined where the record gives none. */
  job: string | undefined;
  #limit: Timer | undefined;
  #controller: AbortController | undefined;
  #reason: unknown;
  #isSignalled = false;
  #aborted = false;

  constructor(offset: number, startedAt: number) {
    this.offset = offset;
    this.startedAt = startedAt;
  }

  /** Made when it is asked for: most jobs never do. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isSignalled) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Whether it was told that its time here is up: what it fails with then is not its own fault. */
  get isAborted(): boolean {
    return this.#aborted;
  }

  abort(reason: unknown): void {
    this.#aborted = true;
    this.#abortSignal(reason);
  }

  /** Once it has taken `timeout` ms its signal aborts, and it counts all the same. */
  limitTo(timeout: number | undefined, clock: Clock): void {
    if (timeout === undefined) return;
    this.#limit = clock.timer(timeout, () => this.#abortSignal(new JobTimeoutError(this.job ?? "", timeout)));
  }

  /** Its promise has settled. */
  settled(): void {
    this.#limit?.cancel();
  }

  #abortSignal(reason: unknown): void {
    if (this.#isSignalled) return;
    this.#isSignalled = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

import type { Clock, Timer } from "../net/clock.ts";
import { AlreadyHandedOverError, HandOverLostError } from "./calling-errors.ts";
import type { TransactionWork } from "./enqueue-transaction.ts";
import type { RunHost } from "./job-run.ts";
import type { ReceivedJob } from "./received-job.ts";
import { StepError } from "./step-errors.ts";
import type { StepRun } from "./step-run.ts";
import { JobTimeoutError } from "./worker-errors.ts";

/** What an attempt is made in. */
export interface AttemptHost {
  readonly steps: {
    /** Those of an attempt's run. Throws where it is not known where its job got to. */
    run(attempt: Attempt): StepRun;
    resumptionsOf(attempt: Attempt): number;
  };
  handOver<T>(attempt: Attempt, work: TransactionWork<T>): Promise<T>;
}

/** One attempt at a job, from its start until its promise settles, whatever becomes of its partition meanwhile. */
export class Attempt implements RunHost {
  readonly offset: number;
  readonly startedAt: number;
  /** Its job's name; undefined where the record gives none. */
  job: string | undefined;
  /** Until it has settled. Undefined: its record names no job, or it has none. */
  received: ReceivedJob | undefined;
  #steps: StepRun | undefined;
  #handingOver: Promise<void> | undefined;
  #hasHandedOver = false;
  #isSettled = false;
  #endedAt: number | undefined;
  readonly #host: AttemptHost | undefined;
  #limit: Timer | undefined;
  #controller: AbortController | undefined;
  #reason: unknown;
  #isSignalled = false;
  #aborted = false;

  /** `host`: what it hands over to; without one it cannot. */
  constructor(offset: number, startedAt: number, host?: AttemptHost) {
    this.offset = offset;
    this.startedAt = startedAt;
    this.#host = host;
  }

  transaction<T>(work: TransactionWork<T>): Promise<T> {
    if (this.#handingOver !== undefined) return Promise.reject(new AlreadyHandedOverError(this.job ?? ""));
    if (this.#host === undefined || this.#isSettled) return Promise.reject(new HandOverLostError(this.job ?? ""));
    const done = this.#host.handOver(this, work);
    this.#handingOver = done.then(
      () => {
        this.#hasHandedOver = true;
      },
      // Nothing was handed over: that may be tried again in the same run.
      () => {
        this.#handingOver = undefined;
      },
    );
    return done;
  }

  async step(name: string, work: (step: never) => unknown, options: unknown): Promise<void> {
    if (this.#host === undefined || this.#isSettled) {
      const problem = "the run has ended: await each step before perform returns";
      throw new StepError("STEP_ENDED", this.job ?? "", String(name), problem);
    }
    this.#steps ??= this.#host.steps.run(this);
    await this.#steps.step(name, work, options);
  }

  /** Undefined: it had none. */
  get steps(): StepRun | undefined {
    return this.#steps;
  }

  get tick(): Date | undefined {
    return this.received?.tick;
  }
  get resumptions(): number {
    return this.#steps?.progress.resumptions ?? this.#host?.steps.resumptionsOf(this) ?? 0;
  }

  /** Whether it hands over, or has: then its job is about to end. */
  get isHandingOver(): boolean {
    return this.#handingOver !== undefined;
  }
  /** Settles with the hand-over that is under way; undefined: none is. It never rejects. */
  get handingOver(): Promise<void> | undefined {
    return this.#hasHandedOver ? undefined : this.#handingOver;
  }
  /** Its job is finished by what it has handed over. */
  get hasHandedOver(): boolean {
    return this.#hasHandedOver;
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

  /** Its promise has settled, at `now` (monotonic ms). */
  settled(now: number): void {
    this.#isSettled = true;
    this.#steps?.end();
    this.received = undefined;
    this.#endedAt = now;
    this.#limit?.cancel();
  }

  /** When it ended, or `now` while it runs. */
  lastedTo(now: number): number {
    return this.#endedAt ?? now;
  }

  #abortSignal(reason: unknown): void {
    if (this.#isSignalled) return;
    this.#isSignalled = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

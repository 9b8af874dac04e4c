import type { Clock } from "../net/clock.ts";
import { endOfTooOld } from "./expiry.ts";
import type { MoveSource } from "./moves.ts";
import type { PartitionFailures } from "./partition-failures.ts";
import { isReenqueued } from "./progress-record.ts";
import { readJob } from "./received-job.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { JobEnd } from "./sequel.ts";
import type { Throttle } from "./throttle.ts";
import type { WorkerContext } from "./worker-context.ts";

/** What keeps a job from being started: so many ms have to pass, or it is ended in place of a start. */
export type Hindrance = { readonly wait: number } | { readonly end: JobEnd };

/** What a queue's options say of when the jobs of one partition may start (S3.12). */
export class StartRules {
  readonly #context: WorkerContext;
  readonly #source: MoveSource;
  readonly #failures: PartitionFailures;
  readonly #clock: Clock;
  readonly #delay: number;
  readonly #expire: number;
  readonly #throttle: Throttle | undefined;
  /** Offsets of jobs that have waited, and have not been started since. */
  readonly #waited = new Set<number>();

  constructor(context: WorkerContext, source: MoveSource, failures: PartitionFailures) {
    const { delay, expire, throttle } = context.queueOf(source.topic);
    this.#context = context;
    this.#source = source;
    this.#failures = failures;
    this.#clock = context.clock;
    this.#delay = delay;
    this.#expire = expire;
    this.#throttle =
      throttle === undefined ? undefined : context.throttles.of(source.topic, source.partition, throttle);
  }

  /** Whether there is anything to judge. */
  get isEmpty(): boolean {
    return this.#throttle === undefined && this.#delay === 0 && this.#expire === Number.POSITIVE_INFINITY;
  }

  /** Undefined: nothing keeps it. */
  judge(record: BufferedRecord): Hindrance | undefined {
    if (this.#delay > 0 || this.#expire < Number.POSITIVE_INFINITY) {
      const age = this.#clock.now() - this.#enqueuedAt(record);
      if (age > this.#expire) return { end: this.#endOf(record, age) };
      // It has waited: a record from the future, or a wall clock that was set back, must not make it wait again.
      if (age < this.#delay && !this.#waited.has(record.offset))
        return { wait: Math.min(this.#delay, this.#delay - age) };
    }
    const wait = this.throttled;
    return wait > 0 ? { wait } : undefined;
  }

  /** Milliseconds for which the throttle lets nothing start. */
  get throttled(): number {
    return this.#throttle?.wait ?? 0;
  }

  /** A wait of the job at `offset` is over, whatever asked for it. */
  waited(offset: number): void {
    if (this.#delay > 0) this.#waited.add(offset);
  }

  started(offset: number): void {
    this.#waited.delete(offset);
    this.#throttle?.started();
  }

  #endOf(record: BufferedRecord, age: number): () => Promise<boolean> {
    this.#waited.delete(record.offset);
    return endOfTooOld(this.#context, this.#source, this.#failures, record, age);
  }

  /** NaN, which is neither too old nor too young: nobody knows. */
  #enqueuedAt(record: BufferedRecord): number {
    // What was re-enqueued is as old as it was.
    if (isReenqueued(record)) {
      return readJob(this.#source, record)?.enqueuedAt.getTime() ?? record.timestamp;
    }
    return record.timestamp < 0 ? Number.NaN : record.timestamp;
  }
}

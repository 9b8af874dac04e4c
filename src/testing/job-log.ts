import type { JobHeaders } from "../jobs/headers.ts";
import type { JobDefinition, RunningJob } from "../jobs/job-options.ts";
import type { ReceivedJob } from "../jobs/received-job.ts";
import { decodePayload, type Serializer } from "../jobs/serializer.ts";
import { isPromise } from "../jobs/standard-schema.ts";

/** A job that was enqueued in a test. `I` is what was given to the enqueue, as JSON carries it. */
export interface SeenJob<I = unknown> {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly key: string | undefined;
  readonly payload: I;
  readonly headers: JobHeaders;
  readonly enqueuedAt: Date;
  /** When it is to run at the soonest, as it was scheduled. Undefined: it was not, but enqueued at once. */
  readonly dueAt: Date | undefined;
  /** -1: it is still on its way, or was scheduled. */
  readonly partition: number;
  /** -1: it is still on its way, or was scheduled. */
  readonly offset: number;
}

/** One run of a job in a test, from the call of `perform` to its end. `O` is what `perform` got. */
export interface SeenRun<O = unknown> {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly key: string | undefined;
  readonly payload: O;
  /** From 1. */
  readonly attempt: number;
  readonly partition: number;
  readonly offset: number;
  /** Which worker of the test ran it: `"worker-1"` and so on. */
  readonly worker: string;
  readonly startedAt: Date;
  /** `died`: its worker was killed before `perform` ended. `interrupted`: at a checkpoint, and its job goes on. */
  readonly state: "running" | "completed" | "failed" | "interrupted" | "died";
  /** What `perform` threw. */
  readonly error: unknown;
}

/** A run with what order is judged by. */
export interface LoggedRun extends SeenRun {
  state: SeenRun["state"];
  error: unknown;
  /** Which ownership of its partition it belongs to. */
  readonly ownership: string;
  /** When it began and ended among all that was noted. */
  readonly began: number;
  ended: number | undefined;
}

interface Sent {
  /** Undefined: it was refused, or its payload is still being read. */
  job: SeenJob | undefined;
}

/** What was enqueued and run in a test, in order. */
export class JobLog {
  readonly runs: LoggedRun[] = [];
  readonly #serializer: Serializer;
  readonly #sent: Sent[] = [];
  readonly #expired = new Set<string>();
  #notes = 0;

  constructor(serializer: Serializer) {
    this.#serializer = serializer;
  }

  /** Rises with all that is noted. */
  get notes(): number {
    return this.#notes;
  }

  /** Jobs that were sent and not refused, in the order of the calls. */
  get enqueued(): SeenJob[] {
    return this.#sent.flatMap(({ job }) => job ?? []);
  }

  readonly sent = (
    job: ReceivedJob,
    acknowledged: Promise<ReceivedJob>,
    dueAt: Date | undefined,
  ): Promise<void> | undefined => {
    const sent: Sent = { job: undefined };
    this.#sent.push(sent);
    const know = (known: SeenJob | undefined): void => {
      this.#notes++;
      sent.job = known;
    };
    const seen = (payload: unknown): void => {
      sent.job = see(job, payload, dueAt);
      acknowledged.then(
        (received) => know(see(received, payload, dueAt)),
        () => know(undefined),
      );
    };
    const read = decodePayload(this.#serializer, job.value, job.isVoid);
    if (!isPromise(read)) return void seen(read);
    acknowledged.catch(() => {});
    // What the enqueuer cannot read itself was enqueued all the same.
    return read.then(seen, () => seen(undefined));
  };

  started(payload: unknown, job: RunningJob, worker: string, ownership: string, startedAt: Date): LoggedRun {
    const { id, name, queue, key, attempt, partition, offset } = job;
    const run: LoggedRun = {
      ...{ id, name, queue, key, payload, attempt, partition, offset, worker, startedAt, ownership },
      ...{ state: "running", error: undefined, began: this.#notes++, ended: undefined },
    };
    this.runs.push(run);
    return run;
  }

  ended(run: LoggedRun, state: "completed" | "failed" | "interrupted" | "died", error?: unknown): void {
    if (run.state !== "running") return;
    run.state = state;
    run.error = error;
    run.ended = this.#notes++;
  }

  expired(id: string): void {
    this.#notes++;
    this.#expired.add(id);
  }

  /** What runs on a worker that is killed is of no account any more. */
  died(worker: string): void {
    for (const run of this.runs) if (run.worker === worker) this.ended(run, "died");
  }

  enqueuedOf({ name }: JobDefinition): SeenJob[] {
    return this.enqueued.filter((job) => job.name === name);
  }

  /** Those that have run, or still may. */
  runnableOf(job: JobDefinition): SeenJob[] {
    const ran = new Set(this.runsOf(job).map(({ id }) => id));
    return this.enqueuedOf(job).filter(({ id }) => ran.has(id) || !this.#expired.has(id));
  }

  runsOf({ name }: JobDefinition): LoggedRun[] {
    return this.runs.filter((run) => run.name === name);
  }
}

function see(job: ReceivedJob, payload: unknown, dueAt: Date | undefined): SeenJob {
  const { id, name, topic: queue, key, headers, enqueuedAt, partition, offset } = job;
  return { id, name, queue, key, payload, headers, enqueuedAt, dueAt, partition, offset };
}

/** A run as it is now, without what only the judges of order look at. */
export function asSeen({ ownership: _ownership, began: _began, ended: _ended, ...run }: LoggedRun): SeenRun {
  return run;
}

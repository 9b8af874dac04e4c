import type { TransactionWork } from "./enqueue-transaction.ts";
import type { JobHeaders } from "./headers.ts";
import type { RunningJob } from "./job-options.ts";
import { type Logger, withFields } from "./logger.ts";
import type { Cursor, Step } from "./step.ts";

/** What a run is a part of. */
export interface RunHost {
  /** Made when it is asked for: most jobs never do. */
  readonly signal: AbortSignal;
  transaction<T>(work: TransactionWork<T>): Promise<T>;
  step(name: string, work: (step: never) => unknown, options: unknown): Promise<void>;
  readonly resumptions: number;
  readonly tick: Date | undefined;
}

/** Everything about a run but its payload, its log, and what its host does. */
export type RunFields = Omit<RunningJob, "payload" | "log" | keyof RunHost>;

/** What `perform` gets as its second argument. */
export class JobRun implements RunningJob {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly key: string | undefined;
  readonly attempt: number;
  readonly enqueuedAt: Date;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers: JobHeaders;
  readonly payload: unknown;
  readonly #host: RunHost;
  readonly #logger: Logger;
  #log: Logger | undefined;

  constructor(fields: RunFields, payload: unknown, logger: Logger, host: RunHost) {
    this.id = fields.id;
    this.name = fields.name;
    this.queue = fields.queue;
    this.key = fields.key;
    this.attempt = fields.attempt;
    this.enqueuedAt = fields.enqueuedAt;
    this.topic = fields.topic;
    this.partition = fields.partition;
    this.offset = fields.offset;
    this.headers = fields.headers;
    this.payload = payload;
    this.#logger = logger;
    this.#host = host;
  }

  get signal(): AbortSignal {
    return this.#host.signal;
  }

  transaction<T>(work: TransactionWork<T>): Promise<T> {
    return this.#host.transaction(work);
  }

  step<C extends Cursor = number>(
    name: string,
    work: (step: Step<C>) => unknown,
    options?: { readonly isolated?: boolean | undefined },
  ): Promise<void> {
    return this.#host.step(name, work, options);
  }

  get tick(): Date | undefined {
    return this.#host.tick;
  }
  get resumptions(): number {
    return this.#host.resumptions;
  }

  get log(): Logger {
    this.#log ??= withFields(this.#logger, { job: this.name, id: this.id, attempt: this.attempt });
    return this.#log;
  }
}

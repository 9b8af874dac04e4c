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

/** Where a run's job comes from: its record, for most. Its parts are made when they are asked for, as few jobs look at all. */
export type RunOrigin = Pick<
  RunningJob,
  "id" | "name" | "key" | "enqueuedAt" | "headers" | "topic" | "partition" | "offset"
>;

const NOT_ASKED = null;

/** What `perform` gets as its second argument. */
export class JobRun implements RunningJob {
  readonly name: string;
  readonly queue: string;
  readonly attempt: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly payload: unknown;
  readonly #origin: RunOrigin;
  readonly #host: RunHost;
  readonly #logger: Logger;
  #id: string | undefined;
  #key: string | undefined | typeof NOT_ASKED = NOT_ASKED;
  #enqueuedAt: Date | undefined;
  #headers: JobHeaders | undefined;
  #log: Logger | undefined;

  /** `attempt`: from 1. */
  constructor(origin: RunOrigin, attempt: number, payload: unknown, logger: Logger, host: RunHost) {
    this.name = origin.name;
    this.queue = origin.topic;
    this.attempt = attempt;
    this.topic = origin.topic;
    this.partition = origin.partition;
    this.offset = origin.offset;
    this.payload = payload;
    this.#origin = origin;
    this.#logger = logger;
    this.#host = host;
  }

  get id(): string {
    this.#id ??= this.#origin.id;
    return this.#id;
  }
  get key(): string | undefined {
    if (this.#key === NOT_ASKED) this.#key = this.#origin.key;
    return this.#key;
  }
  get enqueuedAt(): Date {
    this.#enqueuedAt ??= this.#origin.enqueuedAt;
    return this.#enqueuedAt;
  }
  get headers(): JobHeaders {
    this.#headers ??= this.#origin.headers;
    return this.#headers;
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

import type { JobHeaders } from "./headers.ts";
import type { RunningJob } from "./job-options.ts";
import { type Logger, withFields } from "./logger.ts";

/** What has a signal to give, and makes it when it is asked for: most jobs never do. */
export interface SignalSource {
  readonly signal: AbortSignal;
}

/** Everything about a run but its payload, its log and its signal. */
export type RunFields = Omit<RunningJob, "payload" | "log" | "signal">;

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
  readonly #signals: SignalSource;
  readonly #logger: Logger;
  #log: Logger | undefined;

  constructor(fields: RunFields, payload: unknown, logger: Logger, signals: SignalSource) {
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
    this.#signals = signals;
  }

  get signal(): AbortSignal {
    return this.#signals.signal;
  }

  get log(): Logger {
    this.#log ??= withFields(this.#logger, { job: this.name, id: this.id, attempt: this.attempt });
    return this.#log;
  }
}

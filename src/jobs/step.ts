import { describe } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";
import { checkPayload } from "./payload.ts";
import { StepError } from "./step-errors.ts";

/** Where a step is in its work: JSON, which is checked when it is set. */
export type Cursor = string | number | boolean | object | null;

/** A step that runs, as its function sees it. Await every call: it is where the job may be interrupted. */
export interface Step<C extends Cursor = number> {
  /** Where the step got to, in an earlier run or in this one. Undefined: it begins. */
  readonly cursor: C | undefined;
  /** All up to the cursor is done: a run that follows begins there. A checkpoint. Set to what it was it is no progress. */
  set(cursor: C): Promise<void>;
  /** Sets the cursor to `from` + 1: the work at `from` is done. A checkpoint. */
  advance(this: Step<number>, options: { readonly from: number }): Promise<void>;
  /** Lets the job be interrupted here, if it is to be, and has got any further in this run. */
  checkpoint(): Promise<void>;
}

/** What a step's calls end up in. */
export interface StepSink {
  /** Its cursor has moved. `text`: as JSON. Throws where the step has ended. */
  moved(text: string): void;
  checkpoint(): Promise<void>;
}

/** What a step's function gets. */
export class RunningStep implements Step<Cursor> {
  readonly #job: string;
  readonly #name: string;
  readonly #sink: StepSink;
  #cursor: Cursor | undefined;

  constructor(job: string, name: string, cursor: Cursor | undefined, sink: StepSink) {
    this.#job = job;
    this.#name = name;
    this.#cursor = cursor;
    this.#sink = sink;
  }

  get cursor(): Cursor | undefined {
    return this.#cursor;
  }

  async set(cursor: Cursor): Promise<void> {
    this.#sink.moved(this.#encode(cursor));
    this.#cursor = cursor;
    await this.#sink.checkpoint();
  }

  async advance(options: { readonly from: number }): Promise<void> {
    const from: unknown = (options as { readonly from?: unknown } | null | undefined)?.from;
    if (typeof from !== "number" || !Number.isFinite(from) || from + 1 <= from) {
      const path = `job "${this.#job}".step("${this.#name}").advance.from`;
      throw new InvalidOptionError(path, `${describe(from)} given, a number is expected; step.set takes other cursors`);
    }
    const cursor = this.#cursor;
    if (cursor !== undefined && typeof cursor !== "number") {
      const problem = "its cursor is no number, which is all that advance moves: use step.set";
      throw new StepError("CURSOR_NOT_NUMBER", this.#job, this.#name, problem);
    }
    await this.set(from + 1);
  }

  checkpoint(): Promise<void> {
    return this.#sink.checkpoint();
  }

  #encode(cursor: unknown): string {
    // Most cursors are numbers.
    if (typeof cursor === "number" && Number.isFinite(cursor)) return String(cursor);
    try {
      checkPayload(cursor, "cursor");
    } catch (error) {
      throw new StepError("CURSOR_NOT_JSON", this.#job, this.#name, (error as Error).message, error);
    }
    return JSON.stringify(cursor);
  }
}

import { DuplicateContextError } from "./calling-errors.ts";
import { checkOptions, describe, optionalText } from "./check-options.ts";
import { InvalidOptionError, PayloadError, UnreadableRecordError } from "./errors.ts";
import { CONTEXT_PREFIX, type HeaderEntry } from "./headers.ts";
import { checkPayload } from "./payload.ts";
import type { ReceivedJob } from "./received-job.ts";

/** What holds a value for as long as something runs: an `AsyncLocalStorage`, or anything that does the same. */
export interface ContextStore<T> {
  getStore(): T | undefined;
  run<R>(value: T, work: () => R): R;
}

/** What `app.context` takes. */
export interface ContextOptions {
  /** What records call it: the same in the processes that enqueue and those that work. */
  readonly name: string;
}

interface Context {
  readonly name: string;
  readonly header: string;
  readonly store: ContextStore<unknown>;
}

const NAME = /^[\w.-]{1,100}$/;

/** The values that the app carries from enqueue to perform, each in a header of its own. */
export class Contexts {
  #all: readonly Context[] = [];

  add(store: ContextStore<unknown>, options: ContextOptions): void {
    const name = optionalText(checkOptions(options, "context", ["name"]).name, "context.name");
    if (name === undefined || !NAME.test(name)) {
      throw new InvalidOptionError(
        "context.name",
        `${describe(name)} given, letters (a-z), digits, ".", "_" and "-" are expected`,
      );
    }
    if (typeof store?.getStore !== "function" || typeof store.run !== "function") {
      throw new InvalidOptionError(
        `context "${name}"`,
        `${describe(store)} given, an object with getStore and run is expected`,
      );
    }
    if (this.#all.some((context) => context.name === name)) throw new DuplicateContextError(name);
    this.#all = [...this.#all, { name, header: CONTEXT_PREFIX + name, store }];
  }

  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** The headers that carry what the contexts hold now. Throws a {@link PayloadError} where JSON cannot carry it. */
  headers(): readonly HeaderEntry[] | undefined {
    if (this.isEmpty) return undefined;
    const entries: HeaderEntry[] = [];
    for (const { name, header, store } of this.#all) {
      const value = store.getStore();
      if (value !== undefined) entries.push([header, write(value, `context "${name}"`)]);
    }
    return entries;
  }

  /** Runs `work` within what a record carries, and within nothing where it carries none: no job sees another's. */
  runReceived<R>(job: ReceivedJob, work: () => R): R {
    return this.#run((header) => job.text(header), work);
  }

  /** As a worker would run it that has read the headers. */
  runCaptured<R>(headers: readonly HeaderEntry[], work: () => R): R {
    return this.#run((header) => headers.find(([name]) => name === header)?.[1], work);
  }

  #run<R>(textOf: (header: string) => string | undefined, work: () => R): R {
    let within = work;
    for (const { header, store } of this.#all) {
      const text = textOf(header);
      // What started the worker may itself have run within a value.
      if (text === undefined && store.getStore() === undefined) continue;
      const value = text === undefined ? undefined : read(text, header);
      const inner = within;
      within = () => store.run(value, inner);
    }
    return within();
  }
}

function write(value: unknown, path: string): string {
  checkPayload(value, path);
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new PayloadError(path, `cannot be written: ${messageOf(error)}`, error);
  }
}

function read(text: string, header: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Runtimes quote what they cannot parse: what is carried along must not get into logs.
    throw new UnreadableRecordError(`the header ${header} is not JSON`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { whenSettled } from "../net/clock.ts";
import { LazyModuleError } from "./calling-errors.ts";
import { describe } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";
import type { RunningJob } from "./job-options.ts";

/** A job's `perform`. */
export type Perform<O> = (payload: O, job: RunningJob<O>) => unknown;

/** A module whose default export performs a job. */
export interface PerformModule<O> {
  readonly default: Perform<O>;
}

/**
 * A `perform` whose module is loaded at the job's first run, once: processes that only enqueue never load it. A load
 * that fails is an error of that attempt, and the next one tries again; so is a module without a function as its default
 * export (`LazyModuleError`).
 */
export function lazy<O>(load: () => Promise<PerformModule<O>>): Perform<O> {
  if (typeof load !== "function") {
    throw new InvalidOptionError(
      "lazy",
      `${describe(load)} given, a function as () => import("./heavy.ts") is expected`,
    );
  }
  let perform: Perform<O> | undefined;
  let loading: Promise<Perform<O>> | undefined;
  const first = async (payload: O, job: RunningJob<O>): Promise<unknown> => {
    // Runs that begin meanwhile wait for the same load.
    loading ??= whenSettled(loadPerform(load, job.name), () => {
      loading = undefined;
    });
    perform = await loading;
    return perform(payload, job);
  };
  return (payload, job) => (perform === undefined ? first(payload, job) : perform(payload, job));
}

async function loadPerform<O>(load: () => Promise<PerformModule<O>>, job: string): Promise<Perform<O>> {
  const loaded: Partial<PerformModule<O>> | null | undefined = await load();
  if (typeof loaded?.default === "function") return loaded.default;
  throw new LazyModuleError(job, loaded?.default === undefined ? "nothing" : describe(loaded.default));
}

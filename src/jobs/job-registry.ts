import { DuplicateJobError, UnknownJobError } from "./errors.ts";
import type { JobDefinition } from "./job-options.ts";

/** The app's jobs by name. */
export class JobRegistry {
  readonly #jobs = new Map<string, JobDefinition>();

  add(definition: JobDefinition): void {
    if (this.#jobs.has(definition.name)) throw new DuplicateJobError(definition.name);
    this.#jobs.set(definition.name, definition);
  }

  /** Throws an {@link UnknownJobError} where there is none. */
  get(name: string): JobDefinition {
    const definition = this.#jobs.get(name);
    if (definition === undefined) throw new UnknownJobError(name, this.names);
    return definition;
  }

  find(name: string): JobDefinition | undefined {
    return this.#jobs.get(name);
  }

  has(definition: JobDefinition): boolean {
    return this.#jobs.get(definition.name) === definition;
  }

  get definitions(): JobDefinition[] {
    return [...this.#jobs.values()];
  }

  get names(): string[] {
    return [...this.#jobs.keys()];
  }

  /** Queues that jobs are defined for, each once. */
  get queues(): string[] {
    return [...new Set([...this.#jobs.values()].map((definition) => definition.queue))];
  }
}

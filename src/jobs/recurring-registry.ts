import { defaultPartition } from "../client/default-partitioner.ts";
import { InvalidOptionError } from "./errors.ts";
import type { PreparedCall } from "./job.ts";
import { keyText } from "./key.ts";
import { partitionOf } from "./queue-line.ts";
import type { RecurringDefinition } from "./recurring-definition.ts";

/** The app's recurring jobs, by name. */
export class RecurringRegistry {
  readonly #definitions = new Map<string, RecurringDefinition>();
  /** By queue and number of partitions: a worker asks for one partition after the other. */
  readonly #homes = new Map<string, RecurringDefinition[][]>();
  readonly #listeners = new Set<(definition: RecurringDefinition) => void>();

  /** Throws an {@link InvalidOptionError} where there is one of that name. */
  add(definition: RecurringDefinition): void {
    const { name } = definition;
    if (this.#definitions.has(name))
      throw new InvalidOptionError(
        "recurring.name",
        `there is one named "${name}" already: each needs a name of its own`,
      );
    // What its partitioner throws is told of now, and not at each tick.
    keyOf(definition.call);
    this.#definitions.set(name, definition);
    this.#homes.clear();
    for (const listener of this.#listeners) listener(definition);
  }

  get size(): number {
    return this.#definitions.size;
  }

  get(name: string): RecurringDefinition | undefined {
    return this.#definitions.get(name);
  }

  get all(): IterableIterator<RecurringDefinition> {
    return this.#definitions.values();
  }

  /**
   * Those whose jobs go to a partition of a queue, which has so many. `refused` is told of those that go to none, once
   * for each number of partitions.
   */
  of(
    queue: string,
    partition: number,
    partitions: number,
    refused: (error: unknown) => void,
  ): readonly RecurringDefinition[] {
    const key = `${queue}/${partitions}`;
    let homes = this.#homes.get(key);
    if (homes === undefined) {
      homes = this.#homesIn(queue, partitions, refused);
      this.#homes.set(key, homes);
    }
    return homes[partition] ?? [];
  }

  #homesIn(queue: string, partitions: number, refused: (error: unknown) => void): RecurringDefinition[][] {
    const homes: RecurringDefinition[][] = Array.from({ length: partitions }, () => []);
    for (const each of this.#definitions.values()) {
      if (each.queue !== queue) continue;
      try {
        homes[homeOf(each, partitions)]!.push(each);
      } catch (error) {
        refused(error);
      }
    }
    return homes;
  }

  /** Calls `listener` with each one that is defined from now on. Returns its remover. */
  onAdded(listener: (definition: RecurringDefinition) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/**
 * The partition of its queue that a recurring job belongs to: its owner dispatches it. It is the one that its job goes
 * to; a job without a key goes to the same at each tick.
 */
export function homeOf({ name, call, queue }: RecurringDefinition, partitions: number): number {
  const key = keyOf(call);
  const { definition } = call;
  if (key === undefined) return defaultPartition(name, partitions);
  return partitionOf({ job: definition.name, key, type: definition.partitionKeyType }, queue, partitions);
}

/** What order is kept for. The job is as any other of its definition, but that it has no id yet. */
function keyOf({ definition, settings, payload }: PreparedCall): string | undefined {
  const { name, queue, partitioner, partitionKeyType } = definition;
  if (partitioner === undefined) return undefined;
  const seen = {
    id: settings.id ?? "",
    name,
    queue: settings.queue ?? queue,
    payload,
    headers: settings.headers ?? {},
  };
  return keyText(name, partitionKeyType, partitioner(seen));
}

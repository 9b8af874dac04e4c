import { partitionKey } from "../client/topic-partition.ts";
import type { Attempt } from "./attempt.ts";

/**
 * Attempts that outlived the ownership of their partition. Until they settle, a partition that comes back to this
 * process starts nothing: two attempts at jobs of one key would run at once.
 */
export class Leftovers {
  readonly #attempts = new Map<string, Set<Attempt>>();
  readonly #waiting = new Map<string, (() => void)[]>();

  add(topic: string, partition: number, attempt: Attempt): void {
    const key = partitionKey(topic, partition);
    this.#attempts.set(key, (this.#attempts.get(key) ?? new Set()).add(attempt));
  }

  settled(topic: string, partition: number, attempt: Attempt): void {
    const key = partitionKey(topic, partition);
    const attempts = this.#attempts.get(key);
    attempts?.delete(attempt);
    if (attempts === undefined || attempts.size > 0) return;
    this.#attempts.delete(key);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const resolve of waiting) resolve();
  }

  /** Resolves once nothing of an earlier ownership of the partition runs. */
  none(topic: string, partition: number): Promise<void> {
    const key = partitionKey(topic, partition);
    return this.#attempts.has(key) ? this.#settledAt(key) : Promise.resolve();
  }

  #settledAt(key: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), resolve]));
  }

  /** Resolves once none of those that are left over now runs. */
  async all(): Promise<void> {
    await Promise.all([...this.#attempts.keys()].map((key) => this.#settledAt(key)));
  }

  /** Each partition with attempts left over. */
  get partitions(): string[] {
    return [...this.#attempts.keys()];
  }

  /** Each attempt that still runs, with its partition as `topic/partition`. */
  *[Symbol.iterator](): Generator<readonly [partition: string, attempt: Attempt]> {
    for (const [key, attempts] of this.#attempts) for (const attempt of attempts) yield [key, attempt];
  }

  /** Where each job is that still runs, as `topic/partition/offset`. */
  get running(): string[] {
    return [...this.#attempts].flatMap(([key, attempts]) => [...attempts].map(({ offset }) => `${key}/${offset}`));
  }
}

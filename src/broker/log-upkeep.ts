import type { Clock } from "../net/clock.ts";
import { cleaningRange, cleanLog, isWorthCleaning } from "./log-cleaner.ts";
import { applyRetention, nextExpiry } from "./log-retention.ts";
import type { LogRules } from "./log-rules.ts";
import type { Partition } from "./partition.ts";
import type { Topic } from "./topic.ts";
import { Upkeep } from "./upkeep.ts";

export interface LogUpkeepOptions {
  /** How often old segments are looked for, in ms (`log.retention.check.interval.ms`). */
  readonly retentionCheckMs: number;
  /** How often logs to compact are looked for, in ms (`log.cleaner.backoff.ms`). */
  readonly cleanerBackoffMs: number;
  /** Is told of logs that cannot be kept in order. */
  readonly failed: (message: string, cause: unknown) => void;
}

export const logUpkeepDefaults: LogUpkeepOptions = {
  retentionCheckMs: 300_000,
  cleanerBackoffMs: 15_000,
  failed: () => undefined,
};

/** Without a batch for this long, a partition forgets a producer, in ms (`producer.id.expiration.ms`). */
const PRODUCER_EXPIRATION_MS = 86_400_000;

/** Keeps the logs as their topics' settings want them: deletes what is old, and compacts. */
export class LogUpkeep {
  readonly #clock: Clock;
  readonly #topics: () => Iterable<Topic>;
  readonly #options: LogUpkeepOptions;
  readonly #retention: Upkeep;
  readonly #compaction: Upkeep;
  /** Compaction found something wrong with them: until the next start they stay as they are. */
  readonly #uncleanable = new WeakSet<Partition>();
  #isCleaning = false;
  #isClosed = false;

  constructor(clock: Clock, topics: () => Iterable<Topic>, options: LogUpkeepOptions) {
    this.#clock = clock;
    this.#topics = topics;
    this.#options = options;
    this.#retention = new Upkeep(clock, options.retentionCheckMs, () => this.#retain());
    this.#compaction = new Upkeep(clock, options.cleanerBackoffMs, () => this.#startCleaning());
  }

  /** A log of a topic with these rules, or the rules themselves, have changed. */
  changed({ deletes, compacts }: LogRules): void {
    if (deletes) this.#retention.changed();
    if (compacts) this.#compaction.changed();
  }

  close(): void {
    this.#isClosed = true;
    this.#retention.close();
    this.#compaction.close();
  }

  /** When the next record will be too old, epoch ms. */
  #retain(): number {
    const now = this.#clock.now();
    let due = Number.POSITIVE_INFINITY;
    for (const { logRules, partitions } of this.#topics()) {
      for (const partition of partitions) {
        partition.producers.expire(now - PRODUCER_EXPIRATION_MS, (id) => partition.transactions.isOpen(id));
        this.#guarded(partition, () => applyRetention(partition, logRules, now));
        due = Math.min(due, nextExpiry(partition, logRules));
      }
    }
    return due;
  }

  /** When the next record will be old enough to be compacted, epoch ms. */
  #startCleaning(): number {
    const now = this.#clock.now();
    let due = Number.POSITIVE_INFINITY;
    const rounds: { partition: Partition; steps: Iterator<void> }[] = [];
    for (const { logRules, partitions } of this.#topics()) {
      if (!logRules.compacts) continue;
      for (const partition of partitions) {
        if (this.#uncleanable.has(partition)) continue;
        const range = cleaningRange(partition, logRules, now);
        if (isWorthCleaning(range, logRules, now)) {
          rounds.push({ partition, steps: cleanLog(partition, range, logRules, now) });
        } else due = Math.min(due, range.nextAt);
      }
    }
    if (!this.#isCleaning) this.#clean(rounds);
    return due;
  }

  /** Step by step, so that requests are answered meanwhile. */
  #clean(rounds: { readonly partition: Partition; readonly steps: Iterator<void> }[]): void {
    const [round] = rounds;
    this.#isCleaning = round !== undefined && !this.#isClosed;
    if (!this.#isCleaning) return;
    const isDone = this.#guarded(round!.partition, () => round!.steps.next().done) !== false;
    if (isDone) rounds.shift();
    this.#clock.soon(() => this.#clean(rounds));
  }

  #guarded<T>(partition: Partition, work: () => T): T | undefined {
    try {
      return work();
    } catch (cause) {
      this.#uncleanable.add(partition);
      const { topicName, index } = partition;
      this.#options.failed(`the log of ${topicName}-${index} cannot be kept in order: ${String(cause)}`, cause);
      return undefined;
    }
  }
}

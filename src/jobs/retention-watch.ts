import type { Admin } from "../client/admin.ts";
import type { Clock } from "../net/clock.ts";
import type { EventHub, TopicPartition } from "./events.ts";

/** A partition, as far as its oldest job is concerned. */
export interface WaitingPartition extends TopicPartition {
  /** When the first job that has not ended was written, in milliseconds since 1970; undefined: none waits. */
  readonly waitingSince: number | undefined;
}

/** The share of a topic's retention at which a job that waits is in danger. */
const AT_RISK = 0.8;
/** How long (ms) what a topic keeps is believed. */
const BELIEVED = 300_000;

/** Tells of jobs that will be deleted unless they are run soon (S4.9): topics that `topics apply` made keep all. */
export class RetentionWatch {
  readonly #admin: Admin;
  readonly #clock: Clock;
  readonly #events: EventHub;
  readonly #topics: () => readonly string[];
  /** In milliseconds; a topic that keeps all has none. */
  readonly #retention = new Map<string, number>();
  readonly #told = new Set<string>();
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(admin: Admin, clock: Clock, events: EventHub, topics: () => readonly string[]) {
    this.#admin = admin;
    this.#clock = clock;
    this.#events = events;
    this.#topics = topics;
  }

  look(partitions: Iterable<WaitingPartition>): void {
    if (this.#clock.monotonic() - this.#askedAt >= BELIEVED) void this.#ask();
    if (this.#retention.size === 0) return;
    for (const { topic, partition, waitingSince } of partitions) {
      const retention = this.#retention.get(topic);
      const key = `${topic}/${partition}`;
      const age = waitingSince === undefined ? 0 : this.#clock.now() - waitingSince;
      if (retention === undefined || age < AT_RISK * retention) this.#told.delete(key);
      else if (!this.#told.has(key)) {
        this.#told.add(key);
        this.#events.emit("retentionAtRisk", { topic, partition, age, retention });
      }
    }
  }

  async #ask(): Promise<void> {
    this.#askedAt = this.#clock.monotonic();
    try {
      const found = await this.#admin.describeConfigs(this.#topics().map((name) => ({ type: "topic", name })));
      this.#retention.clear();
      for (const { name, entries } of found) {
        const retention = Number(entries.get("retention.ms")?.value ?? -1);
        if (retention >= 0) this.#retention.set(name, retention);
      }
    } catch {
      // Not everybody may ask, and a broker may be away: a warning is no reason to complain.
    }
  }
}

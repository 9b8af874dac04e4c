import { type BackoffOptions, backoffDelay } from "../client/backoff.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import type { Clock } from "../net/clock.ts";
import type { ScheduleIndex } from "./schedule-index.ts";

/** By its place in the index, which another entry may have taken since. */
export interface HeldEntry {
  readonly place: number;
  readonly offset: number;
}

/** A partition that does not take what is due for it. */
export interface ApartTarget extends TopicPartition {
  /** Entries that are left out of what is due until then. */
  readonly held: HeldEntry[];
  failures: number;
  /** Monotonic ms. */
  retryAt: number;
  /** "waiting" for its time; "asking" whether anybody is there; "answering": one entry may be tried. */
  state: "waiting" | "asking" | "answering";
}

const BACKOFF: BackoffOptions = { initial: 1_000, max: 30_000 };

/** Targets that are set apart, so that what is due for others goes on: each is tried alone now and then (S7.4). */
export class ApartTargets {
  readonly #clock: Clock;
  readonly #index: ScheduleIndex;
  readonly #targets = new Map<string, ApartTarget>();

  constructor(clock: Clock, index: ScheduleIndex) {
    this.#clock = clock;
    this.#index = index;
  }

  get all(): readonly ApartTarget[] {
    return [...this.#targets.values()];
  }

  /** Undefined: it is not set apart. */
  get({ topic, partition }: TopicPartition): ApartTarget | undefined {
    return this.#targets.size === 0 ? undefined : this.#targets.get(partitionKey(topic, partition));
  }

  /** It has failed, once more or for the first time. */
  failed({ topic, partition }: TopicPartition): void {
    const key = partitionKey(topic, partition);
    const failures = (this.#targets.get(key)?.failures ?? 0) + 1;
    const retryAt = this.#clock.monotonic() + backoffDelay(BACKOFF, failures, this.#clock);
    const target = this.#targets.get(key) ?? { topic, partition, held: [], failures, retryAt, state: "waiting" };
    this.#targets.set(key, Object.assign(target, { failures, retryAt, state: "waiting" }));
  }

  /** Leaves an entry out until its target is tried again. */
  hold(target: ApartTarget, place: number): void {
    target.held.push({ place, offset: this.#index.offsetOf(place) });
    this.#index.detach(place);
  }

  /** Takes out the entry that has waited for the target longest, if any is due still. */
  takeFirst(target: ApartTarget, now: number): HeldEntry | undefined {
    let first = -1;
    for (const [i, each] of target.held.entries()) {
      if (!this.#isHeld(each) || this.#index.dueOf(each.place) > now) continue;
      // One that was tried in vain stands behind those that it was to go before.
      if (first < 0 || this.#index.isBefore(each.place, target.held[first]!.place)) first = i;
    }
    return first < 0 ? undefined : target.held.splice(first, 1)[0];
  }

  #isHeld({ place, offset }: HeldEntry): boolean {
    return this.#index.has(place, offset);
  }

  /** It takes what is due for it again, or nothing is left that is. */
  rejoin(target: ApartTarget): void {
    for (const each of target.held) if (this.#isHeld(each)) this.#index.attach(each.place);
    this.#targets.delete(partitionKey(target.topic, target.partition));
  }

  /** Forgets targets that nothing waits for any more: whatever waited was cancelled, or given another time. */
  forgetUnwanted(): void {
    for (const target of this.#targets.values())
      if (target.state === "waiting" && !target.held.some((each) => this.#isHeld(each))) this.rejoin(target);
  }
}

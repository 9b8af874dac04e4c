import { partitionKey } from "../client/topic-partition.ts";
import type { Clock } from "../net/clock.ts";
import type { ThrottleSettings } from "./start-settings.ts";

/** Counts the starts of one partition (S3.12): of the last `limit` of them, the oldest decides when the next may be. */
export class Throttle {
  readonly #settings: ThrottleSettings;
  readonly #clock: Clock;
  readonly #counts: (throttle: Throttle) => void;
  /** When jobs were started (monotonic ms): a ring, once it is full. */
  readonly #starts: number[] = [];
  #oldest = 0;
  #last = Number.NEGATIVE_INFINITY;

  /** `counts`: called when a start counts and none did before. */
  constructor(settings: ThrottleSettings, clock: Clock, counts: (throttle: Throttle) => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#counts = counts;
  }

  /** Milliseconds until a job may start. */
  get wait(): number {
    const { limit, interval } = this.#settings;
    if (this.#starts.length < limit) return 0;
    return Math.max(0, this.#starts[this.#oldest]! + interval - this.#clock.monotonic());
  }

  /** Whether no start counts any more. */
  get isOver(): boolean {
    return this.#last + this.#settings.interval <= this.#clock.monotonic();
  }

  started(): void {
    if (this.isOver) this.#counts(this);
    this.#last = this.#clock.monotonic();
    this.#starts[this.#oldest] = this.#last;
    this.#oldest = (this.#oldest + 1) % this.#settings.limit;
  }
}

/** Remembers the throttles of a worker's partitions while starts count, so that one that comes back finds its own. */
export class Throttles {
  readonly #clock: Clock;
  readonly #counting = new Map<string, Throttle>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(topic: string, partition: number, settings: ThrottleSettings): Throttle {
    for (const [key, throttle] of this.#counting) if (throttle.isOver) this.#counting.delete(key);
    const key = partitionKey(topic, partition);
    return (
      this.#counting.get(key) ??
      new Throttle(settings, this.#clock, (throttle) => void this.#counting.set(key, throttle))
    );
  }
}

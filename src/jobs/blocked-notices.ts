import type { Clock } from "../net/clock.ts";
import type { EventHub, JobInfo } from "./events.ts";

/** How often (ms) that is said. */
const EVERY = 60_000;

interface Notice {
  readonly since: number;
  readonly job: JobInfo;
  readonly error: unknown;
  toldAt: number;
}

/** Says of the jobs that block a partition that they do, again and again until each is over (S4.4). */
export class BlockedNotices {
  readonly #clock: Clock;
  readonly #events: EventHub;
  readonly #notices = new Map<number, Notice>();

  constructor(clock: Clock, events: EventHub) {
    this.#clock = clock;
    this.#events = events;
  }

  /** The job blocks its partition, and `error` is why. */
  add(job: JobInfo, error: unknown): void {
    const before = this.#notices.get(job.offset);
    this.#notices.set(job.offset, {
      ...{ since: before?.since ?? this.#clock.now(), toldAt: before?.toldAt ?? Number.NEGATIVE_INFINITY },
      ...{ job, error },
    });
    this.tell();
  }

  /** Why the job at `offset` blocks its partition; undefined: it does not. */
  errorOf(offset: number): unknown {
    return this.#notices.get(offset)?.error;
  }

  get size(): number {
    return this.#notices.size;
  }

  forget(offset: number): void {
    this.#notices.delete(offset);
  }

  forgetThose(isOver: (offset: number) => boolean): void {
    for (const offset of this.#notices.keys()) if (isOver(offset)) this.#notices.delete(offset);
  }

  /** Says it of each job for which it is time. */
  tell(): void {
    if (this.#notices.size === 0) return;
    const now = this.#clock.monotonic();
    for (const notice of this.#notices.values()) {
      if (now - notice.toldAt < EVERY) continue;
      notice.toldAt = now;
      this.#events.emit("blocked", { job: notice.job, error: notice.error, since: new Date(notice.since) });
    }
  }
}

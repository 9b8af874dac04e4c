import type { Clock } from "../net/clock.ts";

/** Milliseconds by which the lease ends before the broker could give the partitions away. */
export const LEASE_MARGIN = 1_000;

/**
 * Until when this member may start work on its partitions. Only heartbeats that were answered move it, from the time
 * they were sent: a process that was frozen finds it ended before it can learn what it has lost.
 *
 * It is held against both clocks: the monotonic one may stand still while a machine sleeps, the wall clock may be set back.
 */
export class Lease {
  readonly #clock: Clock;
  readonly #sessionTimeout: number;
  readonly #rebalanceTimeout: number;
  #until = Number.NEGATIVE_INFINITY;
  #wallUntil = Number.NEGATIVE_INFINITY;
  #lastClean = Number.NEGATIVE_INFINITY;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock, sessionTimeout: number, rebalanceTimeout: number) {
    this.#clock = clock;
    this.#sessionTimeout = sessionTimeout;
    this.#rebalanceTimeout = rebalanceTimeout;
  }

  get isValid(): boolean {
    return this.#clock.monotonic() < this.#until && this.#clock.now() < this.#wallUntil;
  }

  /** A heartbeat sent at `sentAt` (monotonic ms) was answered without error. */
  renew(sentAt: number): void {
    this.#lastClean = Math.max(this.#lastClean, sentAt);
    this.#extend(sentAt + this.#sessionTimeout - LEASE_MARGIN);
  }

  /**
   * A heartbeat sent at `sentAt` was answered with REBALANCE_IN_PROGRESS: the session goes on, but whoever has not
   * joined within the rebalance timeout is put out, and the rebalance may have begun right after the last clean answer.
   */
  renewInRebalance(sentAt: number): void {
    const limit = this.#lastClean + this.#rebalanceTimeout - LEASE_MARGIN;
    this.#extend(Math.min(sentAt + this.#sessionTimeout - LEASE_MARGIN, limit));
  }

  #extend(until: number): void {
    this.#until = Math.max(this.#until, until);
    this.#wallUntil = this.#clock.now() + (this.#until - this.#clock.monotonic());
    if (this.isValid) for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The membership it stood for is gone. */
  end(): void {
    this.#until = Number.NEGATIVE_INFINITY;
    this.#lastClean = Number.NEGATIVE_INFINITY;
  }

  /** Calls `wake` once, when the lease is valid again. */
  onRenewal(wake: () => void): void {
    this.#waiting.push(wake);
  }
}

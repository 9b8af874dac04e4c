import type { Clock } from "../net/clock.ts";

/** Milliseconds by which the lease ends before the broker could give the partitions away. */
export const LEASE_MARGIN = 1_000;

/** The same instant on both clocks. */
interface Instant {
  readonly monotonic: number;
  readonly wall: number;
}

const NEVER: Instant = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };

/**
 * Until when this member may start work on its partitions. Only heartbeats that were answered move it, from the time
 * they were sent: a process that was frozen finds it ended before it can learn what it has lost.
 *
 * It is held against both clocks: the monotonic one may stand still while a machine sleeps, the wall clock may be set back.
 */
export class Lease {
  readonly #clock: Clock;
  #sessionTimeout: number;
  readonly #rebalanceTimeout: number;
  #until = NEVER;
  #lastClean = NEVER;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock, sessionTimeout: number, rebalanceTimeout: number) {
    this.#clock = clock;
    this.#sessionTimeout = sessionTimeout;
    this.#rebalanceTimeout = rebalanceTimeout;
  }

  /** From the next heartbeat on. */
  setSessionTimeout(ms: number): void {
    this.#sessionTimeout = ms;
  }

  /** Milliseconds, as the group's members have it now. */
  get sessionTimeout(): number {
    return this.#sessionTimeout;
  }

  get isValid(): boolean {
    return this.isValidAt(this.#clock.monotonic());
  }

  /** The same, for who has just read the monotonic clock: it is asked before each job. */
  isValidAt(monotonic: number): boolean {
    return monotonic < this.#until.monotonic && this.#clock.now() < this.#until.wall;
  }

  /**
   * A heartbeat was answered without error. `sentAt` (monotonic ms) and `wallSentAt` (ms since 1970) say when it was
   * sent: taken at the answer, the wall clock would hide a sleep of the machine in between.
   */
  renew(sentAt: number, wallSentAt: number = this.#wallAt(sentAt)): void {
    const sent = { monotonic: sentAt, wall: wallSentAt };
    if (sentAt > this.#lastClean.monotonic) this.#lastClean = sent;
    this.#extend(later(sent, this.#sessionTimeout - LEASE_MARGIN));
  }

  /**
   * A heartbeat was answered with REBALANCE_IN_PROGRESS: the session goes on, but whoever has not joined within the
   * rebalance timeout is put out, and the rebalance may have begun right after the last clean answer.
   */
  renewInRebalance(sentAt: number, wallSentAt: number = this.#wallAt(sentAt)): void {
    const session = later({ monotonic: sentAt, wall: wallSentAt }, this.#sessionTimeout - LEASE_MARGIN);
    const limit = later(this.#lastClean, this.#rebalanceTimeout - LEASE_MARGIN);
    this.#extend(limit.monotonic < session.monotonic ? limit : session);
  }

  #wallAt(monotonic: number): number {
    return this.#clock.now() - (this.#clock.monotonic() - monotonic);
  }

  #extend(until: Instant): void {
    if (until.monotonic <= this.#until.monotonic) return;
    this.#until = until;
    if (this.isValid) for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The membership it stood for is gone. */
  end(): void {
    this.#until = NEVER;
    this.#lastClean = NEVER;
  }

  /** Calls `wake` once, when the lease is valid again. */
  onRenewal(wake: () => void): void {
    this.#waiting.push(wake);
  }
}

function later({ monotonic, wall }: Instant, ms: number): Instant {
  return { monotonic: monotonic + ms, wall: wall + ms };
}

import { nextTurn, sleep, systemClock, whenSettled } from "../net/clock.ts";
import { ShortWaitClock } from "./short-wait-clock.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** Who works in the time of a test. */
export interface Workforce {
  /** What runs now, in words: time stands still for it. */
  running(): readonly string[];
  /** Enqueues that have begun and not ended. */
  enqueuesUnderWay(): number;
  /** Throws where work cannot go on. */
  check(): void;
  /** The time is about to move: work may begin. */
  wake(): void;
  /** The time stands still again: nothing is begun. */
  rest(): void;
}

/** Turns of the runtime's loop before a wait for running jobs becomes a real pause. */
const QUICK_TURNS = 50;
/** Real milliseconds that an enqueue may take outside, as in a schema, until it is taken to wait for the test's time. */
const ENQUEUE_PATIENCE = 1_000;
/** Real milliseconds between two looks at jobs that are busy with the outside world. */
const PAUSE = 2;

/**
 * The time of one test. It stands still but for what is asked for here: what is due at once happens by itself, so that
 * awaited calls come back, and what enqueues wait for shortly. Everything else waits until the time is moved, and
 * before it moves, running jobs may end: what they wait for in the outside world takes no time here.
 */
export class TestTime {
  readonly clock: VirtualClock;
  /** For the side that enqueues. */
  readonly enqueuing: ShortWaitClock;
  readonly #patience: number;
  readonly #overrun = new Set<string>();
  #enqueuesOverrun = false;
  #workforce: Workforce | undefined;
  #last: Promise<void> = Promise.resolve();
  #isTaken = false;
  #end = 0;
  #idling = false;
  #closed = false;

  /** `patience`: real milliseconds in which a running job may show no sign of progress. */
  constructor(seed: number, start: number | undefined, patience: number) {
    this.clock = new VirtualClock(seed, start);
    this.clock.onTimer = () => this.#idle();
    this.enqueuing = new ShortWaitClock(this.clock.instance());
    this.#patience = patience;
  }

  employ(workforce: Workforce): void {
    this.#workforce = workforce;
  }

  /** Whether somebody moves the time now. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** What is due at once happens although nobody moves the time. */
  #idle(): void {
    if (this.#idling || this.#isTaken || this.#closed) return;
    this.#idling = true;
    void whenSettled(this.#runIdly(), () => {
      this.#idling = false;
    });
  }

  async #runIdly(): Promise<void> {
    await nextTurn();
    while (!this.#isTaken && !this.#closed && this.#runNext()) await nextTurn();
  }

  #runNext(): boolean {
    return this.clock.step(this.clock.time) || (this.enqueuing.isWaiting && this.clock.step(Number.POSITIVE_INFINITY));
  }

  /** Lets `work` move the time, once nobody else does, with the workforce awake. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    let done!: () => void;
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    this.#isTaken = true;
    this.#workforce?.wake();
    try {
      return await work();
    } finally {
      this.#workforce?.rest();
      this.#isTaken = false;
      done();
      this.#idle();
    }
  }

  /**
   * Lets everything happen that is due now, and what runs end: jobs, and enqueues, which may be busy outside. Gives the
   * jobs that still run after all patience.
   */
  async settle(): Promise<readonly string[]> {
    let busy = "";
    let since = 0;
    let turns = 0;
    await nextTurn();
    for (;;) {
      this.#workforce?.check();
      if (this.#runNext()) {
        busy = "";
        await nextTurn();
        continue;
      }
      const jobs = this.#waitedFor();
      const enqueues = this.#enqueuesOverrun ? 0 : (this.#workforce?.enqueuesUnderWay() ?? 0);
      if (jobs.length === 0 && enqueues === 0) return [];
      const now = systemClock.monotonic();
      const what = [enqueues, ...jobs].join();
      if (busy !== what) [busy, since, turns] = [what, now, 0];
      if (now - since >= (jobs.length === 0 ? Math.min(ENQUEUE_PATIENCE, this.#patience) : this.#patience)) {
        this.#enqueuesOverrun = enqueues > 0;
        return jobs;
      }
      turns += 1;
      await (turns < QUICK_TURNS ? nextTurn() : sleep(systemClock, PAUSE));
    }
  }

  #waitedFor(): readonly string[] {
    if (this.#workforce?.enqueuesUnderWay() === 0) this.#enqueuesOverrun = false;
    const running = this.#workforce?.running() ?? [];
    if (this.#overrun.size === 0) return running;
    const now = new Set(running);
    for (const job of this.#overrun) if (!now.has(job)) this.#overrun.delete(job);
    return running.filter((job) => !this.#overrun.has(job));
  }

  /** Milliseconds that are still to pass in `advance`. */
  get left(): number {
    return Math.max(0, this.#end - this.clock.time);
  }

  /** Lets `ms` milliseconds pass, and before each step running jobs end. Patience is lost with each of them only once. */
  async advance(ms: number): Promise<void> {
    this.#end = this.clock.time + Math.ceil(ms);
    do for (const job of await this.settle()) this.#overrun.add(job);
    while (this.clock.step(this.#end));
    await this.clock.advance(this.left);
    this.#overrun.clear();
  }

  /** Moves the time to whatever is next. */
  step(): void {
    this.clock.step(Number.POSITIVE_INFINITY);
  }

  /** Nothing happens any more. */
  close(): void {
    this.#closed = true;
    this.clock.onTimer = undefined;
  }
}

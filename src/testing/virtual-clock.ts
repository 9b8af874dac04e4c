import { Heap } from "../jobs/heap.ts";
import { type Clock, nextTurn, type Timer } from "../net/clock.ts";
import { chanceOf } from "./chance.ts";

interface Entry {
  readonly at: number;
  readonly sequence: number;
  readonly fire: () => void;
  readonly clock: InstanceClock;
  cancelled: boolean;
}

/** Nothing is left that could ever settle what the caller waits for. */
export class VirtualDeadlockError extends Error {
  override readonly name = "VirtualDeadlockError";
}

/** Time and chance for any number of instances in one process, from one seed. Time moves only while `run` or `advance` is awaited, and at each `step`. */
export class VirtualClock {
  #now: number;
  readonly #origin: number;
  #sequence = 0;
  readonly #heap = new Heap<Entry>(before);
  /** From 0 up to 1, from the seed. */
  readonly random: () => number;
  /** Called whenever a timer is set: whoever moves the time may have come to rest. */
  onTimer: (() => void) | undefined;

  /** `seed`: what chance comes from. `start`: the first instant, in milliseconds since 1970. */
  constructor(seed = 1, start: number = 1_800_000_000_000) {
    this.#now = start;
    this.#origin = start;
    this.random = chanceOf(seed);
  }

  /** A clock for one instance. Freezing it stops that instance for ever. */
  instance(): InstanceClock {
    return new InstanceClock(this);
  }

  get time(): number {
    return this.#now;
  }
  get elapsed(): number {
    return this.#now - this.#origin;
  }

  add(ms: number, fire: () => void, clock: InstanceClock): Timer {
    // Whole milliseconds, as real timers: a fraction could be too small to move the time at all.
    const entry: Entry = {
      at: this.#now + Math.max(0, Math.ceil(ms)),
      sequence: this.#sequence++,
      fire,
      clock,
      cancelled: false,
    };
    this.#heap.add(entry);
    this.onTimer?.();
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  /** Lets time pass until `work` settles; gives its value or its error. */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    for (;;) {
      await nextTurn();
      if (settled) return work;
      if (!this.step(Number.POSITIVE_INFINITY)) {
        throw new VirtualDeadlockError("no timer is set, and the awaited work has not settled");
      }
    }
  }

  /** Lets `ms` milliseconds pass and runs everything that falls due. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await nextTurn();
    while (this.step(end)) await nextTurn();
    this.#now = Math.max(this.#now, end);
  }

  /** Fires the next timer, and moves the time to it, where it is due by `limit` (ms since 1970). False: there is none. */
  step(limit: number): boolean {
    for (;;) {
      const next = this.#heap.first;
      if (next === undefined || next.at > limit) return false;
      this.#heap.shift();
      if (next.cancelled || next.clock.frozen) continue;
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      return true;
    }
  }
}

/** One instance's view of a virtual clock. */
export class InstanceClock implements Clock {
  readonly #source: VirtualClock;
  #skew = 0;
  #paused: (() => void)[] | undefined;
  frozen = false;
  /** Called before anything of this instance runs: what freezes or pauses it then does so just in time. */
  onFire: (() => void) | undefined;

  constructor(source: VirtualClock) {
    this.#source = source;
  }

  now(): number {
    return this.#source.time + this.#skew;
  }
  monotonic(): number {
    return this.#source.elapsed;
  }
  timer(ms: number, fire: () => void): Timer {
    let cancelled = false;
    const run = (): void => {
      if (cancelled) return;
      if (this.#paused === undefined) this.onFire?.();
      if (this.frozen) return;
      if (this.#paused === undefined) fire();
      else this.#paused.push(run);
    };
    const timer = this.#source.add(ms, run, this);
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }
  soon(run: () => void): void {
    this.timer(0, run);
  }
  random(): number {
    return this.#source.random();
  }
  uuid(): string {
    let hex = "";
    for (let i = 0; i < 4; i++)
      hex += Math.floor(this.random() * 0x1_0000_0000)
        .toString(16)
        .padStart(8, "0");
    const variant = "89ab"[Math.floor(this.random() * 4)];
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  /** The instance crashes: nothing of it ever runs again. */
  freeze(): void {
    this.frozen = true;
  }
  /** The instance stops, as under SIGSTOP: what falls due is kept for `resume`. */
  pause(): void {
    this.#paused ??= [];
  }
  resume(): void {
    const due = this.#paused ?? [];
    this.#paused = undefined;
    for (const fire of due) this.soon(fire);
  }
  /** Moves this instance's wall clock, not its monotonic one. */
  skew(ms: number): void {
    this.#skew += ms;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

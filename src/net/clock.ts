/** A timer that has been set. Cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * The one source of time and chance above the protocol. Everything takes it as a value, so that a whole cluster and
 * its workers run in one process from one seed.
 */
export interface Clock {
  /** Milliseconds since 1970. It may jump, in either direction. */
  now(): number;
  /** Milliseconds since some fixed instant. It never goes back. */
  monotonic(): number;
  /** Calls `fire` after `ms` milliseconds. An `idle` timer does not keep the process alive. */
  timer(ms: number, fire: () => void, options?: { readonly idle?: boolean | undefined }): Timer;
  /** Calls `run` once the current task and its microtasks are done. Calls are run in order. */
  soon(run: () => void): void;
  /** A number from 0 up to, not including, 1. */
  random(): number;
  /** A random UUID (version 4). */
  uuid(): string;
}

const LONGEST_TIMER = 0x7fff_ffff;

class SystemTimer implements Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number, fire: () => void, idle: boolean) {
    const due = performance.now() + ms;
    const wait = (left: number): void => {
      // A longer timeout would fire at once.
      const step = Math.min(Math.ceil(left), LONGEST_TIMER);
      this.#handle = setTimeout(() => {
        // Runtimes count from when their loop last looked at the time, and may fire too early by as much.
        const rest = due - performance.now();
        if (rest > 0) wait(rest);
        else fire();
      }, step);
      if (idle) this.#handle.unref();
    };
    wait(Math.max(ms, 0));
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** The machine's own time and chance. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  timer: (ms, fire, options) => new SystemTimer(ms, fire, options?.idle === true),
  soon: (run) => void setImmediate(run),
  random: () => Math.random(),
  uuid: () => crypto.randomUUID(),
};

/** Resolves when every microtask that is ready has run: the runtime's own loop, whatever the clock says. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Calls `done` once `work` has settled, and settles as that did. `Promise.prototype.finally` would take fewer turns on Bun
 * than elsewhere, and what comes from one seed has to go the same way everywhere.
 */
export async function whenSettled<T>(work: Promise<T>, done: () => void): Promise<T> {
  try {
    return await work;
  } finally {
    done();
  }
}

/** Resolves after `ms` milliseconds, or at once when `signal` aborts: the caller looks at the signal. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.timer(ms, done);
    signal?.addEventListener("abort", done);
  });
}

/** All but the last 32 bits of the UUIDs of one clock and millisecond, and these bits of the last one. */
interface UuidSeries {
  readonly clock: Clock;
  readonly time: number;
  readonly stem: string;
  last: number;
}

let series: UuidSeries | undefined;

/**
 * A UUID of version 7: sorts by the millisecond in which it was made, and those of one process and millisecond as they were
 * made. They are at random but for the last 32 bits, which are counted up from a random number (RFC 9562, section 6.2). `now`:
 * the clock's time, where it is known.
 */
export function uuidv7(clock: Clock, now: number = clock.now()): string {
  const time = Math.max(0, Math.floor(now));
  if (series?.clock === clock && series.time === time && series.last < 0xffff_ffff) series.last++;
  else series = newSeries(clock, time);
  return series.stem + series.last.toString(16).padStart(8, "0");
}

function newSeries(clock: Clock, time: number): UuidSeries {
  const digits = time.toString(16).padStart(12, "0");
  const random = clock.uuid();
  const stem = `${digits.slice(0, 8)}-${digits.slice(8, 12)}-7${random.slice(15, 28)}`;
  return { clock, time, stem, last: Number.parseInt(random.slice(28), 16) };
}

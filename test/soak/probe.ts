import { readdirSync } from "node:fs";
import process from "node:process";

/** What a process is at, as it says itself. Bytes and milliseconds; `cpu`, `at` since its start. */
export interface Sample {
  readonly at: number;
  readonly rss: number;
  /** After a full collection. Undefined: none was made for this sample. */
  readonly heap: number | undefined;
  /** Memory outside of the heap: array buffers among it. */
  readonly external: number;
  /** Sockets, files and timers that the runtime tells of. */
  readonly handles: number;
  /** Open file descriptors; undefined where the system does not tell. */
  readonly files: number | undefined;
  /** How late timers were since the last sample: 99 of 100 were no later. */
  readonly delay: number;
  readonly cpu: number;
}

const TICK = 20;

interface Collectors {
  readonly gc?: (how?: object) => void;
  readonly Bun?: { gc(sync: boolean): void };
}

/**
 * A collection of all garbage, with what is only kept to be quicker, where the runtime lets itself be asked: Node and Deno
 * have to be started with --expose-gc.
 */
function collector(): (() => void) | undefined {
  const { gc, Bun } = globalThis as Collectors;
  if (Bun !== undefined) return () => Bun.gc(true);
  return gc && (() => gc({ type: "major", execution: "sync", flavor: "last-resort" }));
}

/** Looks at the process that it is in. */
export class Probe {
  readonly #start = performance.now();
  #late: number[] = [];
  #expected = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#tick();
  }

  #tick(): void {
    this.#expected = performance.now() + TICK;
    this.#timer = setTimeout(() => {
      this.#late.push(Math.max(0, performance.now() - this.#expected));
      this.#tick();
    }, TICK);
    this.#timer.unref?.();
  }

  /** `collects`: whether garbage is collected before. That its time counts as a delay is avoided. */
  sample(collects: boolean): Sample {
    const delay = percentile(this.#late, 0.99);
    const collect = collects ? collector() : undefined;
    clearTimeout(this.#timer);
    collect?.();
    this.#late = [];
    this.#tick();
    const { rss, heapUsed, external } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    return {
      ...{ at: performance.now() - this.#start, rss, heap: collect === undefined ? undefined : heapUsed, external },
      ...{ handles: process.getActiveResourcesInfo().length, files: openFiles(), delay, cpu: (user + system) / 1_000 },
    };
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function openFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}

import process from "node:process";

/** What a scenario has found, and what its process took for it. */
export interface Outcome {
  /** By what is measured: `rate` a second, `p50` and `p99` in milliseconds. */
  readonly found: Readonly<Record<string, number>>;
  /** Seconds of processor time for a million records; the servers' is not among it. */
  readonly cpu: number;
  /** Megabytes that were resident at the most. */
  readonly memory: number;
}

/** Counts what the process takes from now on; `outcome` once so many records are done. */
export function countCost(): (records: number, found: Outcome["found"]) => Outcome {
  const before = process.cpuUsage();
  return (records, found) => {
    const { user, system } = process.cpuUsage(before);
    // Kilobytes, on every platform that Node runs on.
    const memory = (process.resourceUsage().maxRSS * 1_024) / 1e6;
    return { found, cpu: (user + system) / records, memory };
  };
}

export function rate(count: number, ms: number): number {
  return (count / ms) * 1_000;
}

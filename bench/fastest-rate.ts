import { performance } from "node:perf_hooks";
import process from "node:process";

const MEASURE_MS = process.argv.includes("--quick") ? 20 : 400;
/** One round lasts about this long: short enough to fall between two interruptions by others on the machine. */
const ROUND_MS = 5;

/** MB/s of the fastest round of `run`, which goes through `bytes` bytes each time. */
export function fastestRate(bytes: number, run: () => unknown): number {
  let perRound = 1;
  let best = 0;
  for (const end = performance.now() + MEASURE_MS; performance.now() < end; ) {
    const started = performance.now();
    for (let i = 0; i < perRound; i++) run();
    const elapsed = performance.now() - started;
    best = Math.max(best, (bytes * perRound) / Math.max(elapsed, 0.001) / 1000);
    if (elapsed < ROUND_MS) perRound *= 2;
  }
  return best;
}

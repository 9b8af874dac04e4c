import type { FaultRun } from "./fault-run.ts";
import type { Task } from "./kill-run.ts";

/** So many that every partition has some. */
const KEYS = 200;
const LONGEST_JOB = 8;
/** Jobs of a turn, and milliseconds to the next. */
const TURN = 4;
const PAUSE = 30;
/** One in so many takes long (ms), and one in so many fails for good. */
const LONG_ONE_IN = 150;
const LONG_JOB = 600;
const POISON_ONE_IN = 100;

export interface JobLoad {
  /** Enqueues no more, and resolves once all that was is acknowledged. Rejects where anything was not. */
  stop(): Promise<void>;
}

/** Enqueues jobs of random keys, a few at a time, until it is stopped. */
export function startJobLoad(run: FaultRun, random: () => number): JobLoad {
  let isStopped = false;
  const oneIn = (count: number): boolean => random() * count < 1;
  const task = (): Task => ({
    key: `k${Math.floor(random() * KEYS)}`,
    takes: oneIn(LONG_ONE_IN) ? LONG_JOB : Math.floor(random() * LONGEST_JOB),
    ...(oneIn(POISON_ONE_IN) ? { does: "fail" } : {}),
  });
  const ended = (async () => {
    while (!isStopped) {
      await run.enqueue(Array.from({ length: TURN }, task));
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  })();
  ended.catch(() => {});
  return {
    stop() {
      isStopped = true;
      return ended;
    },
  };
}

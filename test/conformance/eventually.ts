import { sleep, systemClock } from "../../src/net/clock.ts";

const PAUSE = 50;
const TRIES = 200;

/** Brokers tell each other of changes in their own time: `check` is repeated for a while. */
export async function eventually(check: () => Promise<void>): Promise<void> {
  for (let left = TRIES; ; left--) {
    try {
      return await check();
    } catch (error) {
      if (left === 0) throw error;
      await sleep(systemClock, PAUSE);
    }
  }
}

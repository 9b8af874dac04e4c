import type { Clock, Timer } from "../net/clock.ts";
import type { EventHub } from "./events.ts";
import type { Logger } from "./logger.ts";
import { type AttemptPlace, attemptText } from "./running-attempts.ts";

/** When a shutdown that waits for jobs tells of them, in ms: first, and then each. */
const FIRST = 5_000;
const EACH = 10_000;

/** Names the jobs that a shutdown waits for, again and again until it is over. Returns what ends it. */
export function watchShutdown(
  { clock, events, logger }: { readonly clock: Clock; readonly events: EventHub; readonly logger: Logger },
  deadline: number,
  running: () => readonly AttemptPlace[],
): () => void {
  let timer: Timer;
  const tellIn = (ms: number): void => {
    timer = clock.timer(ms, () => {
      tell();
      tellIn(EACH);
    });
  };
  const tell = (): void => {
    const jobs = running();
    if (jobs.length === 0) return;
    const left = Math.max(0, deadline - clock.monotonic());
    if (!events.has("shutdownDelayed")) {
      logger.warn("closing waits for jobs that run", { jobs: jobs.map(attemptText).join(", "), leftInMs: left });
    }
    events.emit("shutdownDelayed", { jobs, left });
  };
  tellIn(FIRST);
  return () => timer.cancel();
}

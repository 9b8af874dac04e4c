import { setTimeout as sleep } from "node:timers/promises";
import { type App, createApp, type Job } from "ottla";
import { afterFlight } from "./airport.ts";
import type { Flight } from "./flight.ts";
import type { Run } from "./run.ts";
import { logRun } from "./run-log.ts";
import { readState, writeState } from "./state-file.ts";

/** The app and its one job. `worker` is the letter of this process; the one that only enqueues has none. */
export function openApp(run: Run, worker = ""): { app: App; recordFlight: Job<Flight> } {
  const app = createApp({
    kafka: { brokers: run.brokers, clientId: "ottla-example", connectTimeout: "5s" },
    group: run.name,
    queues: { [run.name]: { partitions: run.partitions } },
  });
  const recordFlight = app.job<Flight>({
    name: "record-flight",
    queue: run.name,
    // What order is kept for: flights of one airport run in the order of enqueueing, one at a time.
    partitioner: (job) => job.payload.origin,
    async perform(flight, { partition, offset }) {
      const key = flight.origin;
      logRun(run.logs, { event: "start", worker, key, partition, offset });
      await sleep(run.work);
      const { value, lastOffset } = await readState(run.states, key);
      // A job that finished after its worker's last commit runs again when that worker is killed. Here it changes
      // nothing the second time, because the state knows which job it saw last.
      const changed = offset > lastOffset;
      if (changed) await writeState(run.states, key, { value: afterFlight(value, flight), lastOffset: offset });
      logRun(run.logs, { event: "end", worker, key, partition, offset, changed });
    },
  });
  return { app, recordFlight };
}

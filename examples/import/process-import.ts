import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type App, createApp, type Job } from "ottla";
import { logRun } from "../flights/run-log.ts";
import type { Import, ImportEvent, Run } from "./run.ts";
import { readStrikes, type Strike } from "./strikes.ts";

/** An event, but for what is the same in all of a worker's. */
type Noted = ImportEvent extends infer E ? (E extends ImportEvent ? Omit<E, "worker" | "at" | "id"> : never) : never;

/** The app and its one job. `worker` is the letter of this process; the one that only enqueues has none. */
export function openApp(run: Run, worker = ""): { app: App; processImport: Job<Import> } {
  const app = createApp({
    kafka: { brokers: run.brokers, clientId: "ottla-example", connectTimeout: "5s" },
    group: run.name,
    queues: { [run.name]: { partitions: run.partitions } },
  });
  app.on("lost", () => logRun(run.logs, { worker, id: "", event: "lost" }));
  const strikes = worker === "" ? new Map<string, Strike[]>() : readStrikes();
  const processImport = app.job<Import>({
    name: "process-import",
    queue: run.name,
    // Files of one user are imported in the order in which they came, one at a time.
    partitioner: (job) => job.payload.user,
    resumeOptions: { wait: 0 },
    async perform({ id, user, from, to }, job) {
      const note = (event: Noted): void => logRun(run.logs, { worker, id, ...event });
      const rows = (strikes.get(user) ?? []).slice(from, to);

      await job.step("validate", () => {
        const wrong = rows.findIndex(({ date, cost }) => Number.isNaN(Date.parse(date)) || !(cost >= 0));
        if (wrong >= 0) throw new Error(`row ${wrong} of ${id} has no date or no cost`);
        note({ event: "validated" });
      });

      await job.step("process_records", async (step) => {
        const begin = step.cursor ?? 0;
        note({ event: "begun", cursor: begin });
        for (let row = begin; row < rows.length; row++) {
          do {
            await sleep(run.work);
            await step.checkpoint();
          } while (existsSync(run.hold));
          note({ event: "row", row });
          await step.advance({ from: row }); // here a deploy interrupts it; the cursor is row + 1 by then
        }
      });

      await job.step(
        "finalize",
        () => note({ event: "finished", cost: rows.reduce((sum, { cost }) => sum + cost, 0) }),
        { isolated: true },
      );
    },
  });
  return { app, processImport };
}

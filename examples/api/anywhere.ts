import { BulkEnqueueError } from "ottla";
import { app } from "./app.ts";
import { makeReport } from "./jobs/reports.ts";
import { updateUser, users } from "./jobs/users.ts";

// In a process that works: `ottla worker worker.ts` does this, too.
await app.topics.plan();
await app.topics.apply();
const controller = new AbortController();
const worker = await app.work({ concurrency: 50, queues: ["users"], signal: controller.signal });
const updated = new Promise<void>((resolve) => {
  let left = 5;
  app.on("completed", () => --left === 0 && resolve());
});

// Anywhere.
const done = await updateUser.performLater({ userId: 7, attributes: { name: "Ada" } });
if (done.state === "enqueued") console.log(`${done.id} is at ${done.topic}/${done.partition}/${done.offset}`);
await updateUser.set({ headers: { source: "web" } }).performLater({ userId: 7, attributes: { name: "Ada L." } });
await app.performAllLater([
  updateUser.of({ userId: 1, attributes: { name: "Grace" } }),
  updateUser.set({ headers: { source: "bulk" } }).of({ userId: 7, attributes: { name: "Ada Lovelace" } }),
  updateUser.of({ userId: 2, attributes: { name: "Alan" } }),
  makeReport.of(),
]);
await updateUser.performNow({ userId: 8, attributes: { name: "here and now" } });
await updateUser
  .set({ queue: "no-such-queue" })
  .performLater({ userId: 7, attributes: {} })
  .catch((error: Error) => console.log(error.name));
await app
  .performAllLater([updateUser.set({ queue: "no-such-queue" }).of({ userId: 7, attributes: {} })])
  .catch((error: unknown) => console.log(error instanceof BulkEnqueueError && error.results.length));

await updated;
console.log(worker.status().partitions.length, users.get(7), users.get(8));
await worker.quiet();
await worker.close();
await app.close();

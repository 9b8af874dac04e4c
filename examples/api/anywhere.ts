import { BulkEnqueueError, type EnqueuedJob, type ScheduledJob } from "ottla";
import { app, tenantStorage } from "./app.ts";
import { processImport } from "./jobs/imports.ts";
import { makeReport } from "./jobs/reports.ts";
import { tenants, updateUser, users } from "./jobs/users.ts";

// In a process that works: `ottla worker worker.ts` does this, too.
await app.topics.plan();
await app.topics.apply();
const controller = new AbortController();
const worker = await app.work({ concurrency: 50, queues: ["users"], signal: controller.signal });
const updated = new Promise<void>((resolve) => {
  let left = 11;
  for (const event of ["completed", "discarded"] as const) app.on(event, () => --left === 0 && resolve());
});
app.use({
  enqueue: async (job, next) => {
    job.headers.tenant = "7";
    await next();
  },
  perform: async (job, next) => {
    await next();
    job.log.debug("done");
  },
});

// Anywhere.
const done = await updateUser.performLater({ userId: 7, attributes: { name: "Ada" } });
if (done.state === "enqueued") console.log(`${done.id} is at ${done.topic}/${done.partition}/${done.offset}`);
await updateUser.set({ headers: { source: "web" } }).performLater({ userId: 7, attributes: { name: "Ada L." } });
await tenantStorage.run("acme", () =>
  updateUser
    .set({ headers: { source: "web" }, id: "order-7" })
    .performLater({ userId: 7, attributes: {}, urgent: true }),
);
const later = await updateUser.set({ wait: "5m" }).performLater({ userId: 7, attributes: {} });
if (later.state === "scheduled") {
  console.log(later.topic, later.dueAt.getTime() > Date.now());
  console.log(await app.reschedule(later, { waitUntil: new Date("2060-01-01T12:00:00Z") }));
  console.log((await app.scheduled.list({ topic: "scheduled_jobs" })).map(({ dueAt }) => dueAt.toISOString()).join());
  console.log(await app.cancel(later));
  console.log(await app.cancel(later));
}
const together: EnqueuedJob[] = [];
await app.transaction(async (tx) => {
  together.push(await tx.performLater(updateUser.of({ userId: 1, attributes: {} })));
  together.push(await tx.performLater(makeReport.of()));
});
console.log(together.every(({ offset }) => offset >= 0));
await app.performAllLater([
  updateUser.of({ userId: 1, attributes: { name: "Grace" } }),
  updateUser.set({ headers: { source: "bulk" } }).of({ userId: 7, attributes: { name: "Ada Lovelace" } }),
  updateUser.of({ userId: 2, attributes: { name: "Alan" } }),
  updateUser.of({ userId: 429, attributes: { name: "later" } }),
  updateUser.of({ userId: -1, attributes: {} }),
  makeReport.of(),
]);
const hourly = await app.performAllLater([
  updateUser.of({ userId: 1, attributes: { name: "Grace H." } }),
  updateUser.set({ wait: "1h" }).of({ userId: 2, attributes: { name: "Alan T." } }),
]);
console.log(hourly.map(({ state }) => state).join());
console.log(await app.cancel(hourly[1] as ScheduledJob));
await updateUser.performNow({ userId: 8, attributes: { name: "here and now" } });
await makeReport.performNow();
await processImport.performNow({ importId: 1, userId: "7" });
await updateUser
  .set({ queue: "no-such-queue" })
  .performLater({ userId: 7, attributes: {} })
  .catch((error: Error) => console.log(error.name));
await app
  .performAllLater([updateUser.set({ queue: "no-such-queue" }).of({ userId: 7, attributes: {} })])
  .catch((error: unknown) => console.log(error instanceof BulkEnqueueError && error.results.length));

const nightly = app.recurring({
  name: "nightly",
  cron: "0 3 * * *",
  timeZone: "Europe/Berlin",
  job: updateUser.of({ userId: 0, attributes: { name: "everybody" } }),
  missed: "once",
});
console.log((await app.recurringJobs.list()).map(({ name, next }) => `${name} ${next?.getUTCMinutes()}`).join());
console.log((await nightly.trigger()).state);

await updated;
console.log(users.get(429), await app.blocked());
console.log(tenants.get("order-7")?.join());
console.log(worker.status().partitions.length, users.get(7), users.get(8));
await worker.quiet();
await worker.close();
await app.close();

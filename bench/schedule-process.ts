/** A worker that says how much memory it has once it has loaded what it is told to: for bench/schedules.ts. */
import process from "node:process";
import { createApp } from "ottla";

const { QUEUE = "", SCHEDULE = "", ENTRIES, RECURRING } = process.env;
const app = createApp({ group: `memory-${process.pid}`, scheduledMessagesTopics: [SCHEDULE] });
const job = app.job<string>({
  name: "order",
  queue: QUEUE,
  scheduledMessagesTopic: SCHEDULE,
  partitioner: ({ payload }) => payload,
  perform: () => {},
});
const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney"];
for (let i = 0; i < Number(RECURRING); i++) {
  const cron = `${i % 60} ${(i * 7) % 24} * * ${i % 7}`;
  app.recurring({ name: `recurring-${i}`, cron, timeZone: zones[i % 5], job: job.of(`customer-${i}`) });
}
let [loaded, partitions, duration] = [0, 0, 0];
app.on("scheduleLoaded", (event) => {
  loaded += event.entries;
  partitions++;
  duration = Math.max(duration, event.duration);
});
const worker = await app.work();
let peak = 0;
let settled = 0;
setInterval(() => {
  const megabytes = process.memoryUsage.rss() / 1_000_000;
  peak = Math.max(peak, megabytes);
  const isReady = partitions === 4 && loaded === Number(ENTRIES) && worker.status().partitions.length === 12;
  settled = isReady ? settled + 1 : 0;
  if (settled < 40) return;
  (globalThis as { gc?: () => void }).gc?.();
  console.log(
    JSON.stringify({ megabytes: process.memoryUsage.rss() / 1_000_000, peak, duration, ...process.memoryUsage() }),
  );
}, 100);

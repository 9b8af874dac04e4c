// Runs from the build, as an installed package does: `ottla` is dist/ here.
import process from "node:process";
import { createApp } from "ottla";

export const app = createApp({ group: `idle-${process.pid}` });
app.job({ name: "nothing", queue: process.env.QUEUE, partitioner: ({ payload }) => payload.key, perform() {} });
app.on("assigned", () => {
  const since = Date.now();
  setInterval(() => {
    const megabytes = (process.memoryUsage.rss() / 1_000_000).toFixed(1);
    console.log(`idle for ${Date.now() - since} ms: ${megabytes} MB`);
  }, 500);
});

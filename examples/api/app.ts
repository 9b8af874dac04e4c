import { AsyncLocalStorage } from "node:async_hooks";
import { createApp } from "ottla";

// Creates the app, imports no job file. Nothing connects until the first use.
export const app = createApp({
  kafka: { clientId: "shop" },
  group: "shop-workers",
  queues: {
    users: { partitions: 12 },
    reports: {
      virtualPartitions: { max: 8 },
      deadLetterQueue: { topic: "reports-dead", maxRetries: 3 },
      backoff: { initial: "1s", max: "30s", jitter: 0.2 },
    },
    imports: {
      throttle: { limit: 100, interval: "1s" },
      whenExhausted: "park",
      maxRetries: 5,
      concurrency: 4,
      expire: "7d",
      dedupe: { window: "10m" },
    },
  },
  queuePatterns: [{ match: /^tenant-.+-jobs$/, virtualPartitions: { max: 4 } }],
  scheduledMessagesTopics: ["scheduled_jobs"],
});

// Carried from enqueue to perform: in every process of the app, so it is said where the app is made.
export const tenantStorage: AsyncLocalStorage<string> = new AsyncLocalStorage();
app.context(tenantStorage, { name: "tenant" });

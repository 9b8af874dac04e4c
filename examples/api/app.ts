import { createApp } from "ottla";

// Creates the app, imports no job file. Nothing connects until the first use.
export const app = createApp({
  kafka: { clientId: "shop" },
  group: "shop-workers",
  queues: {
    users: { partitions: 12 },
    reports: { backoff: { initial: "1s", max: "30s", jitter: 0.2 } },
  },
});

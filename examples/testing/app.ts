import { createApp } from "ottla";

export const app = createApp({
  group: "bank-workers",
  queues: { accounts: { partitions: 6, backoff: { initial: "1s", max: "30s" } } },
});

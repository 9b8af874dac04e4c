import { createApp } from "ottla";

/** Brokers come from KAFKA_BROKERS, else localhost:9092. */
export const app = createApp({
  group: "hello-workers",
  queues: { greetings: { partitions: 3 } },
});

import process from "node:process";
import { createApp } from "ottla";

/** Of its own in each run of the example, so that every one begins with nothing. */
export const queue = process.env.REMINDERS ?? "reminders";
/** Where reminders wait for their time. */
export const later = `${queue}-later`;

/** Of either topic. */
export const PARTITIONS = 3;

export const app = createApp({
  kafka: { clientId: "reminders" }, // brokers: KAFKA_BROKERS
  group: queue,
  queues: { [queue]: { partitions: PARTITIONS } },
  scheduledMessagesTopics: [{ topic: later, partitions: PARTITIONS }], // `topics apply` makes it: compacted
});

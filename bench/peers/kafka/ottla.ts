import { randomUUID } from "node:crypto";
import { Kafka } from "ottla/kafka";
import type { KafkaPeer } from "../kafka-client.ts";

export async function open(brokers: readonly string[]): Promise<KafkaPeer> {
  const kafka = new Kafka({ brokers });
  return {
    async producer(topic) {
      const producer = kafka.producer();
      return {
        send: (records) => producer.sendMany(records.map(({ key, value }) => ({ topic, key, value }))),
        close: () => producer.close(),
      };
    },
    async consumer(topic, from, onValue) {
      const consumer = kafka.consumer({ groupId: randomUUID(), topics: [topic], offsetReset: from });
      const reading = (async () => {
        for await (const batch of consumer) {
          for (const { value } of batch.records) onValue(value!);
          // It is not waited for: neither do the others.
          consumer.commit(batch).catch(() => {});
        }
      })();
      return {
        async close() {
          await consumer.close();
          await reading;
        },
      };
    },
  };
}

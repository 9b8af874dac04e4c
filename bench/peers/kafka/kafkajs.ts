import { randomUUID } from "node:crypto";
import type { KafkaPeer } from "../kafka-client.ts";
import { loadPackage } from "../packages/load-package.ts";

interface KafkaJs {
  readonly Kafka: new (
    options: object,
  ) => {
    producer(): {
      connect(): Promise<unknown>;
      send(request: object): Promise<unknown>;
      disconnect(): Promise<unknown>;
    };
    consumer(options: object): {
      connect(): Promise<unknown>;
      subscribe(options: object): Promise<unknown>;
      run(options: {
        eachBatch(payload: {
          readonly batch: { readonly messages: readonly { readonly value: Uint8Array | null }[] };
        }): Promise<void>;
      }): Promise<unknown>;
      disconnect(): Promise<unknown>;
    };
  };
  readonly logLevel: { readonly NOTHING: number };
}

/** As long as the others wait at the most. */
const MAX_WAIT = 100;

export async function open(brokers: readonly string[]): Promise<KafkaPeer> {
  const { Kafka, logLevel } = await loadPackage<KafkaJs>("kafkajs");
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  return {
    async producer(topic) {
      const producer = kafka.producer();
      await producer.connect();
      return {
        send: (messages) => producer.send({ topic, acks: -1, messages }),
        close: () => producer.disconnect(),
      };
    },
    async consumer(topic, from, onValue) {
      const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: MAX_WAIT });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: from === "earliest" });
      await consumer.run({
        async eachBatch({ batch }) {
          for (const { value } of batch.messages) onValue(value!);
        },
      });
      return { close: () => consumer.disconnect() };
    },
  };
}

import { randomUUID } from "node:crypto";
import type { KafkaPeer } from "../kafka-client.ts";
import { loadPackage } from "../packages/load-package.ts";

interface Platformatic {
  readonly Producer: new (
    options: object,
  ) => {
    send(request: object): Promise<unknown>;
    close(): Promise<unknown>;
  };
  readonly Consumer: new (
    options: object,
  ) => {
    consume(options: object): Promise<{
      on(event: "data", listener: (message: { readonly value: Uint8Array }) => void): void;
      close(): Promise<unknown>;
    }>;
    close(): Promise<unknown>;
  };
  readonly ProduceAcks: { readonly ALL: number };
  readonly MessagesStreamModes: { readonly LATEST: string; readonly EARLIEST: string };
}

const MAX_WAIT = 100;
const COMMIT_EVERY = 5_000;

export async function open(bootstrapBrokers: readonly string[]): Promise<KafkaPeer> {
  const { Producer, Consumer, ProduceAcks, MessagesStreamModes } =
    await loadPackage<Platformatic>("@platformatic/kafka");
  const common = { clientId: "bench", bootstrapBrokers };
  return {
    async producer(topic) {
      const producer = new Producer(common);
      return {
        send: (records) =>
          producer.send({
            acks: ProduceAcks.ALL,
            messages: records.map(({ key, value }) => ({ topic, key: Buffer.from(key), value: value as Buffer })),
          }),
        close: () => producer.close(),
      };
    },
    async consumer(topic, from, onValue) {
      const consumer = new Consumer({
        ...common,
        groupId: randomUUID(),
        maxWaitTime: MAX_WAIT,
        autocommit: COMMIT_EVERY,
      });
      const mode = from === "latest" ? MessagesStreamModes.LATEST : MessagesStreamModes.EARLIEST;
      const stream = await consumer.consume({ topics: [topic], mode });
      stream.on("data", ({ value }) => onValue(value));
      return {
        async close() {
          await stream.close();
          await consumer.close();
        },
      };
    },
  };
}

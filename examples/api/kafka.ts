import process from "node:process";
import { Kafka } from "ottla/kafka";

const signal = AbortSignal.timeout(20_000);
const kafka = new Kafka({ brokers: [process.env.KAFKA_BROKERS ?? "localhost:9092"], clientId: "me" });
const admin = kafka.admin();
await admin.createTopics([{ name: "t", partitions: 3, replicationFactor: 1, config: {} }]);
const producer = kafka.producer({ linger: 0, compression: "none" });
const { topic, partition, offset, timestamp } = await producer.send({
  topic: "t",
  key: "k",
  value: "v",
  headers: { a: "1" },
});
console.log(topic, partition, offset, timestamp > 0);
await producer.sendMany([{ topic: "t", key: "k", value: "w" }]);
const consumer = kafka.consumer({
  groupId: "g",
  topics: ["t", /^tenant-/],
  offsetReset: "earliest",
  isolation: "readCommitted",
  signal,
});
const values: string[] = [];
for await (const batch of consumer) {
  for (const { value } of batch.records) values.push(new TextDecoder().decode(value ?? new Uint8Array()));
  await consumer.commit(batch);
  if (values.length === 2) break;
}
console.log(values.join());
await consumer.close();
await producer.close();
await kafka.close();

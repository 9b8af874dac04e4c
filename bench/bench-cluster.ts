import { randomUUID } from "node:crypto";
import { Worker } from "node:worker_threads";
import { Kafka } from "ottla/kafka";
import { namedBrokers } from "./named-brokers.ts";

/** Where a bench runs. */
export interface BenchCluster {
  readonly brokers: readonly string[];
  readonly description: string;
  readonly kafka: Kafka;
  /** Creates a topic that is deleted at the end, and gives its name. */
  topic(partitions: number): Promise<string>;
  close(): Promise<void>;
}

/** The cluster that KAFKA_BROKERS names, else the in-process broker in a thread of its own. */
export async function openBenchCluster(): Promise<BenchCluster> {
  const named = namedBrokers();
  const thread = named.length === 0 ? await startBrokerThread() : undefined;
  const brokers = thread === undefined ? named : [thread.address];
  const kafka = new Kafka({ brokers, clientId: "bench" });
  const topics: string[] = [];
  return {
    brokers,
    description: thread === undefined ? `Kafka at ${named.join(", ")}` : "the in-process broker in another thread",
    kafka,
    async topic(partitions) {
      const name = `bench-${randomUUID()}`;
      await kafka.admin().createTopics([{ name, partitions }]);
      topics.push(name);
      return name;
    },
    async close() {
      await kafka.admin().deleteTopics(topics);
      await kafka.close();
      await thread?.worker.terminate();
    },
  };
}

async function startBrokerThread(): Promise<{ readonly worker: Worker; readonly address: string }> {
  const worker = new Worker(new URL("./broker-thread.ts", import.meta.url));
  const address = await new Promise<string>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return { worker, address };
}

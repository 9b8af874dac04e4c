import { type FetchResponse, fetch as fetchApi } from "../../protocol/messages/01-fetch.ts";
import { readFetched } from "../../protocol/records.ts";
import { type Broker, type BrokerOptions, startBroker } from "../../src/broker/mod.ts";
import { Kafka } from "../../src/client/kafka.ts";
import { type App, createApp } from "../../src/jobs/app.ts";
import { fillRuntime } from "../../src/jobs/fill-runtime.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import { ReceivedJob } from "../../src/jobs/received-job.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

/** An app that enqueues into a broker in memory, on a virtual clock. */
export interface EnqueueBench {
  readonly time: VirtualClock;
  readonly broker: Broker;
  readonly app: App;
  /** Lets virtual time pass until the work is done. */
  run<T>(work: Promise<T>): Promise<T>;
  /** What a partition holds: without what was aborted, and up to what a transaction has open. */
  jobs(topic: string, partition: number): Promise<ReceivedJob[]>;
}

interface Cleanup {
  after(fn: () => Promise<void>): void;
}

export async function startEnqueueBench(
  t: Cleanup,
  options: AppOptions = {},
  topics: Readonly<Record<string, number>> = { q: 4 },
  brokerOptions: BrokerOptions = {},
): Promise<EnqueueBench> {
  const time = new VirtualClock();
  const network = new MemoryNetwork();
  const serverClock = time.instance();
  const transport = network.transport(serverClock);
  const broker = await startBroker({ host: "kafka", port: 9092, clock: serverClock, transport, ...brokerOptions });
  for (const [name, partitions] of Object.entries(topics)) await broker.createTopic(name, { partitions });
  const app = createApp(options);
  const clock = time.instance();
  fillRuntime(app, { clock, transport: network.transport(clock), brokers: broker.addresses });
  const reader = new Kafka({ brokers: broker.addresses, clock: serverClock, transport });
  t.after(async () => {
    await time.run(Promise.all([app.close(), reader.close()]));
    await broker.close();
  });
  return {
    ...{ time, broker, app },
    run: (work) => time.run(work),
    jobs: (topic, partition) => time.run(readJobs(reader, topic, partition)),
  };
}

async function readJobs(kafka: Kafka, topic: string, partition: number): Promise<ReceivedJob[]> {
  const connection = await kafka.cluster.any("general");
  const jobs: ReceivedJob[] = [];
  for (let offset = 0; ; ) {
    const response: FetchResponse = await connection.send(
      fetchApi,
      {
        maxWaitMs: 0,
        sessionEpoch: -1,
        isolationLevel: 1,
        topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 1 << 20 }] }],
      },
      { maxVersion: 12 },
    );
    const answer = response.responses[0]?.partitions[0];
    const bytes = answer?.records;
    if (bytes == null || bytes.length === 0) return jobs;
    const fetched = readFetched(bytes as Uint8Array<ArrayBuffer>, offset, answer!.abortedTransactions ?? null, 1 << 24);
    jobs.push(...fetched.records.map((record) => new ReceivedJob(topic, partition, record)));
    offset = fetched.nextOffset;
  }
}

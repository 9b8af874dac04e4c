import { type FetchResponse, fetch as fetchApi } from "../../protocol/messages/01-fetch.ts";
import { type KafkaRecord, readFetched } from "../../protocol/records.ts";
import { type Broker, type BrokerOptions, startBroker } from "../../src/broker/mod.ts";
import type { KafkaError } from "../../src/client/errors.ts";
import { KafkaError as AnyKafkaError } from "../../src/client/errors.ts";
import { Kafka, type KafkaOptions } from "../../src/client/kafka.ts";
import { MemoryNetwork, type MemoryTransport } from "../../src/net/memory.ts";
import { type InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";

/** A client of the in-process broker, on a virtual clock. */
export interface ClientBench {
  readonly time: VirtualClock;
  readonly clock: InstanceClock;
  readonly network: MemoryNetwork;
  readonly transport: MemoryTransport;
  readonly broker: Broker;
  readonly kafka: Kafka;
  /** Another client, with a clock and a way into the network of its own. */
  client(options?: Partial<KafkaOptions>): Kafka;
  /** Lets virtual time pass until the work is done. */
  run<T>(work: Promise<T>): Promise<T>;
  /** What the work fails with. */
  failure(work: Promise<unknown>): Promise<KafkaError>;
  /** The values of a partition's records, as text. */
  values(topic: string, partition: number): Promise<(string | null)[]>;
  records(topic: string, partition: number): Promise<KafkaRecord[]>;
}

export interface BenchOptions {
  readonly broker?: BrokerOptions;
  readonly kafka?: Partial<KafkaOptions>;
  /** Partitions by topic. Default: t with 4. */
  readonly topics?: Readonly<Record<string, number>>;
  readonly seed?: number;
  /** The most milliseconds that a chunk may take on its way. Default 0. */
  readonly latency?: number;
}

interface Cleanup {
  after(fn: () => Promise<void>): void;
}

export async function startClientBench(t: Cleanup, options: BenchOptions = {}): Promise<ClientBench> {
  const time = new VirtualClock(options.seed);
  const { latency = 0 } = options;
  const network = new MemoryNetwork({ delay: () => Math.floor(time.random() * (latency + 1)) });
  const serverClock = time.instance();
  const serverTransport = network.transport(serverClock);
  const broker = await startBroker({
    ...{ host: "kafka", port: 9092, clock: serverClock, transport: serverTransport, ...options.broker },
  });
  for (const [name, partitions] of Object.entries(options.topics ?? { t: 4 }))
    await broker.createTopic(name, { partitions });
  const clients: Kafka[] = [];
  const client = (own: Partial<KafkaOptions> = {}): Kafka => {
    const clock = own.clock ?? time.instance();
    const made = new Kafka({
      brokers: broker.addresses,
      clock,
      transport: network.transport(clock),
      ...options.kafka,
      ...own,
    });
    clients.push(made);
    return made;
  };
  const clock = time.instance();
  const transport = network.transport(clock);
  const kafka = client({ clock, transport });
  const reader = new Kafka({ brokers: broker.addresses, clock: serverClock, transport: serverTransport });
  t.after(async () => {
    broker.faults.clear();
    await time.run(Promise.all([...clients, reader].map((one) => one.close())));
    await broker.close();
  });
  const records = (topic: string, partition: number): Promise<KafkaRecord[]> =>
    time.run(readAll(reader, broker, topic, partition));
  return {
    ...{ time, clock, network, transport, broker, kafka, client, records },
    run: (work) => time.run(work),
    failure: (work) => time.run(failureOf(work)),
    values: async (topic, partition) =>
      (await records(topic, partition)).map(({ value }) => value && text.decode(value)),
  };
}

const text = new TextDecoder();

/** What the work fails with; it must be one of the client's errors. */
export async function failureOf(work: Promise<unknown>): Promise<KafkaError> {
  let result: unknown;
  try {
    result = await work;
  } catch (error) {
    if (error instanceof AnyKafkaError) return error;
    throw error;
  }
  throw new Error(`it did not fail, but gave ${JSON.stringify(result)}`);
}

/** Reads a partition from its leader, past all that the client under test does. */
async function readAll(kafka: Kafka, broker: Broker, topic: string, partition: number): Promise<KafkaRecord[]> {
  const place = broker.topics().find(({ name }) => name === topic)!.partitions[partition]!;
  const [host, port] = broker.addresses[place.leaderId - 1]!.split(":") as [string, string];
  const connection = await kafka.cluster.at({ host, port: Number(port) }, "general");
  const records: KafkaRecord[] = [];
  for (let offset = place.logStartOffset; offset < place.logEndOffset; ) {
    const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: 1 << 20 }];
    const body = { maxWaitMs: 0, sessionEpoch: -1, topics: [{ topic, partitions }] };
    const response: FetchResponse = await connection.send(fetchApi, body, { maxVersion: 12 });
    const bytes = response.responses[0]!.partitions[0]!.records as Uint8Array<ArrayBuffer>;
    const fetched = readFetched(bytes, offset, null, 1 << 28);
    records.push(...fetched.records);
    offset = fetched.nextOffset;
  }
  return records;
}

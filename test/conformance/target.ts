import { type BrokerOptions, startBroker } from "../../src/broker/mod.ts";
import type { GroupProtocol } from "../../src/client/membership.ts";
import { Kafka, type KafkaOptions } from "../../src/client/mod.ts";
import { systemClock } from "../../src/net/clock.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import { tcp } from "../../src/net/tcp.ts";
import type { Transport } from "../../src/net/transport.ts";
import { deleteRecords } from "./delete-records.ts";
import { UnreliableTransport } from "./unreliable-transport.ts";

/** Whatever runs functions when a test has ended: a test's own context. */
export interface Cleanup {
  after(fn: () => Promise<void>): void;
}

/** A broker, or a cluster of them, that has to conform. */
export interface Target {
  readonly name: string;
  /** Those that its groups can speak. */
  readonly groupProtocols: readonly GroupProtocol[];
  /** The cluster for one test. It is let go of when that test ends. */
  open(t: Cleanup): Promise<TestCluster>;
}

interface ClusterParts {
  readonly brokers: readonly string[];
  readonly transport: Transport;
  /** The shortest session timeout (ms) that the brokers are sure to allow. */
  readonly sessionTimeout: number;
  readonly isInProcess: boolean;
  readonly deleteRecords: ((topic: string, partition: number, before: number) => Promise<void>) | undefined;
}

/** A cluster as one test sees it. Names, topics and clients are the test's own, and go with it. */
export class TestCluster {
  readonly brokers: readonly string[];
  readonly transport: Transport;
  readonly sessionTimeout: number;
  readonly isInProcess: boolean;
  readonly #parts: ClusterParts;
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #topics: string[] = [];
  readonly #clients: Kafka[] = [];
  #ownKafka: Kafka | undefined;

  constructor(t: Cleanup, parts: ClusterParts) {
    this.#parts = parts;
    this.brokers = parts.brokers;
    this.transport = parts.transport;
    this.sessionTimeout = parts.sessionTimeout;
    this.isInProcess = parts.isInProcess;
    t.after(() => this.#close());
  }

  /** Runs `closer` when the test ends, before anything that was set up earlier is closed. */
  onClose(closer: () => Promise<void>): void {
    this.#closers.unshift(closer);
  }

  async #close(): Promise<void> {
    for (const closer of this.#closers) await closer();
    const existing = (await this.kafka().admin().describeTopics(this.#topics)).filter(
      ({ errorCode }) => errorCode === 0,
    );
    await this.kafka()
      .admin()
      .deleteTopics(existing.map(({ name }) => name));
    await this.#ownKafka?.close();
  }

  /** A name that nothing else has. */
  fresh(what: string): string {
    return `conformance-${what}-${crypto.randomUUID()}`;
  }

  /** Notes a topic that the test creates itself, so that it is deleted with the test. */
  ownTopic(what = "topic"): string {
    return this.own(this.fresh(what));
  }

  /** Has a topic of this name deleted with the test. */
  own(name: string): string {
    this.#topics.push(name);
    return name;
  }

  /** Creates a topic. */
  async topic(partitions = 1, config: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = this.ownTopic();
    await this.kafka().admin().createTopics([{ name, partitions, config }]);
    return name;
  }

  /** The test's shared client. */
  kafka(): Kafka {
    this.#ownKafka ??= this.#client({ clientId: "conformance" });
    return this.#ownKafka;
  }

  #client(options: Partial<KafkaOptions>): Kafka {
    const kafka = new Kafka({ brokers: this.brokers, transport: this.transport, ...options });
    this.#clients.push(kafka);
    return kafka;
  }

  /** What its clients are at. */
  situation(): string {
    return JSON.stringify(this.#clients.map((kafka) => kafka.statistics()));
  }

  /** A client of its own, as another process has one. */
  otherKafka(options: Partial<KafkaOptions> = {}): Kafka {
    const kafka = this.#client(options);
    this.onClose(() => kafka.close());
    return kafka;
  }

  /** A client over a transport that the test can cut. */
  unreliableKafka(): { readonly kafka: Kafka; readonly transport: UnreliableTransport } {
    const transport = new UnreliableTransport(this.transport);
    return { kafka: this.otherKafka({ transport }), transport };
  }

  /** Deletes the records below `before`, as retention would. */
  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    if (this.#parts.deleteRecords !== undefined) await this.#parts.deleteRecords(topic, partition, before);
    else await deleteRecords(this.kafka(), topic, partition, before);
  }
}

/** Within what the in-process broker allows here, so that tests wait little. */
const SHORT_SESSION = 1_500;
/** Kafka's own default for `group.min.session.timeout.ms`. */
const SHORTEST_SESSION = 6_000;

async function inProcess(t: Cleanup, transport: Transport, options: BrokerOptions): Promise<TestCluster> {
  const broker = await startBroker({
    cleanerBackoff: 100,
    minSessionTimeout: SHORT_SESSION,
    groupConsumerSessionTimeout: SHORT_SESSION,
    groupConsumerHeartbeatInterval: SHORT_SESSION / 3,
    ...options,
  });
  const parts: ClusterParts = {
    brokers: broker.addresses,
    transport,
    sessionTimeout: SHORT_SESSION,
    isInProcess: true,
    deleteRecords: (topic, partition, before) => broker.deleteRecords(topic, partition, before),
  };
  const cluster = new TestCluster(
    {
      after: (fn) =>
        t.after(async () => {
          await fn();
          await broker.close();
        }),
    },
    parts,
  );
  return cluster;
}

/** The in-process broker, over memory. */
export const memoryTarget: Target = {
  name: "in process, memory",
  groupProtocols: ["classic", "consumer"],
  open: (t) => {
    const transport = new MemoryNetwork().transport(systemClock);
    return inProcess(t, transport, { transport, host: "kafka", port: 9092 });
  },
};

/** The in-process broker, as one that was upgraded and has not switched on what came with that (KIP-890). */
export const withoutEpochPerTransaction: Target = {
  name: "in process, transaction.version 0",
  groupProtocols: ["classic"],
  open: (t) => {
    const transport = new MemoryNetwork().transport(systemClock);
    return inProcess(t, transport, { transport, host: "kafka", port: 9092, features: { "transaction.version": 0 } });
  },
};

/** Three nodes of the in-process broker, over TCP. */
export const tcpTarget: Target = {
  name: "in process, TCP",
  groupProtocols: ["classic", "consumer"],
  open: (t) => inProcess(t, tcp, { port: 0, nodes: 3 }),
};

/** A real cluster at these addresses. */
export function clusterTarget(
  brokers: readonly string[],
  groupProtocols: readonly GroupProtocol[] = ["classic"],
): Target {
  const parts = {
    brokers,
    transport: tcp,
    sessionTimeout: SHORTEST_SESSION,
    isInProcess: false,
    deleteRecords: undefined,
  };
  const name = `cluster at ${brokers.join(", ")}`;
  return { name, groupProtocols, open: (t) => Promise.resolve(new TestCluster(t, parts)) };
}

/** The real cluster at these addresses, asked what its groups can speak. */
export async function probedTarget(brokers: readonly string[]): Promise<Target> {
  const kafka = new Kafka({ brokers });
  try {
    const hasConsumerProtocol = (await kafka.cluster.any("general")).feature("group.version") >= 1;
    return clusterTarget(brokers, hasConsumerProtocol ? ["classic", "consumer"] : ["classic"]);
  } finally {
    await kafka.close();
  }
}

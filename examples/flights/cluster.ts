import { startBroker } from "ottla/broker";
import { Kafka } from "ottla/kafka";

/** Where a run's jobs are kept. */
export interface Cluster {
  readonly brokers: readonly string[];
  /** Which it is, for people. */
  readonly description: string;
  /** The shortest session timeout that its brokers allow, in milliseconds. */
  readonly minSessionTimeout: number;
  close(): Promise<void>;
}

const MIN_SESSION_TIMEOUT = 3_000;

/** The cluster that KAFKA_BROKERS names; without one, a broker in this process that speaks the same protocol. */
export async function openCluster(kafkaBrokers: string | undefined): Promise<Cluster> {
  const brokers = (kafkaBrokers ?? "")
    .split(",")
    .map((address) => address.trim())
    .filter((address) => address !== "");
  if (brokers.length > 0) {
    // The default of Kafka's own group.min.session.timeout.ms.
    return { brokers, description: `Kafka at ${brokers.join(", ")}`, minSessionTimeout: 6_000, close: async () => {} };
  }
  const broker = await startBroker({
    port: 0,
    minSessionTimeout: MIN_SESSION_TIMEOUT,
    // Workers that start together share the partitions from the beginning. Kafka's own default is 3 s.
    groupInitialRebalanceDelay: 1_000,
  });
  return {
    brokers: [broker.address],
    description: `in this process, at ${broker.address} (or set KAFKA_BROKERS)`,
    minSessionTimeout: MIN_SESSION_TIMEOUT,
    close: () => broker.close(),
  };
}

/** Leaves a cluster as it was before the run. */
export async function deleteTopic(brokers: readonly string[], topic: string): Promise<void> {
  const kafka = new Kafka({ brokers, connectTimeout: 5_000 });
  try {
    await kafka.admin().deleteTopics([topic]);
  } finally {
    await kafka.close();
  }
}

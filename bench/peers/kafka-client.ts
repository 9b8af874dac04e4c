export interface PeerRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface PeerProducer {
  /** Resolves once all in-sync replicas have them. */
  send(records: readonly PeerRecord[]): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface PeerConsumer {
  close(): Promise<unknown>;
}

/** A Kafka client as its own guide uses it, without compression, with acks=all. */
export interface KafkaPeer {
  producer(topic: string): Promise<PeerProducer>;
  /** As a member of a new group, which commits what it has read. */
  consumer(topic: string, from: "earliest" | "latest", onValue: (value: Uint8Array) => void): Promise<PeerConsumer>;
}

export type OpenKafkaPeer = (brokers: readonly string[]) => Promise<KafkaPeer>;

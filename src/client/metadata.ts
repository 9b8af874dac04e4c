import type { MetadataResponse } from "../../protocol/messages/03-metadata.ts";
import type { NodeEndpoint } from "../../protocol/messages/leader-hints.ts";
import { isInProcessClusterId } from "../net/in-process.ts";
import type { Address } from "../net/transport.ts";

export interface PartitionMetadata {
  /** Node id of the leader, or -1. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly errorCode: number;
}

export interface TopicMetadata {
  readonly name: string;
  readonly topicId: string;
  readonly errorCode: number;
  /** By partition number. */
  readonly partitions: readonly PartitionMetadata[];
}

/** What is known of the cluster: who its brokers are and who leads what. */
export class Metadata {
  #nodes: ReadonlyMap<number, Address> = new Map();
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #names = new Map<string, string>();
  #clusterId: string | null = null;

  get nodes(): ReadonlyMap<number, Address> {
    return this.#nodes;
  }

  /** Whether the broker is one that runs in a process of this package. False until a broker has answered. */
  get isInProcess(): boolean {
    return isInProcessClusterId(this.#clusterId);
  }

  /** Takes in brokers that an answer named beside the leaders it told of (KIP-951), be they new or at another address. */
  learnNodes(endpoints: readonly NodeEndpoint[]): void {
    if (endpoints.length === 0) return;
    const learned = endpoints.map(({ nodeId, host, port }) => [nodeId, { host, port }] as const);
    this.#nodes = new Map([...this.#nodes, ...learned]);
  }

  forgetNodes(): void {
    this.#nodes = new Map();
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name);
  }

  /** The name of the topic that has this id now. */
  topicName(topicId: string): string | undefined {
    const name = this.#names.get(topicId);
    return name !== undefined && this.#topics.get(name)?.topicId === topicId ? name : undefined;
  }

  forget(topic: string): void {
    this.#names.delete(this.#topics.get(topic)?.topicId ?? "");
    this.#topics.delete(topic);
  }

  partition(topic: string, partition: number): PartitionMetadata | undefined {
    return this.#topics.get(topic)?.partitions[partition];
  }

  /** Node id of the partition's leader, or -1 where none is known. */
  leaderOf(topic: string, partition: number): number {
    return this.partition(topic, partition)?.leader ?? -1;
  }

  /** Takes in what a broker answered. Topics it did not speak of stay as they are. */
  update(response: MetadataResponse): void {
    this.#nodes = new Map(response.brokers.map((broker) => [broker.nodeId, { host: broker.host, port: broker.port }]));
    this.#clusterId = response.clusterId;
    for (const topic of response.topics) {
      if (topic.name === null) continue;
      const known = this.#topics.get(topic.name);
      const same = known !== undefined && known.topicId === topic.topicId ? known : undefined;
      const partitions: PartitionMetadata[] = [];
      for (const partition of topic.partitions) {
        const { partitionIndex, leaderId: leader, leaderEpoch, errorCode } = partition;
        if (partitionIndex < 0 || partitionIndex >= topic.partitions.length) continue;
        const before = same?.partitions[partitionIndex];
        // A broker that lags may tell of a leader that has been replaced since: the higher epoch stands.
        const stale = before !== undefined && leaderEpoch >= 0 && before.leaderEpoch > leaderEpoch;
        partitions[partitionIndex] = stale ? before : { leader, leaderEpoch, errorCode };
      }
      if (known !== undefined && same === undefined) this.#names.delete(known.topicId);
      this.#names.set(topic.topicId, topic.name);
      this.#topics.set(topic.name, {
        name: topic.name,
        topicId: topic.topicId,
        errorCode: topic.errorCode,
        partitions,
      });
    }
  }

  /** Takes in a leader that a produce or fetch answer named (KIP-951), where it is news. */
  moveLeader(topic: string, partition: number, leader: number, leaderEpoch: number): boolean {
    const known = this.#topics.get(topic);
    const before = known?.partitions[partition];
    if (known === undefined || before === undefined || leaderEpoch <= before.leaderEpoch) return false;
    const partitions = known.partitions.with(partition, { leader, leaderEpoch, errorCode: 0 });
    this.#topics.set(topic, { ...known, partitions });
    return true;
  }
}

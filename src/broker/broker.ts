import { ErrorCode, errorByCode } from "../../protocol/errors.ts";
import { formatAddress } from "../net/transport.ts";
import type { BrokerNode } from "./broker-node.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Faults } from "./faults.ts";
import { type GroupSummary, summariseGroup } from "./group-summary.ts";
import { cleaningRange, cleanLog } from "./log-cleaner.ts";
import { applyRetention } from "./log-retention.ts";
import type { Partition } from "./partition.ts";
import type { FaultMatch, ObservedRequest, RequestFaults } from "./request-faults.ts";
import type { Topic } from "./topic.ts";
import type { TopicConfigs } from "./topic-configs.ts";
import { planTopic, TopicRefused } from "./topic-creation.ts";

/** What the broker cannot do for its owner. `code` is Kafka's name for the error. */
export class BrokerError extends Error {
  override readonly name = "BrokerError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface CreateTopicOptions {
  /** Default: the broker's `defaultPartitions`. */
  readonly partitions?: number | undefined;
  /** Default: the broker's `defaultReplicationFactor`. */
  readonly replicationFactor?: number | undefined;
  /** By Kafka's names, values as text. */
  readonly configs?: TopicConfigs | undefined;
}

export interface TopicSummary {
  readonly name: string;
  readonly id: string;
  readonly partitions: readonly PartitionSummary[];
  /** What was given when it was created. */
  readonly configs: TopicConfigs;
}

export interface PartitionSummary {
  readonly index: number;
  /** -1: no node that has it is up. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly logStartOffset: number;
  /** The offset that the next record gets. */
  readonly logEndOffset: number;
}

/** A running broker: all its nodes, with their shared topics and groups. */
export class Broker implements AsyncDisposable {
  readonly #cluster: ClusterState;
  readonly #nodes: readonly BrokerNode[];
  readonly #requests: RequestFaults;
  /** Makes things go wrong, for tests. */
  readonly faults: Faults;

  constructor(cluster: ClusterState, nodes: readonly BrokerNode[], requests: RequestFaults, faults: Faults) {
    this.#cluster = cluster;
    this.#nodes = nodes;
    this.#requests = requests;
    this.faults = faults;
  }

  /** `host:port` of node 1. */
  get address(): string {
    return this.addresses[0]!;
  }
  /** `host:port` of all nodes, in the order of their ids. */
  get addresses(): readonly string[] {
    return this.#cluster.nodes.map(formatAddress);
  }

  /** Throws a {@link BrokerError} with code TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_CONFIG and such. */
  async createTopic(name: string, options: CreateTopicOptions = {}): Promise<void> {
    const configs = Object.entries(options.configs ?? {}).map(([key, value]) => ({ name: key, value }));
    const { partitions: numPartitions = -1, replicationFactor = -1 } = options;
    try {
      const planned = planTopic(this.#cluster, { name, numPartitions, replicationFactor, assignments: [], configs });
      this.#cluster.addTopic(planned.name, planned.replicas, planned.configs);
    } catch (error) {
      if (!(error instanceof TopicRefused)) throw error;
      throw new BrokerError(errorByCode(error.errorCode).name, `topic ${name} cannot be created: ${error.message}`);
    }
  }

  /** Deletes a topic, its records and the offsets committed for it. */
  async deleteTopic(name: string): Promise<void> {
    this.#cluster.deleteTopic(this.#topic(name));
  }

  /** All topics, by name. */
  topics(): readonly TopicSummary[] {
    return this.#cluster.topics.map(({ name, id, partitions, ownConfigs }) => ({
      name,
      id,
      partitions: partitions.map(summarise),
      configs: ownConfigs,
    }));
  }

  /** Deletes the records below an offset, as retention would. The offset may be up to the end of the log. */
  async deleteRecords(topic: string, partition: number, beforeOffset: number): Promise<void> {
    const found = this.#cluster.topicNamed(topic)?.partitions[partition];
    if (found === undefined) throw unknown(`there is no partition ${partition} of topic ${topic}`);
    if (!Number.isInteger(beforeOffset) || beforeOffset < 0 || beforeOffset > found.log.endOffset) {
      const message = `offset ${beforeOffset} of ${topic}-${partition}: its log ends at ${found.log.endOffset}`;
      throw new BrokerError(errorByCode(ErrorCode.OFFSET_OUT_OF_RANGE).name, message);
    }
    found.deleteBefore(beforeOffset);
  }

  /**
   * Compacts a topic now, as if all of it were due: the active segment ends, and neither the share that is new nor the
   * records' age matters. What tombstones and transactions have to wait for, they wait for. Throws a {@link BrokerError}
   * with code POLICY_VIOLATION where its `cleanup.policy` has no `compact`.
   */
  async compact(topic: string): Promise<void> {
    const { logRules, partitions } = this.#topic(topic);
    if (!logRules.compacts) {
      const message = `topic ${topic} is not compacted: its cleanup.policy has no compact`;
      throw new BrokerError(errorByCode(ErrorCode.POLICY_VIOLATION).name, message);
    }
    const rules = { ...logRules, minCompactionLagMs: 0 };
    const now = this.#cluster.clock.now();
    for (const partition of partitions) {
      partition.log.roll();
      for (const _ of cleanLog(partition, cleaningRange(partition, rules, now), rules, now));
    }
  }

  /** Deletes what a topic's `retention.ms` and `retention.bytes` want to be deleted now, not when it is next looked for. */
  async applyRetention(topic: string): Promise<void> {
    const { logRules, partitions } = this.#topic(topic);
    for (const partition of partitions) applyRetention(partition, logRules, this.#cluster.clock.now());
  }

  #topic(name: string): Topic {
    const topic = this.#cluster.topicNamed(name);
    if (topic === undefined) throw unknown(`there is no topic ${name}`);
    return topic;
  }

  /** All groups that have members or offsets, or had until some minutes ago. */
  groups(): readonly GroupSummary[] {
    return this.#cluster.groups.all.map((group) =>
      summariseGroup(group, this.#cluster.groups.coordinatorOf(group.groupId)),
    );
  }

  /** Calls `listener` with each request that is read, before it is handled, until the returned function is called. */
  observe(listener: (request: ObservedRequest) => void): () => void {
    return this.#requests.observe(listener);
  }

  /** Resolves with the next request that matches; `times` in `match` has no meaning here. */
  nextRequest(match: Omit<FaultMatch, "times">): Promise<ObservedRequest> {
    return this.#requests.next(match);
  }

  /** Stops all nodes and lets go of the data folder; what was in memory alone is gone. */
  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
    this.#cluster.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function unknown(message: string): BrokerError {
  return new BrokerError(errorByCode(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION).name, message);
}

function summarise({ index, leaderId, leaderEpoch, log }: Partition): PartitionSummary {
  return { index, leaderId, leaderEpoch, logStartOffset: log.startOffset, logEndOffset: log.endOffset };
}

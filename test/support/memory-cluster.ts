import type { AbortedTransaction } from "../../protocol/messages/01-fetch.ts";
import { parseProducerId } from "../../protocol/producer-id.ts";
import { type KafkaRecord, readFetched } from "../../protocol/records.ts";
import { Broker } from "../../src/broker/broker.ts";
import { BrokerNode } from "../../src/broker/broker-node.ts";
import { ClusterState, type NodeState } from "../../src/broker/cluster-state.ts";
import { Faults } from "../../src/broker/faults.ts";
import { FetchSessionCache } from "../../src/broker/fetch-session-cache.ts";
import { groupDefaults } from "../../src/broker/groups.ts";
import { handlers } from "../../src/broker/handlers/handlers.ts";
import type { Partition } from "../../src/broker/partition.ts";
import type { PartitionLog } from "../../src/broker/partition-log.ts";
import { RequestFaults } from "../../src/broker/request-faults.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import type { InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";

export interface MemoryClusterOptions {
  readonly nodes: number;
  /** Of both group protocols, in ms. */
  readonly session: number;
  /** Of the cluster, where they are to be others than the newest. */
  readonly features?: Readonly<Record<string, number>>;
  /** Milliseconds from a write to its arrival. Default 0. */
  readonly delay?: () => number;
}

/** A cluster in memory on a virtual clock, whose logs a test can look into without asking it anything. */
export class MemoryCluster {
  readonly network: MemoryNetwork;
  readonly clock: InstanceClock;
  readonly broker: Broker;
  readonly #state: ClusterState;
  readonly #nodes: readonly BrokerNode[];

  constructor(time: VirtualClock, { nodes, session, features = {}, delay }: MemoryClusterOptions) {
    this.network = new MemoryNetwork({ delay });
    this.clock = time.instance();
    const transport = this.network.transport(this.clock);
    const states = Array.from({ length: nodes }, (_, i): NodeState => {
      return { nodeId: i + 1, host: "kafka", port: 9092 + i, isUp: true };
    });
    this.#state = new ClusterState(
      {
        ...{ clock: this.clock, clusterId: "bench", autoCreateTopics: false, topicDefaults: {}, features },
        ...{ transactionMaxTimeoutMs: 900_000, transactionalIdExpirationMs: 604_800_000 },
        ...{ defaultPartitions: 1, defaultReplicationFactor: 1 },
        groups: {
          ...groupDefaults,
          minSessionTimeoutMs: 3_000,
          consumerSessionTimeoutMs: session,
          consumerHeartbeatIntervalMs: session / 3,
        },
      },
      states,
    );
    const faults = new RequestFaults();
    const host = { cluster: this.#state, faults, maxRequestBytes: 1 << 27, log: () => undefined };
    this.#nodes = states.map((state) => {
      const fetchSessions = new FetchSessionCache(this.clock, 1000);
      return new BrokerNode(state, "kafka", transport, { ...host, fetchSessions, nodeId: state.nodeId });
    });
    const apis = new Set([...handlers.values()].map((handler) => handler.api.name));
    this.broker = new Broker(this.#state, this.#nodes, faults, new Faults(faults, this.#state, this.#nodes, apis));
  }

  async start(): Promise<void> {
    for (const node of this.#nodes) await node.start();
  }

  get topicNames(): readonly string[] {
    return this.#state.topics.map(({ name }) => name);
  }

  partitions(topic: string): readonly Partition[] {
    return this.#state.topicNamed(topic)!.partitions;
  }

  log(topic: string, partition: number): PartitionLog {
    return this.partitions(topic)[partition]!.log;
  }

  /** The records that a partition's log has, markers left out, aborted ones not. */
  records(topic: string, partition: number): KafkaRecord[] {
    return this.#read(topic, partition, 0, null, Number.MAX_SAFE_INTEGER);
  }

  /** The records of a partition that readers of what is committed see. */
  committedRecords(topic: string, partition: number): KafkaRecord[] {
    const { transactions, lastStableOffset } = this.partitions(topic)[partition]!;
    return this.#read(topic, partition, 0, transactions.aborted, lastStableOffset);
  }

  /** The records of a partition, from an offset on, that are committed: those too that wait for an earlier transaction to end. */
  decidedRecords(topic: string, partition: number, from: number): KafkaRecord[] {
    const { transactions, log } = this.partitions(topic)[partition]!;
    const { open } = transactions.snapshot(from) as unknown as { readonly open: readonly [string, number][] };
    const undecided = open.map(([id, firstOffset]) => ({ producerId: parseProducerId(id), firstOffset }));
    const aborted = transactions.abortedIn(from, log.endOffset);
    return this.#read(topic, partition, from, [...aborted, ...undecided], log.endOffset);
  }

  #read(
    topic: string,
    partition: number,
    from: number,
    aborted: readonly AbortedTransaction[] | null,
    end: number,
  ): KafkaRecord[] {
    const { records } = this.log(topic, partition).read(from, Number.MAX_SAFE_INTEGER, true);
    const bytes = new Uint8Array("writeTo" in records ? records.byteLength : records.length);
    if ("writeTo" in records) records.writeTo(bytes, 0);
    else bytes.set(records);
    const all = bytes.length === 0 ? [] : readFetched(bytes, from, aborted, 1 << 27).records;
    return all.filter(({ offset }) => offset < end);
  }

  /** Adds a partition, as an administrator would. */
  addPartition(topic: string): void {
    this.#state.growTopic(this.#state.topicNamed(topic)!, [[1]]);
  }

  /** Commits from outside of a group. */
  commit(group: string, topic: string, partition: number, offset: number, metadata: string): void {
    this.#state.groups.obtain(group).offsets.set(topic, partition, {
      ...{ offset, leaderEpoch: -1, metadata },
      committedAt: this.#state.clock.now(),
    });
  }

  /** A group's offset. */
  committed(
    groupId: string,
    topic: string,
    partition: number,
  ): { readonly offset: number; readonly metadata: string } | undefined {
    return this.#state.groups.find(groupId)?.offsets.get(topic, partition);
  }
}

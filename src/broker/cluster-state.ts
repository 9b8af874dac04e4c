import { ErrorCode } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../protocol/field.ts";
import type { TransactionMarker } from "../../protocol/transaction-marker.ts";
import type { Clock } from "../net/clock.ts";
import { inProcessClusterId } from "../net/in-process.ts";
import { ClusterStore, type StoredTopic } from "./cluster-store.ts";
import type { GroupTopics } from "./consumer-group-subscriptions.ts";
import { CoordinatorChoice } from "./coordinator-choice.ts";
import { type FeatureLevels, Features } from "./features.ts";
import { GroupStore } from "./group-store.ts";
import { createGroups, type GroupSettings, type Groups } from "./groups.ts";
import { LogUpkeep, type LogUpkeepOptions, logUpkeepDefaults } from "./log-upkeep.ts";
import { Partition } from "./partition.ts";
import type { Storage } from "./storage.ts";
import { Topic } from "./topic.ts";
import type { TopicConfigs } from "./topic-configs.ts";
import { Transactions } from "./transactions.ts";

/** A node as clients are told of it. */
export interface NodeState {
  readonly nodeId: number;
  host: string;
  port: number;
  isUp: boolean;
  /** Where it stands, so that readers nearby can be sent to it (KIP-392). */
  readonly rack?: string | undefined;
}

export interface ClusterSettings {
  readonly clock: Clock;
  readonly clusterId: string | undefined;
  readonly autoCreateTopics: boolean;
  readonly defaultPartitions: number;
  readonly defaultReplicationFactor: number;
  readonly topicDefaults: TopicConfigs;
  readonly features: FeatureLevels;
  readonly groups: GroupSettings;
  /** Default: everything is kept in memory alone. */
  readonly storage?: Storage | undefined;
  readonly logs?: Partial<LogUpkeepOptions> | undefined;
  /** The longest timeout that a transaction may have, in ms (`transaction.max.timeout.ms`). */
  readonly transactionMaxTimeoutMs: number;
  /** How long a transactional id is kept that nobody uses, in ms (`transactional.id.expiration.ms`). */
  readonly transactionalIdExpirationMs: number;
}

/** A topic that cannot be found, as a Kafka error code. */
export type TopicLookup = Topic | number;

/** Everything that the nodes share: topics with their records, groups with their offsets, transactional ids. */
export class ClusterState {
  readonly clusterId: string;
  readonly settings: ClusterSettings;
  readonly nodes: readonly NodeState[];
  readonly features: Features;
  readonly groups: Groups;
  readonly transactions: Transactions;
  readonly #store: ClusterStore;
  readonly #upkeep: LogUpkeep;
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<string, Topic>();
  #topicsVersion = 0;
  #nextFirstReplica = 0;

  /** Throws a {@link StorageError} where what is stored cannot be read. */
  constructor(settings: ClusterSettings, nodes: readonly NodeState[]) {
    this.settings = settings;
    this.nodes = nodes;
    this.features = new Features(settings.features);
    this.#store = new ClusterStore(settings.storage);
    this.clusterId = this.#store.clusterId(() => settings.clusterId ?? inProcessClusterId(settings.clock.uuid()));
    this.#upkeep = new LogUpkeep(settings.clock, () => this.#byName.values(), {
      ...logUpkeepDefaults,
      ...settings.logs,
    });
    this.#loadTopics();
    const coordinators = new CoordinatorChoice(() => this.liveNodes());
    const groupStore = new GroupStore(this.#store.journal("groups"));
    this.groups = createGroups(settings.clock, settings.groups, this.#groupTopics(), coordinators, groupStore);
    this.transactions = this.#createTransactions();
    this.transactions.resume();
  }

  /** What groups follow: which topics there are, and how large they are. */
  #groupTopics(): GroupTopics {
    const version = (): number => this.#topicsVersion;
    return {
      get version() {
        return version();
      },
      all: () => this.#byName.values(),
      named: (name) => this.#byName.get(name),
      byId: (id) => this.#byId.get(id),
    };
  }

  #createTransactions(): Transactions {
    const host = {
      clock: this.settings.clock,
      maxTimeoutMs: this.settings.transactionMaxTimeoutMs,
      idExpirationMs: this.settings.transactionalIdExpirationMs,
      bumpsEpoch: () => this.features.level("transaction.version") >= 2,
      newProducerId: () => this.nextProducerId(),
      journal: this.#store.journal("transactions"),
      writeMarker: (topic: string, index: number, marker: TransactionMarker) => {
        const partition = this.#byName.get(topic)?.partitions[index];
        if (partition?.leaderId === -1) return false;
        partition?.appendMarker(marker, this.settings.clock.now());
        return true;
      },
      endOffsets: (groupId: string, { producerId, committed }: TransactionMarker) => {
        this.groups.find(groupId)?.offsets.endTransaction(producerId, committed);
      },
    };
    return new Transactions(host, new CoordinatorChoice(() => this.liveNodes()));
  }

  get clock(): Clock {
    return this.settings.clock;
  }
  /** All topics, by name. */
  get topics(): readonly Topic[] {
    return [...this.#byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  /** The node that is asked for administration: the first that is up, or -1. */
  get controllerId(): number {
    return this.liveNodes()[0]?.nodeId ?? -1;
  }

  liveNodes(): NodeState[] {
    return this.nodes.filter((node) => node.isUp);
  }
  topicNamed(name: string): Topic | undefined {
    return this.#byName.get(name);
  }
  topicById(id: string): Topic | undefined {
    return this.#byId.get(id);
  }
  /** A topic as requests name it: by id where they give one. */
  lookUp(name: string | null, id: string): TopicLookup {
    if (id !== ZERO_UUID) return this.#byId.get(id) ?? ErrorCode.UNKNOWN_TOPIC_ID;
    return this.#byName.get(name ?? "") ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }

  /** Adds a topic whose name, counts and configuration are right. `replicas`: one list of nodes a partition. */
  addTopic(name: string, replicas: readonly (readonly number[])[], configs: TopicConfigs): Topic {
    const id = this.clock.uuid();
    this.#store.keepTopic({ id, name, configs, replicas });
    return this.#openTopic({ id, name, configs, replicas });
  }

  /** A topic with what was kept of its partitions. */
  #openTopic({ id, name, configs, replicas }: StoredTopic): Topic {
    const partitions = replicas.map((nodes, index) => this.#openPartition(id, name, index, nodes));
    const topic = new Topic(name, id, partitions, configs, this.settings.topicDefaults, (changed) =>
      this.#keep(changed),
    );
    this.#topicsVersion += 1;
    this.#byName.set(name, topic);
    this.#byId.set(id, topic);
    for (const partition of partitions) this.#watch(topic, partition);
    if (partitions.some(({ log }) => log.size > 0)) this.#upkeep.changed(topic.logRules);
    return topic;
  }

  #openPartition(topicId: string, name: string, index: number, nodes: readonly number[]): Partition {
    return new Partition(name, index, nodes, this.#firstLive(nodes), this.#store.partition(topicId, index));
  }

  #watch(topic: Topic, partition: Partition): void {
    partition.onChange(() => this.#upkeep.changed(topic.logRules));
  }

  #keep(topic: Topic): void {
    const { id, name, ownConfigs, partitions, logRules } = topic;
    this.#upkeep.changed(logRules);
    this.#store.keepTopic({ id, name, configs: ownConfigs, replicas: partitions.map(({ replicas }) => replicas) });
  }

  #loadTopics(): void {
    const topics = this.#store.topics.map((stored) => this.#openTopic(stored));
    this.#store.beginEpochs(
      topics.flatMap((topic) =>
        topic.partitions.map(({ index, leaderEpoch: epoch }) => ({ topicId: topic.id, index, epoch })),
      ),
    );
  }

  /** Adds partitions to a topic. `replicas`: one list of nodes a partition. */
  growTopic(topic: Topic, replicas: readonly (readonly number[])[]): void {
    const first = topic.partitions.length;
    this.#topicsVersion += 1;
    const added = replicas.map((nodes, n) => this.#openPartition(topic.id, topic.name, first + n, nodes));
    for (const partition of added) this.#watch(topic, partition);
    topic.grow(added);
  }

  deleteTopic(topic: Topic): void {
    this.#store.removeTopic(topic.id);
    this.#topicsVersion += 1;
    this.#byName.delete(topic.name);
    this.#byId.delete(topic.id);
    this.groups.forgetTopic(topic.name);
    for (const partition of topic.partitions) partition.wake();
    this.transactions.clusterChanged();
  }

  /** Spreads partitions over the nodes that are up, each on `replicationFactor` of them. */
  place(partitions: number, replicationFactor: number): number[][] {
    const ids = this.liveNodes().map((node) => node.nodeId);
    const first = this.#nextFirstReplica;
    this.#nextFirstReplica += partitions;
    return Array.from({ length: partitions }, (_, index) =>
      Array.from({ length: replicationFactor }, (_, n) => ids[(first + index + n) % ids.length]!),
    );
  }

  nextProducerId(): number {
    return this.#store.nextProducerId();
  }

  /** A node went down or came up: its partitions get a leader that is up, as a controller would decide. */
  setUp(nodeId: number, isUp: boolean): void {
    const node = this.nodes.find((one) => one.nodeId === nodeId)!;
    node.isUp = isUp;
    for (const topic of this.#byName.values()) {
      for (const partition of topic.partitions) {
        if (this.#isUp(partition.leaderId)) continue;
        const leaderId = this.#firstLive(partition.replicas);
        if (leaderId !== partition.leaderId) partition.lead(leaderId);
      }
    }
    this.groups.nodesChanged();
    this.transactions.clusterChanged();
  }

  /** Stops all timers and lets go of the storage. */
  close(): void {
    this.#upkeep.close();
    this.groups.close();
    this.transactions.close();
    this.#store.close();
  }

  /** How many of the partition's nodes are up: all of those are in sync. */
  inSync(partition: Partition): number[] {
    return partition.replicas.filter((nodeId) => this.#isUp(nodeId));
  }

  /** The replica in sync that a reader in this rack is to read from instead of the leader; undefined: the leader. */
  closestReplica(partition: Partition, rack: string): number | undefined {
    const isThere = (nodeId: number): boolean =>
      this.nodes.some((node) => node.nodeId === nodeId && node.rack === rack);
    return isThere(partition.leaderId) ? undefined : this.inSync(partition).find(isThere);
  }

  #isUp(nodeId: number): boolean {
    return this.nodes.some((node) => node.nodeId === nodeId && node.isUp);
  }
  #firstLive(replicas: readonly number[]): number {
    return replicas.find((nodeId) => this.#isUp(nodeId)) ?? -1;
  }
}

import { metadata as metadataApi } from "../../protocol/messages/03-metadata.ts";
import { sleep } from "../net/clock.ts";
import type { Connection } from "../net/connection.ts";
import type { Address } from "../net/transport.ts";
import { backoffDelay } from "./backoff.ts";
import { type Cluster, patienceWith } from "./cluster.ts";
import { Coordinator } from "./coordinator.ts";
import { ClosedError, KafkaError, ProtocolError } from "./errors.ts";
import { groupBy } from "./group-by.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** Asks a broker once; throws a `KafkaError` where it refuses. */
export type Ask<T> = (connection: Connection) => Promise<T>;

/** One thing of many that a request was about, and why it failed. */
export interface Failure<Item> {
  readonly item: Item;
  readonly error: KafkaError;
}

/** Takes administrative requests to the broker that they are for, again and again while they fail in ways that pass. */
export class AdminCalls {
  readonly cluster: Cluster;
  readonly #timeout: number;

  /** `timeout`: milliseconds until a call is given up. */
  constructor(cluster: Cluster, timeout: number) {
    this.cluster = cluster;
    this.#timeout = timeout;
  }

  /** Whichever broker answers. */
  any<T>(ask: Ask<T>): Promise<T> {
    return this.#repeat(async () => ask(await this.cluster.any("general")));
  }

  /** Only the controller makes changes; where brokers pass requests on to it (KRaft), any is named for it. */
  controller<T>(ask: Ask<T>): Promise<T> {
    return this.#repeat(async () => {
      const connection = await this.cluster.any("general");
      const { brokers, controllerId } = await connection.send(metadataApi, {
        topics: [],
        allowAutoTopicCreation: false,
      });
      const controller = brokers.find(({ nodeId }) => nodeId === controllerId);
      return ask(controller === undefined ? connection : await this.#at(controller));
    });
  }

  /** The broker with this id. */
  node<T>(nodeId: number, ask: Ask<T>): Promise<T> {
    return this.#repeat(async () => {
      const broker = (await this.#brokers()).find((one) => one.nodeId === nodeId);
      if (broker !== undefined) return ask(await this.#at(broker));
      throw new KafkaError("BROKER_NOT_AVAILABLE", `the cluster has no broker ${nodeId}`, false, {
        broker: String(nodeId),
      });
    });
  }

  /** Every broker: each knows only its own part. */
  async everyNode<T>(ask: Ask<T>): Promise<T[]> {
    const brokers = await this.#repeat(() => this.#brokers());
    return Promise.all(brokers.map((broker) => this.#repeat(async () => ask(await this.#at(broker)))));
  }

  /** The coordinator of a group. */
  coordinator<T>(groupId: string, ask: Ask<T>): Promise<T> {
    return new Coordinator(this.cluster, groupId).retry("general", this.#timeout, undefined, ask);
  }

  /**
   * The leaders of partitions, each for its own, until every partition has its answer. `ask` gives the failures;
   * rejects with the first that does not pass.
   */
  async leaders<Item extends TopicPartition>(
    items: readonly Item[],
    ask: (connection: Connection, items: readonly Item[]) => Promise<readonly Failure<Item>[]>,
  ): Promise<void> {
    let left = items;
    const refresh = (): Promise<void> => this.cluster.refresh([...new Set(left.map(({ topic }) => topic))]);
    await this.#repeat(async () => {
      await refresh();
      const byLeader = groupBy(left, (item) => this.cluster.metadata.leaderOf(item.topic, item.partition));
      const failures = (
        await Promise.all([...byLeader].map(([leader, list]) => this.#askLeader(leader, list, ask)))
      ).flat();
      left = failures.map(({ item }) => item);
      const worst = failures.find(({ error }) => !error.retriable) ?? failures[0];
      if (worst !== undefined) throw worst.error;
    });
  }

  async #askLeader<Item extends TopicPartition>(
    leader: number,
    items: readonly Item[],
    ask: (connection: Connection, items: readonly Item[]) => Promise<readonly Failure<Item>[]>,
  ): Promise<readonly Failure<Item>[]> {
    if (leader < 0) return items.map((item) => ({ item, error: this.#leaderless(item) }));
    try {
      return await ask(await this.cluster.node(leader, "general"), items);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return items.map((item) => ({ item, error }));
    }
  }

  #leaderless({ topic, partition }: TopicPartition): KafkaError {
    const { metadata } = this.cluster;
    const what = `partition ${partitionKey(topic, partition)}`;
    const errorCode = metadata.topic(topic)?.errorCode ?? 0;
    if (errorCode !== 0) return new ProtocolError(errorCode, what, { topic, partition });
    if (metadata.partition(topic, partition) !== undefined)
      return new KafkaError("LEADER_NOT_AVAILABLE", `${what} has no leader now`, true, { topic, partition });
    return new KafkaError("UNKNOWN_TOPIC_OR_PARTITION", `there is no ${what}`, false, { topic, partition });
  }

  async #brokers(): Promise<readonly (Address & { readonly nodeId: number })[]> {
    const connection = await this.cluster.any("general");
    return (await connection.send(metadataApi, { topics: [], allowAutoTopicCreation: false })).brokers;
  }

  #at({ host, port }: Address): Promise<Connection> {
    return this.cluster.at({ host, port }, "general");
  }

  async #repeat<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock, options } = this.cluster;
    const start = clock.monotonic();
    for (let failures = 1; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        if (this.cluster.closed) throw new ClosedError("the Kafka client");
        const wait = backoffDelay(options.retryBackoff, failures, clock);
        if (!(error instanceof KafkaError && error.retriable)) throw error;
        if (clock.monotonic() + wait - start >= patienceWith(error, this.#timeout)) throw error;
        await sleep(clock, wait);
      }
    }
  }
}

import { metadata } from "../../protocol/messages/03-metadata.ts";
import { createTopics } from "../../protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../protocol/messages/20-delete-topics.ts";
import { sleep } from "../net/clock.ts";
import type { Connection } from "../net/connection.ts";
import type { Cluster } from "./cluster.ts";
import { KafkaError, ProtocolError, TimeoutError } from "./errors.ts";

/** A topic to create. */
export interface NewTopic {
  readonly name: string;
  /** Default: what the broker is set to. */
  readonly partitions?: number | undefined;
  /** Default: what the broker is set to. */
  readonly replicationFactor?: number | undefined;
  /** Topic configuration, as `{ "retention.ms": "-1" }`. */
  readonly config?: Readonly<Record<string, string>> | undefined;
}

/** A topic as the cluster has it. */
export interface TopicDescription {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: number;
  /** 0, or Kafka's error: 3 where there is no such topic. */
  readonly errorCode: number;
  /** Whether every partition has a leader. */
  readonly isReady: boolean;
}

/** Longest wait (ms) for new topics to get leaders, and for deleted ones to go. */
const SETTLE_TIMEOUT = 15_000;
const SETTLE_PAUSE = 50;
const LAST_DELETE_BY_NAME = 5;
/** How much longer (ms) than the time a broker is given for its work the answer is waited for. */
const ANSWER_GRACE = 5_000;

/** Looks after topics. */
export class Admin {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Every topic that is not one of Kafka's own. */
  async listTopics(): Promise<TopicDescription[]> {
    return this.#describe(null);
  }

  /** The topics of these names; one that does not exist has `errorCode` 3. */
  describeTopics(names: readonly string[]): Promise<TopicDescription[]> {
    return names.length === 0 ? Promise.resolve([]) : this.#describe(names);
  }

  async #describe(names: readonly string[] | null): Promise<TopicDescription[]> {
    const connection = await this.#cluster.any("general");
    const response = await connection.send(metadata, {
      topics: names?.map((name) => ({ name })) ?? null,
      allowAutoTopicCreation: false,
    });
    if (response.errorCode !== 0)
      throw new ProtocolError(response.errorCode, "metadata", { broker: connection.broker });
    return response.topics
      .filter((topic) => topic.name !== null && (names !== null || !topic.isInternal))
      .map((topic) => ({
        name: topic.name!,
        topicId: topic.topicId,
        partitions: topic.partitions.length,
        errorCode: topic.errorCode,
        isReady: topic.errorCode === 0 && topic.partitions.every((partition) => partition.leaderId >= 0),
      }));
  }

  /** Only the controller makes and deletes topics; where brokers pass requests on to it (KRaft), any is named for it. */
  async #controller(): Promise<Connection> {
    const connection = await this.#cluster.any("general");
    const { brokers, controllerId } = await connection.send(metadata, { topics: [], allowAutoTopicCreation: false });
    const controller = brokers.find(({ nodeId }) => nodeId === controllerId);
    if (controller === undefined) return connection;
    return this.#cluster.at({ host: controller.host, port: controller.port }, "general");
  }

  /** Creates topics, and resolves once all their partitions have leaders. One error names every topic that failed. */
  async createTopics(topics: readonly NewTopic[]): Promise<void> {
    if (topics.length === 0) return;
    const connection = await this.#controller();
    const { requestTimeout } = this.#cluster.options;
    const body: Parameters<typeof createTopics.request.encode>[2] = {
      timeoutMs: requestTimeout,
      topics: topics.map(({ name, partitions, replicationFactor, config }) => ({
        name,
        numPartitions: partitions ?? -1,
        replicationFactor: replicationFactor ?? -1,
        configs: Object.entries(config ?? {}).map(([key, value]) => ({ name: key, value })),
      })),
    };
    const response = await connection.send(createTopics, body, { timeout: requestTimeout + ANSWER_GRACE });
    refuse("create", response.topics, connection.broker);
    const names = topics.map(({ name }) => name);
    await this.#settled(names, (found) => found.every(({ isReady }) => isReady), "got leaders");
    await this.#cluster.refresh(names);
  }

  /** Deletes topics with all their records, and resolves once they are gone. */
  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const connection = await this.#controller();
    const { requestTimeout } = this.#cluster.options;
    const body = { topicNames: [...names], timeoutMs: requestTimeout };
    const options = { maxVersion: LAST_DELETE_BY_NAME, timeout: requestTimeout + ANSWER_GRACE };
    const response = await connection.send(deleteTopics, body, options);
    refuse("delete", response.responses, connection.broker);
    await this.#settled(names, (found) => found.every(({ errorCode }) => errorCode !== 0), "disappeared");
    await this.#cluster.refresh(names);
  }

  async #settled(names: readonly string[], done: (found: TopicDescription[]) => boolean, what: string): Promise<void> {
    const { clock } = this.#cluster;
    const deadline = clock.monotonic() + SETTLE_TIMEOUT;
    for (let cause: unknown; ; await sleep(clock, SETTLE_PAUSE)) {
      try {
        if (done(await this.#describe(names))) return;
      } catch (error) {
        if (!(error instanceof KafkaError && error.retriable)) throw error;
        cause = error;
      }
      if (clock.monotonic() <= deadline) continue;
      const message = `topics ${names.join(", ")} have not ${what} within ${SETTLE_TIMEOUT} ms`;
      throw new TimeoutError("REQUEST_TIMED_OUT", message, { cause });
    }
  }
}

interface TopicOutcome {
  readonly name: string | null;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

function refuse(action: string, outcomes: readonly TopicOutcome[], broker: string): void {
  const failures = outcomes
    .filter(({ errorCode }) => errorCode !== 0)
    .map(({ name, errorCode, errorMessage }) => {
      const what = `${action} topic ${name}${errorMessage ? ` (${errorMessage})` : ""}`;
      return new ProtocolError(errorCode, what, { topic: name ?? undefined, broker });
    });
  const [first] = failures;
  if (first === undefined) return;
  if (failures.length === 1) throw first;
  const retriable = failures.every((failure) => failure.retriable);
  throw new KafkaError(first.code, failures.map((failure) => failure.message).join("; "), retriable, {
    broker,
    cause: first,
  });
}

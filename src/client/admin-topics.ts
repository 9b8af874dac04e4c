import { metadata } from "../../protocol/messages/03-metadata.ts";
import { createTopics as createTopicsApi } from "../../protocol/messages/19-create-topics.ts";
import { deleteTopics as deleteTopicsApi } from "../../protocol/messages/20-delete-topics.ts";
import { createPartitions as createPartitionsApi } from "../../protocol/messages/37-create-partitions.ts";
import { sleep } from "../net/clock.ts";
import type { AdminCalls } from "./admin-calls.ts";
import { refuseFailed } from "./admin-outcomes.ts";
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
  /** Where each partition is, by its number. */
  readonly replicas: readonly PartitionReplicas[];
}

export interface PartitionReplicas {
  /** Node id; -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  /** Node ids, the preferred leader first. */
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
  readonly offline: readonly number[];
}

/** How many partitions a topic is to have in all. */
export interface NewPartitions {
  readonly topic: string;
  readonly count: number;
  /** The nodes of each new partition, its preferred leader first. Default: the broker decides. */
  readonly assignments?: readonly (readonly number[])[] | undefined;
}

/** Longest wait (ms) for new topics to get leaders, and for deleted ones to go. */
const SETTLE_TIMEOUT = 15_000;
const SETTLE_PAUSE = 50;
const LAST_DELETE_BY_NAME = 5;
/** How much longer (ms) than the time a broker is given for its work the answer is waited for. */
const ANSWER_GRACE = 5_000;

/** The topics of these names, or all that are not Kafka's own. */
export function describeTopics(calls: AdminCalls, names: readonly string[] | null): Promise<TopicDescription[]> {
  return calls.any(async (connection) => {
    const response = await connection.send(metadata, {
      topics: names?.map((name) => ({ name })) ?? null,
      allowAutoTopicCreation: false,
    });
    if (response.errorCode !== 0)
      throw new ProtocolError(response.errorCode, "metadata", { broker: connection.broker });
    return response.topics
      .filter((topic) => topic.name !== null && (names !== null || !topic.isInternal))
      .map(({ name, topicId, errorCode, partitions }) => ({
        name: name!,
        topicId,
        partitions: partitions.length,
        errorCode,
        isReady: errorCode === 0 && partitions.every((partition) => partition.leaderId >= 0),
        replicas: partitions
          .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
          .map(
            ({ leaderId: leader, leaderEpoch, replicaNodes: replicas, isrNodes: inSync, offlineReplicas: offline }) => {
              return { leader, leaderEpoch, replicas, inSync, offline };
            },
          ),
      }));
  });
}

/** Resolves once every broker knows the topic. */
export async function awaitTopic(calls: AdminCalls, name: string): Promise<void> {
  await calls.everyNode(async (connection) => {
    const { topics } = await connection.send(metadata, { topics: [{ name }], allowAutoTopicCreation: false });
    const errorCode = topics[0]?.errorCode ?? 0;
    if (errorCode !== 0) throw new ProtocolError(errorCode, `metadata of topic ${name}`, { topic: name });
  });
}

/** Creates topics, and resolves once all their partitions have leaders. */
export async function createTopics(calls: AdminCalls, topics: readonly NewTopic[]): Promise<void> {
  if (topics.length === 0) return;
  const { requestTimeout } = calls.cluster.options;
  let left = topics;
  await calls.controller(async (connection) => {
    const body = {
      timeoutMs: requestTimeout,
      topics: left.map(({ name, partitions, replicationFactor, config }) => ({
        name,
        numPartitions: partitions ?? -1,
        replicationFactor: replicationFactor ?? -1,
        configs: Object.entries(config ?? {}).map(([key, value]) => ({ name: key, value })),
      })),
    };
    const response = await connection.send(createTopicsApi, body, { timeout: requestTimeout + ANSWER_GRACE });
    left = left.filter(({ name }) => !isDone(response.topics, name));
    refuse("create", response.topics, connection.broker);
  });
  const names = topics.map(({ name }) => name);
  await settled(calls, names, (found) => found.every(({ isReady }) => isReady), "got leaders");
}

/** Deletes topics with all their records, and resolves once they are gone. */
export async function deleteTopics(calls: AdminCalls, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { requestTimeout } = calls.cluster.options;
  let left = names;
  await calls.controller(async (connection) => {
    const body = { topicNames: [...left], timeoutMs: requestTimeout };
    const options = { maxVersion: LAST_DELETE_BY_NAME, timeout: requestTimeout + ANSWER_GRACE };
    const { responses } = await connection.send(deleteTopicsApi, body, options);
    left = left.filter((name) => !isDone(responses, name));
    refuse("delete", responses, connection.broker);
  });
  await settled(calls, names, (found) => found.every(({ errorCode }) => errorCode !== 0), "disappeared");
}

/** Gives topics more partitions, and resolves once the new ones have leaders. */
export async function createPartitions(calls: AdminCalls, topics: readonly NewPartitions[]): Promise<void> {
  if (topics.length === 0) return;
  const { requestTimeout } = calls.cluster.options;
  let left = topics;
  await calls.controller(async (connection) => {
    const body = {
      timeoutMs: requestTimeout,
      topics: left.map(({ topic, count, assignments }) => ({
        name: topic,
        count,
        assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null,
      })),
    };
    const response = await connection.send(createPartitionsApi, body, { timeout: requestTimeout + ANSWER_GRACE });
    left = left.filter(({ topic }) => !isDone(response.results, topic));
    refuse("add partitions to", response.results, connection.broker);
  });
  const wanted = new Map(topics.map(({ topic, count }) => [topic, count]));
  const isThere = ({ name, isReady, partitions }: TopicDescription): boolean =>
    isReady && partitions >= wanted.get(name)!;
  await settled(calls, [...wanted.keys()], (found) => found.every(isThere), "got leaders for all partitions");
}

async function settled(
  calls: AdminCalls,
  names: readonly string[],
  done: (found: TopicDescription[]) => boolean,
  what: string,
): Promise<void> {
  const { clock } = calls.cluster;
  const deadline = clock.monotonic() + SETTLE_TIMEOUT;
  for (let cause: unknown; ; await sleep(clock, SETTLE_PAUSE)) {
    try {
      if (done(await describeTopics(calls, names))) break;
    } catch (error) {
      if (!(error instanceof KafkaError && error.retriable)) throw error;
      cause = error;
    }
    if (clock.monotonic() <= deadline) continue;
    const message = `topics ${names.join(", ")} have not ${what} within ${SETTLE_TIMEOUT} ms`;
    throw new TimeoutError("REQUEST_TIMED_OUT", message, { cause });
  }
  // What the client itself knows of them is now old.
  await calls.cluster.refresh(names);
}

interface TopicOutcome {
  readonly name: string | null;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** What is done must not be asked for again with what is repeated. */
function isDone(outcomes: readonly TopicOutcome[], topic: string): boolean {
  return outcomes.some(({ name, errorCode }) => name === topic && errorCode === 0);
}

function refuse(action: string, outcomes: readonly TopicOutcome[], broker: string): void {
  refuseFailed(outcomes, ({ name }) => ({ what: `${action} topic ${name}`, topic: name ?? undefined }), broker);
}

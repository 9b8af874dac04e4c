import { listOffsets as listOffsetsApi } from "../../protocol/messages/02-list-offsets.ts";
import { sleep } from "../net/clock.ts";
import { backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import { KafkaError, ProtocolError } from "./errors.ts";
import { groupBy } from "./group-by.ts";
import { groupByTopic, partitionKey, type TopicPartition } from "./topic-partition.ts";

/**
 * "earliest": the first offset still there. "latest": the next to be written, or under read_committed the last stable
 * one. A time (ms since 1970, or a Date): the first record that is as late, or "latest" where none is.
 */
export type OffsetPosition = "earliest" | "latest" | { readonly time: number | Date };

/** Whether "latest" is the last stable offset, or whatever was written. */
export type Isolation = "readCommitted" | "readUncommitted";

interface Question {
  readonly timestamp: number;
  readonly isolationLevel: number;
}

const LATEST = -1;
const EARLIEST = -2;
const NONE_SO_LATE = -1;

function timestampOf(position: OffsetPosition): number {
  if (position === "latest") return LATEST;
  return position === "earliest" ? EARLIEST : Number(position.time);
}

/** Asks the leaders for offsets; gives them by {@link partitionKey}. Repeats what fails in ways that pass, up to `timeout` ms. */
export async function listOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  position: OffsetPosition,
  timeout: number,
  signal?: AbortSignal,
  isolation: Isolation = "readCommitted",
): Promise<Map<string, number>> {
  const deadline = cluster.clock.monotonic() + timeout;
  const question = { timestamp: timestampOf(position), isolationLevel: isolation === "readCommitted" ? 1 : 0 };
  const offsets = await ask(cluster, partitions, question, deadline, signal);
  const later = partitions.filter(
    ({ topic, partition }) => offsets.get(partitionKey(topic, partition)) === NONE_SO_LATE,
  );
  const latest = { ...question, timestamp: LATEST };
  const ends = later.length > 0 ? await ask(cluster, later, latest, deadline, signal) : [];
  for (const [key, offset] of ends) offsets.set(key, offset);
  return offsets;
}

async function ask(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  question: Question,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  let left = partitions;
  for (let failures = 1; ; failures++) {
    const { pending, error } = await askLeaders(cluster, left, question, offsets);
    if (error === undefined) return offsets;
    const wait = backoffDelay(cluster.options.retryBackoff, failures, cluster.clock);
    if (!error.retriable || cluster.clock.monotonic() + wait >= deadline || signal?.aborted) throw error;
    left = pending;
    await sleep(cluster.clock, wait, signal);
    if (signal?.aborted) throw error;
    await cluster.refresh(left.map(({ topic }) => topic)).catch(() => {});
  }
}

async function askLeaders(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  question: Question,
  offsets: Map<string, number>,
): Promise<{ readonly pending: TopicPartition[]; readonly error: KafkaError | undefined }> {
  const byLeader = groupBy(partitions, (item) => cluster.metadata.leaderOf(item.topic, item.partition));
  const pending: TopicPartition[] = [];
  let error: KafkaError | undefined;
  await Promise.all(
    [...byLeader].map(async ([leader, list]) => {
      try {
        for (const failure of await askLeader(cluster, leader, list, question, offsets)) {
          pending.push({ topic: failure.topic!, partition: failure.partition! });
          // An error that does not pass is the one to tell.
          if (error === undefined || error.retriable) error = failure;
        }
      } catch (thrown) {
        pending.push(...list);
        if (!(thrown instanceof KafkaError)) throw thrown;
        if (error === undefined || error.retriable) error = thrown;
      }
    }),
  );
  return { pending, error };
}

async function askLeader(
  cluster: Cluster,
  leader: number,
  partitions: readonly TopicPartition[],
  question: Question,
  offsets: Map<string, number>,
): Promise<KafkaError[]> {
  const connection = await cluster.node(leader, "general");
  const response = await connection.send(listOffsetsApi, {
    replicaId: -1,
    isolationLevel: question.isolationLevel,
    topics: [...groupByTopic(partitions)].map(([name, list]) => ({
      name,
      partitions: list.map(({ partition }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: cluster.metadata.partition(name, partition)?.leaderEpoch ?? -1,
        timestamp: question.timestamp,
      })),
    })),
  });
  const failures: KafkaError[] = [];
  const answered = new Set<string>();
  for (const topic of response.topics) {
    for (const { partitionIndex: partition, errorCode, offset } of topic.partitions) {
      answered.add(partitionKey(topic.name, partition));
      if (errorCode === 0) offsets.set(partitionKey(topic.name, partition), offset);
      else
        failures.push(
          new ProtocolError(errorCode, `offsets of ${topic.name}/${partition}`, { topic: topic.name, partition }),
        );
    }
  }
  for (const { topic, partition } of partitions) {
    if (!answered.has(partitionKey(topic, partition))) {
      failures.push(
        new KafkaError("MISSING_ANSWER", `the broker's answer lacks ${topic}/${partition}`, true, { topic, partition }),
      );
    }
  }
  return failures;
}

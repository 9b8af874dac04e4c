import { listOffsets as listOffsetsApi } from "../../protocol/messages/02-list-offsets.ts";
import { deleteRecords as deleteRecordsApi } from "../../protocol/messages/21-delete-records.ts";
import { offsetDelete } from "../../protocol/messages/47-offset-delete.ts";
import type { AdminCalls, Failure } from "./admin-calls.ts";
import { refuseFailed } from "./admin-outcomes.ts";
import { Coordinator } from "./coordinator.ts";
import { InvalidArgumentError, KafkaError, type KafkaErrorContext, ProtocolError } from "./errors.ts";
import { commitOffsets, type GroupOffset, readOffsets } from "./group-offsets.ts";
import type { Membership } from "./membership.ts";
import { type PartitionOffset, toCommit } from "./partition-offset.ts";
import { groupByTopic, partitionKey, type TopicPartition } from "./topic-partition.ts";

/** A question for an offset of a partition. */
export interface OffsetQuery extends TopicPartition {
  /**
   * "earliest": the first that is still there. "latest": the next to be written. "maxTimestamp": that of the record with
   * the greatest timestamp (KIP-734). A time: the first record at or after it.
   */
  readonly at: "earliest" | "latest" | "maxTimestamp" | { readonly time: number | Date };
}

/** Where a question led. */
export interface ListedOffset extends TopicPartition {
  /** -1: there is no such record. */
  readonly offset: number;
  /** Of the record, where one was looked for by time; -1 otherwise. */
  readonly timestamp: number;
  /** -1: not known. */
  readonly leaderEpoch: number;
}

/** How far a group is behind. */
export interface GroupLag extends TopicPartition {
  readonly committed: number;
  /** What can be read: the last stable offset. */
  readonly endOffset: number;
  readonly lag: number;
}

/** Records to delete from one partition. */
export interface RecordsToDelete extends TopicPartition {
  /** The first offset to keep, or "end": delete all that is there. */
  readonly before: number | "end";
}

const ISOLATION = { readUncommitted: 0, readCommitted: 1 } as const;
const FIRST_WITH_MAX_TIMESTAMP = 7;
/** Not a member of the group. */
const OUTSIDE: Membership = { memberId: "", generationId: -1 };
const UP_TO_THE_END = -1;
/** How much longer (ms) than the time a broker is given for its work the answer is waited for. */
const ANSWER_GRACE = 5_000;

/** The offsets asked for, in the order of the questions. */
export async function listOffsets(
  calls: AdminCalls,
  queries: readonly OffsetQuery[],
  isolation: keyof typeof ISOLATION,
): Promise<ListedOffset[]> {
  const wanted = queries.map((query) => ({
    ...query,
    timestamp: timestampOf(query),
    answer: undefined as ListedOffset | undefined,
  }));
  // One request cannot ask twice about one partition.
  for (const round of rounds(wanted)) {
    await calls.leaders(round, async (connection, items) => {
      const byMaxTimestamp = items.some(({ at }) => at === "maxTimestamp");
      if (byMaxTimestamp && connection.versionOf(listOffsetsApi) < FIRST_WITH_MAX_TIMESTAMP) {
        const message = `broker ${connection.broker} cannot look for the greatest timestamp: Kafka 3.0 is needed`;
        throw new KafkaError("UNSUPPORTED_VERSION", message, false, { broker: connection.broker });
      }
      const response = await connection.send(listOffsetsApi, {
        replicaId: -1,
        isolationLevel: ISOLATION[isolation],
        topics: [...groupByTopic(items)].map(([name, list]) => ({
          name,
          partitions: list.map(({ partition, timestamp }) => ({ partitionIndex: partition, timestamp })),
        })),
      });
      return judge(
        items,
        response.topics,
        "offsets of",
        connection.broker,
        (item, { offset, timestamp, leaderEpoch }) => {
          const { topic, partition } = item;
          item.answer = { topic, partition, offset, timestamp, leaderEpoch };
        },
      );
    });
  }
  return wanted.map(({ answer }) => answer!);
}

function timestampOf({ at, topic, partition }: OffsetQuery): number {
  if (at === "latest") return -1;
  if (at === "earliest") return -2;
  if (at === "maxTimestamp") return -3;
  const time = Number((at as { time?: unknown } | null)?.time);
  if (Number.isSafeInteger(time) && time >= 0) return time;
  const message = `at ${JSON.stringify(at)}: "earliest", "latest", "maxTimestamp" or { time: milliseconds or a Date } is wanted`;
  throw new InvalidArgumentError(message, { topic, partition });
}

function rounds<T extends TopicPartition>(items: readonly T[]): T[][] {
  const counts = new Map<string, number>();
  const out: T[][] = [];
  for (const item of items) {
    const key = partitionKey(item.topic, item.partition);
    const round = counts.get(key) ?? 0;
    counts.set(key, round + 1);
    out[round] ??= [];
    out[round].push(item);
  }
  return out;
}

/** Matches answers to questions: what has none, or an error, has failed. */
function judge<Item extends TopicPartition, Answer extends { partitionIndex: number; errorCode: number }>(
  items: readonly Item[],
  topics: readonly { readonly name: string; readonly partitions: readonly Answer[] }[],
  what: string,
  broker: string,
  accept: (item: Item, answer: Answer) => void,
): Failure<Item>[] {
  const answers = new Map<string, Answer>();
  for (const { name, partitions } of topics)
    for (const answer of partitions) answers.set(partitionKey(name, answer.partitionIndex), answer);
  return items.flatMap((item): Failure<Item>[] => {
    const { topic, partition } = item;
    const answer = answers.get(partitionKey(topic, partition));
    const context: KafkaErrorContext = { topic, partition, broker };
    if (answer?.errorCode === 0) {
      accept(item, answer);
      return [];
    }
    const place = `${what} ${partitionKey(topic, partition)}`;
    const error =
      answer === undefined
        ? new KafkaError("MISSING_ANSWER", `${place}: the broker's answer lacks it`, true, context)
        : new ProtocolError(answer.errorCode, place, context);
    return [{ item, error }];
  });
}

/** Deletes the records below an offset of each partition; gives the first offsets that are left, in the same order. */
export async function deleteRecords(calls: AdminCalls, deletions: readonly RecordsToDelete[]): Promise<number[]> {
  const { requestTimeout } = calls.cluster.options;
  const items = deletions.map((deletion) => ({ ...deletion, lowWatermark: -1 }));
  for (const { before, topic, partition } of items) {
    if (before === "end" || (Number.isSafeInteger(before) && before >= 0)) continue;
    throw new InvalidArgumentError(`before ${before}: an offset or "end" is wanted`, { topic, partition });
  }
  await calls.leaders(items, async (connection, list) => {
    const body = {
      timeoutMs: requestTimeout,
      topics: [...groupByTopic(list)].map(([name, partitions]) => ({
        name,
        partitions: partitions.map(({ partition, before }) => ({
          partitionIndex: partition,
          offset: before === "end" ? UP_TO_THE_END : before,
        })),
      })),
    };
    const response = await connection.send(deleteRecordsApi, body, { timeout: requestTimeout + ANSWER_GRACE });
    return judge(list, response.topics, "delete records of", connection.broker, (item, { lowWatermark }) => {
      item.lowWatermark = lowWatermark;
    });
  });
  return items.map(({ lowWatermark }) => lowWatermark);
}

/**
 * What a group has committed: for these partitions, or for all that it has offsets of. Offsets of open transactions are
 * not among it.
 */
export function groupOffsets(
  calls: AdminCalls,
  groupId: string,
  partitions: readonly TopicPartition[] | undefined,
): Promise<GroupOffset[]> {
  return calls.coordinator(groupId, (connection) => readOffsets(connection, groupId, partitions ?? null, false));
}

/** Stores offsets for a group that nobody is in. One error names every partition that failed. */
export async function alterGroupOffsets(
  calls: AdminCalls,
  groupId: string,
  offsets: readonly PartitionOffset[],
): Promise<void> {
  if (offsets.length === 0) return;
  const coordinator = new Coordinator(calls.cluster, groupId);
  const commits = offsets.map(toCommit);
  await calls.coordinator(groupId, async (connection) => {
    const codes = await commitOffsets(coordinator, OUTSIDE, commits);
    const outcomes = offsets.map(({ topic, partition }) => ({
      topic,
      partition,
      errorCode: codes.get(partitionKey(topic, partition))!,
    }));
    const what = (outcome: TopicPartition) =>
      `offset of group ${groupId} for ${partitionKey(outcome.topic, outcome.partition)}`;
    refuseFailed(outcomes, (outcome) => ({ what: what(outcome), topic: outcome.topic }), connection.broker);
  });
}

/** Deletes offsets of a group, of topics that nobody in it is subscribed to (KIP-496). */
export async function deleteGroupOffsets(
  calls: AdminCalls,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<void> {
  if (partitions.length === 0) return;
  await calls.coordinator(groupId, async (connection) => {
    const { broker } = connection;
    const response = await connection.send(offsetDelete, {
      groupId,
      topics: [...groupByTopic(partitions)].map(([name, list]) => ({
        name,
        partitions: list.map(({ partition }) => ({ partitionIndex: partition })),
      })),
    });
    if (response.errorCode !== 0)
      throw new ProtocolError(response.errorCode, `delete offsets of group ${groupId}`, { broker });
    const outcomes = response.topics.flatMap(({ name: topic, partitions: answers }) =>
      answers.map(({ partitionIndex: partition, errorCode }) => ({ topic, partition, errorCode })),
    );
    const what = (outcome: TopicPartition) =>
      `delete the offset of group ${groupId} for ${partitionKey(outcome.topic, outcome.partition)}`;
    refuseFailed(outcomes, (outcome) => ({ what: what(outcome), topic: outcome.topic }), broker);
  });
}

/** How far a group is behind, on each partition that it has an offset of. What is aborted or compacted away counts. */
export async function groupLag(calls: AdminCalls, groupId: string): Promise<GroupLag[]> {
  const committed = await groupOffsets(calls, groupId, undefined);
  const queries = committed.map(({ topic, partition }): OffsetQuery => ({ topic, partition, at: "latest" }));
  const ends = await listOffsets(calls, queries, "readCommitted");
  return committed.map(({ topic, partition, offset }, i) => {
    const endOffset = ends[i]!.offset;
    return { topic, partition, committed: offset, endOffset, lag: Math.max(0, endOffset - offset) };
  });
}

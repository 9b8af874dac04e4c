import { Coordinator } from "../client/coordinator.ts";
import { fetchOffsets } from "../client/group-offsets.ts";
import { partitionKey, type TopicPartition } from "../client/topic-partition.ts";
import type { AppState } from "./app-state.ts";
import { TopicMissingError } from "./errors.ts";
import { findTopics } from "./find-topics.ts";
import { FinishedOffsets } from "./finished-offsets.ts";
import { logBounds } from "./log-bounds.ts";
import { groupOf } from "./options.ts";

/** A partition of a dead letter topic, as it was when it was looked at. */
export interface LetterPartition extends TopicPartition {
  readonly topicId: string;
  /** The first offset that its log still has. */
  readonly start: number;
  /** All below it can be read. */
  readonly end: number;
  /** The letters that have been dealt with. */
  readonly finished: FinishedOffsets;
}

/** Longest wait (ms) for what brokers are asked. An offset is not told while a transaction on it is open. */
export const ASK_TIMEOUT = 60_000;

/** The group whose committed offsets say which dead letters have been dealt with. */
export function redriveGroup({ settings }: AppState): string {
  return `${groupOf(settings, "app.dead needs")}.redrive`;
}

/** The dead letter topics that the app's queues name. */
export function deadLetterTopics({ settings }: AppState): string[] {
  const named = [...settings.queues.values()].flatMap(({ deadLetterTopic }) => deadLetterTopic ?? []);
  return [...new Set(named)].sort();
}

/** Every partition of the topics, in order. Throws a `TopicMissingError` where one does not exist. */
export async function lookAtLetters(
  app: AppState,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<LetterPartition[]> {
  const { cluster } = app.slot.use().kafka;
  const found = await findTopics(app, topics);
  const missing = topics.filter((topic) => !found.has(topic));
  if (missing.length > 0) throw new TopicMissingError(missing);
  const partitions = topics.flatMap((topic) =>
    Array.from({ length: found.get(topic)!.partitions }, (_, partition) => ({ topic, partition })),
  );
  if (partitions.length === 0) return [];
  const coordinator = new Coordinator(cluster, redriveGroup(app));
  const [committed, bounds] = await Promise.all([
    fetchOffsets(coordinator, partitions, ASK_TIMEOUT, signal),
    logBounds(cluster, partitions, ASK_TIMEOUT, signal),
  ]);
  return partitions.map(({ topic, partition }) => {
    const key = partitionKey(topic, partition);
    const { topicId } = found.get(topic)!;
    const { start, end } = bounds.get(key)!;
    return {
      topic,
      partition,
      topicId,
      start,
      end,
      finished: FinishedOffsets.read(committed.get(key), topicId, start),
    };
  });
}

import type { Cluster } from "../client/cluster.ts";
import type { EventHub } from "./events.ts";

/**
 * Emits `partitionsChanged` when a topic grows: keys then move, and jobs in flight are not kept in order with them.
 * Calls `madeAgain` when a topic was deleted and another has its name. Returns what ends the watch.
 */
export function watchTopics(
  cluster: Cluster,
  topics: () => readonly string[],
  events: EventHub,
  madeAgain: (topic: string) => void,
): () => void {
  const look = (topic: string): Look => {
    const known = cluster.metadata.topic(topic);
    return { count: known?.partitions.length ?? 0, id: known?.topicId ?? "" };
  };
  let known = new Map(topics().map((topic) => [topic, look(topic)]));
  return cluster.onUpdate(() => {
    const before = known;
    known = new Map();
    for (const topic of topics()) {
      const [last, now] = [before.get(topic) ?? UNKNOWN, look(topic)];
      // A topic that a broker does not know for a moment is not one that has changed.
      known.set(topic, now.count === 0 ? last : now);
      if (last.count === 0 || now.count === 0 || (now.count === last.count && now.id === last.id)) continue;
      if (now.id !== last.id) madeAgain(topic);
      else events.emit("partitionsChanged", { topic, from: last.count, to: now.count });
    }
  });
}

interface Look {
  readonly count: number;
  readonly id: string;
}

const UNKNOWN: Look = { count: 0, id: "" };

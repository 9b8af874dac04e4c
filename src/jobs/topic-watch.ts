import type { Cluster } from "../client/cluster.ts";
import type { EventHub } from "./events.ts";

/**
 * Emits `partitionsChanged` when a topic grows: keys then move, and jobs in flight are not kept in order with them.
 * Calls `madeAgain` when a topic was deleted and another has its name. Returns what ends the watch.
 */
export function watchTopics(
  cluster: Cluster,
  topics: readonly string[],
  events: EventHub,
  madeAgain: (topic: string) => void,
): () => void {
  const look = (topic: string): { readonly count: number; readonly id: string } => {
    const known = cluster.metadata.topic(topic);
    return { count: known?.partitions.length ?? 0, id: known?.topicId ?? "" };
  };
  const known = new Map(topics.map((topic) => [topic, look(topic)]));
  return cluster.onUpdate(() => {
    for (const [topic, before] of known) {
      const now = look(topic);
      // A topic that a broker does not know for a moment is not one that has changed.
      if (now.count === 0 || (now.count === before.count && now.id === before.id)) continue;
      known.set(topic, now);
      if (before.count === 0) continue;
      if (now.id !== before.id) madeAgain(topic);
      else events.emit("partitionsChanged", { topic, from: before.count, to: now.count });
    }
  });
}

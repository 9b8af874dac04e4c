import type { Cluster } from "../client/cluster.ts";
import type { EventHub } from "./events.ts";

/** Emits `partitionsChanged` when a topic grows: keys then move, and jobs in flight are not kept in order with them. */
export function watchPartitionCounts(cluster: Cluster, topics: readonly string[], events: EventHub): () => void {
  const count = (topic: string): number => cluster.metadata.topic(topic)?.partitions.length ?? 0;
  const known = new Map(topics.map((topic) => [topic, count(topic)]));
  return cluster.onUpdate(() => {
    for (const [topic, from] of known) {
      const to = count(topic);
      if (to === from || to === 0) continue;
      known.set(topic, to);
      if (from > 0) events.emit("partitionsChanged", { topic, from, to });
    }
  });
}

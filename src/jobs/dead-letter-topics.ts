import type { Cluster } from "../client/cluster.ts";
import type { AppState } from "./app-state.ts";
import { cleanupPolicy } from "./cleanup-policy.ts";
import { countPartitions } from "./count-partitions.ts";
import { InvalidOptionError } from "./errors.ts";
import { queueSettings } from "./options.ts";

/** A dead letter has to have a place before the first job dies (S4.5). */
export async function findDeadLetterTopics(
  app: AppState,
  cluster: Cluster,
  queues: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const admin = app.slot.use().kafka.admin();
  for (const queue of queues) {
    const { deadLetterTopic: topic } = queueSettings(app.settings, queue);
    if (topic === undefined) continue;
    const option = `queues.${queue}.deadLetterQueue.topic`;
    if (app.registry.queues.includes(topic) || app.settings.queues.has(topic))
      throw new InvalidOptionError(option, `"${topic}" is a queue of the app: what failed for good would be run again`);
    const [actual, wanted] = [
      await countPartitions(cluster, topic, signal),
      await countPartitions(cluster, queue, signal),
    ];
    if (actual < wanted) {
      const problem = `"${topic}" has ${actual} partitions, its queue has ${wanted}: a dead letter keeps its partition. Add partitions to it`;
      throw new InvalidOptionError(option, problem);
    }
    // Where nobody may ask, it is believed not to be.
    if ((await cleanupPolicy(admin, topic))?.includes("compact") === true)
      throw new InvalidOptionError(
        option,
        `"${topic}" is compacted: of the dead letters of a key all but the last would be lost`,
      );
  }
}

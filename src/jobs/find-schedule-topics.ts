import type { Cluster } from "../client/cluster.ts";
import type { AppState } from "./app-state.ts";
import { cleanupPolicy } from "./cleanup-policy.ts";
import { countPartitions } from "./count-partitions.ts";
import { InvalidOptionError } from "./errors.ts";
import { checkPartitions } from "./partition-check.ts";
import { deadScheduleTopic } from "./reserved-topics.ts";

/**
 * Makes sure that the app's schedule topics are there, keep what waits in them, and have a place for what can never be
 * dispatched. Throws a named error for the first of them that does not.
 */
export async function findScheduleTopics(app: AppState, cluster: Cluster, signal: AbortSignal): Promise<void> {
  const { scheduleTopics, kafka } = app.slot.use();
  for (const settings of app.settings.scheduledMessagesTopics.values()) {
    const { name } = settings;
    const partitions = await countPartitions(cluster, name, signal);
    checkPartitions(settings, partitions);
    await scheduleTopics.check(name);
    const dead = deadScheduleTopic(name);
    const places = await countPartitions(cluster, dead, signal);
    if (places < partitions) {
      const problem = `"${dead}" has ${places} partitions, "${name}" has ${partitions}: what cannot be dispatched keeps its partition. Add partitions to it`;
      throw new InvalidOptionError("scheduledMessagesTopics", problem);
    }
    if ((await cleanupPolicy(kafka.admin(), dead))?.includes("compact") === true)
      throw new InvalidOptionError("scheduledMessagesTopics", `"${dead}" is compacted: entries would be lost`);
  }
}

import { KafkaError } from "../client/errors.ts";
import type { Kafka } from "../client/kafka.ts";
import { whenSettled } from "../net/clock.ts";
import type { QueueSettings } from "./queue-options.ts";

/** Lets an in-process broker have a topic for every queue that is used, as the app declares it. */
export function createTopicsInProcess(kafka: Kafka, settingsOf: (queue: string) => QueueSettings): void {
  const admin = kafka.admin();
  /** Calls for one topic at the same time, as those of several producers, create it once. */
  const creating = new Map<string, Promise<void>>();
  kafka.cluster.createInProcess((name) => {
    let call = creating.get(name);
    if (call === undefined) {
      const { partitions, replicationFactor, config } = settingsOf(name);
      const created = admin.createTopics([{ name, partitions, replicationFactor, config }]).catch(ignoreRace);
      call = whenSettled(created, () => creating.delete(name));
      creating.set(name, call);
    }
    return call;
  });
}

/** Another app, or another process, was first. */
function ignoreRace(error: unknown): void {
  if (!(error instanceof KafkaError && error.code === "TOPIC_ALREADY_EXISTS")) throw error;
}

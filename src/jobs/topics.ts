import type { Admin } from "../client/admin.ts";
import type { NewTopic, TopicDescription } from "../client/admin-topics.ts";
import { KafkaError, ProtocolError } from "../client/errors.ts";
import type { AppState } from "./app-state.ts";
import { topicSettings } from "./options.ts";
import type { QueueSettings } from "./queue-options.ts";
import { deadScheduleTopic } from "./reserved-topics.ts";

/** One topic, as the app wants it and as it is. */
export interface TopicPlan {
  readonly topic: string;
  /** `"create"`: it is missing. `"mismatch"`: it has another number of partitions than declared, which `apply` leaves alone. `"none"`: all is well. */
  readonly action: "create" | "mismatch" | "none";
  /** What the app declares. Undefined: nothing. */
  readonly partitions: number | undefined;
  /** What the topic has. Undefined: there is none. */
  readonly actualPartitions: number | undefined;
  /** -1: the brokers' own setting. */
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

/** The topics of an app: nothing else creates any on a real cluster. */
export interface AppTopics {
  /** What `apply` would do. Changes nothing. */
  plan(): Promise<TopicPlan[]>;
  /** Creates the topics that are missing. Returns what it found, and so what it did. */
  apply(): Promise<TopicPlan[]>;
}

const UNKNOWN_TOPIC = 3;
/** Another process may create the same topics at the same time. */
const MAX_ROUNDS = 3;

export function appTopics(app: AppState): AppTopics {
  const admin = (): Admin => app.slot.use().kafka.admin();
  const plan = async (): Promise<TopicPlan[]> => {
    const queues = declaredTopics(app);
    const found = await admin().describeTopics(queues.map(({ name }) => name));
    const byName = new Map(found.map((topic) => [topic.name, topic]));
    return queues.map((queue) => compare(queue, byName.get(queue.name)));
  };
  const apply = async (): Promise<TopicPlan[]> => {
    const missing = new Set<string>();
    for (let round = 1; ; round++) {
      const plans = await plan();
      const wanted = plans.filter(({ action }) => action === "create");
      for (const { topic } of wanted) missing.add(topic);
      try {
        await admin().createTopics(wanted.map(toNewTopic));
        return plans.map((each) =>
          each.action === "none" && missing.has(each.topic) ? { ...each, action: "create" } : each,
        );
      } catch (error) {
        const raced = error instanceof KafkaError && error.code === "TOPIC_ALREADY_EXISTS";
        if (!raced || round === MAX_ROUNDS) throw error;
      }
    }
  };
  return { plan, apply };
}

/** The topic of every queue that the options or a job name, the dead letter topics, and the schedule topics. */
export function declaredTopics({ settings, registry }: AppState): QueueSettings[] {
  const deadLetterTopics = [...settings.queues.values()].flatMap(({ deadLetterTopic }) => deadLetterTopic ?? []);
  const schedules = [...settings.scheduledMessagesTopics.keys()].flatMap((name) => [name, deadScheduleTopic(name)]);
  const names = new Set([...settings.queues.keys(), ...registry.queues, ...deadLetterTopics, ...schedules]);
  return [...names].sort().map((name) => topicSettings(settings, name));
}

function compare(queue: QueueSettings, found: TopicDescription | undefined): TopicPlan {
  const { name: topic, partitions, replicationFactor, config } = queue;
  const wanted = { topic, partitions, replicationFactor, config };
  if (found === undefined || found.errorCode === UNKNOWN_TOPIC) {
    return { ...wanted, action: "create", actualPartitions: undefined };
  }
  if (found.errorCode !== 0) throw new ProtocolError(found.errorCode, `describe topic ${topic}`, { topic });
  const mismatch = partitions !== undefined && partitions !== found.partitions && !queue.allowPartitionMismatch;
  return { ...wanted, action: mismatch ? "mismatch" : "none", actualPartitions: found.partitions };
}

function toNewTopic({ topic, partitions, replicationFactor, config }: TopicPlan): NewTopic {
  return { name: topic, partitions, replicationFactor, config };
}

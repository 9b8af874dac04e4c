/** What is read here of a queue's settings. */
interface QueueTopics {
  readonly name: string;
  readonly deadLetterTopic: string | undefined;
}

/** What is read here of an app's settings. */
export interface AppTopicNames {
  readonly group: string | undefined;
  readonly queues: ReadonlyMap<string, QueueTopics>;
  readonly scheduledMessagesTopics?: ReadonlyMap<string, unknown> | undefined;
}

/** Kafka's own topics begin so, and other tools' follow them in it. */
const INTERNAL = "__";
const DEAD_SCHEDULE = "-dead";

/** Where entries of a schedule topic go that can never be dispatched (S7.4). */
export function deadScheduleTopic(schedule: string): string {
  return schedule + DEAD_SCHEDULE;
}

/**
 * Whether a topic has another purpose than to carry jobs, so that no pattern may match it: Kafka's internal ones, the
 * group's state, schedules, and dead letters (S6.5). A queue of that name has to be named.
 */
export function isReservedTopic(app: AppTopicNames, patterns: Iterable<QueueTopics>, topic: string): boolean {
  if (topic.startsWith(INTERNAL) || (app.group !== undefined && topic === `${app.group}-state`)) return true;
  for (const schedule of app.scheduledMessagesTopics?.keys() ?? []) {
    if (topic === schedule || topic === deadScheduleTopic(schedule)) return true;
  }
  const queues = [...app.queues.values(), ...patterns];
  return queues.some(({ deadLetterTopic }) => deadLetterTopic === topic);
}

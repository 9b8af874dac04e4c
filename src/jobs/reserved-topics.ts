/** What is read here of a queue's settings. */
interface QueueTopics {
  readonly name: string;
  readonly deadLetterTopic: string | undefined;
}

/** What is read here of an app's settings. */
export interface AppTopicNames {
  readonly group: string | undefined;
  readonly queues: ReadonlyMap<string, QueueTopics>;
  readonly scheduledMessagesTopics?: readonly string[] | undefined;
}

/** Kafka's own topics begin so, and other tools' follow them in it. */
const INTERNAL = "__";
/** What is appended to a schedule topic's name for entries that can never be dispatched (S7.4). */
const DEAD_SCHEDULE = "-dead";

/**
 * Whether a topic has another purpose than to carry jobs, so that no pattern may match it: Kafka's internal ones, the
 * group's state, schedules, and dead letters (S6.5). A queue of that name has to be named.
 */
export function isReservedTopic(app: AppTopicNames, patterns: Iterable<QueueTopics>, topic: string): boolean {
  if (topic.startsWith(INTERNAL) || (app.group !== undefined && topic === `${app.group}-state`)) return true;
  for (const schedule of app.scheduledMessagesTopics ?? []) {
    if (topic === schedule || topic === schedule + DEAD_SCHEDULE) return true;
  }
  const queues = [...app.queues.values(), ...patterns];
  return queues.some(({ deadLetterTopic }) => deadLetterTopic === topic);
}

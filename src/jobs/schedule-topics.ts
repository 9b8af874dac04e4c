import { checkOptions, describe, optionalText } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";
import { type QueueOptions, type QueueSettings, resolveQueue } from "./queue-options.ts";
import { deadScheduleTopic } from "./reserved-topics.ts";

/** A topic in which jobs wait for their time, where it is to be made otherwise than by default. */
export interface ScheduleTopicOptions extends Pick<QueueOptions, "partitions" | "replicationFactor" | "config"> {
  readonly topic: string;
}

const LARGEST = "max.message.bytes";
/** Bytes for the headers that an entry gets as it is moved. */
export const HEADROOM: number = 64 * 1024;

/**
 * How `topics apply` makes such a topic. Compacted alone: an entry may wait longer than any retention. Segments are
 * small and cleaned early, since all of the log is read by whoever begins to dispatch from it. Records may be as large
 * as a producer's largest request: what fits into a queue has to fit here, with some headers more.
 */
const CONFIG: Readonly<Record<string, string>> = {
  "cleanup.policy": "compact",
  [LARGEST]: String(8 * 1024 * 1024),
  "min.cleanable.dirty.ratio": "0.2",
  "segment.bytes": String(64 * 1024 * 1024),
};
const OPTIONS = ["topic", "partitions", "replicationFactor", "config"] as const;

/** Settings by topic, with those of the topics for entries that can never be dispatched. */
export function resolveScheduleTopics(value: unknown): ReadonlyMap<string, QueueSettings> {
  const settings = new Map<string, QueueSettings>();
  if (value === undefined) return settings;
  if (!Array.isArray(value)) {
    throw new InvalidOptionError(
      "scheduledMessagesTopics",
      `${describe(value)} given, a list as ["scheduled_jobs"] is expected`,
    );
  }
  for (const [i, each] of value.entries()) {
    const path = `scheduledMessagesTopics[${i}]`;
    const { topic, ...options } = typeof each === "string" ? { topic: each } : checkOptions(each, path, OPTIONS);
    const name = optionalText(topic, `${path}.topic`) ?? "";
    if (settings.has(name)) throw new InvalidOptionError(path, `"${name}" is given twice`);
    const resolved = resolveQueue(name, options, path);
    settings.set(name, {
      ...resolved,
      declaredBy: path,
      config: { ...CONFIG, ...(options.config as object | undefined) },
    });
  }
  return settings;
}

/** The settings of a schedule topic, or of one for what cannot be dispatched from it. Undefined: it is neither. */
export function scheduleTopicSettings(
  topics: ReadonlyMap<string, QueueSettings>,
  name: string,
): QueueSettings | undefined {
  const own = topics.get(name);
  if (own !== undefined) return own;
  for (const schedule of topics.values()) {
    if (deadScheduleTopic(schedule.name) !== name) continue;
    const { partitions, replicationFactor } = schedule;
    const settings = resolveQueue(name, undefined, name);
    // What is too large for its target is what comes here: with some headers more.
    const largest = Number(schedule.config[LARGEST]) + HEADROOM;
    const config = { ...settings.config, [LARGEST]: String(largest) };
    return { ...settings, config, partitions, replicationFactor, allowPartitionMismatch: true };
  }
  return undefined;
}

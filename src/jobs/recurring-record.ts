import type { ProducerRecord } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import type { RecurringDefinition } from "./recurring-definition.ts";
import { type StateKey, stateKey } from "./state-topic.ts";

/** How far a recurring job has got. */
export interface RecurringState {
  /** All of its ticks up to then have been dealt with (ms since 1970). */
  readonly last: number;
  readonly isPaused: boolean;
  /** By which its ticks were told until then. */
  readonly cron: string;
  readonly timeZone: string;
}

/** What the group's state topic says of a recurring job. */
export interface RecurringEntry extends RecurringState {
  readonly name: string;
}

const decoder = new TextDecoder();

export function recurringKey({ topic, partition }: TopicPartition, name: string): StateKey {
  return { kind: "recurring", topic, partition, id: name };
}

/** The state of the recurring job of a queue's partition, as the state topic keeps it at `to` (S7.9). */
export function recurringRecord(
  of: TopicPartition,
  to: TopicPartition,
  { name, cron, zone }: RecurringDefinition,
  { last, isPaused }: Pick<RecurringState, "last" | "isPaused">,
): ProducerRecord {
  const value = { last: new Date(last).toISOString(), paused: isPaused, cron, timeZone: zone.name };
  return {
    topic: to.topic,
    partition: to.partition,
    key: stateKey(recurringKey(of, name)),
    value: JSON.stringify(value),
  };
}

/** Up to when ticks are dealt with; undefined: they are told otherwise now, or nothing is known, so that it begins anew. */
export function lastOf({ cron, zone }: RecurringDefinition, entry: RecurringEntry | undefined): number | undefined {
  return entry?.cron === cron && entry.timeZone === zone.name ? entry.last : undefined;
}

/** Undefined: nothing is known, or nothing that can be read: it begins anew. */
export function readRecurring(name: string, value: Uint8Array | null): RecurringEntry | undefined {
  if (value === null) return undefined;
  try {
    const { last, paused, cron, timeZone } = JSON.parse(decoder.decode(value)) as Record<string, unknown>;
    const time = Date.parse(String(last));
    if (Number.isNaN(time)) return undefined;
    return { name, last: time, isPaused: paused === true, cron: String(cron), timeZone: String(timeZone) };
  } catch {
    return undefined;
  }
}

import { defaultPartition } from "../client/default-partitioner.ts";
import { ErrorCode } from "../client/error-code.ts";
import { KafkaError, ProtocolError } from "../client/errors.ts";
import type { ProducerRecord } from "../client/producer-record.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import type { AppState } from "./app-state.ts";
import { StateTopicError } from "./errors.ts";
import { findTopics } from "./find-topics.ts";

/**
 * What of a queue's partition is kept beyond its offsets (S7.9): in `<group>-state`, a compacted topic, under the keys of
 * this file. The partition's owner writes it, in transactions with its marks; "progress" is how far a job
 * with steps has got, "recurring" up to when the ticks of a recurring job are dealt with; "release", "discard", "pause"
 * and "resume" are requests to it.
 */
export type StateKind = "park" | "progress" | "recurring" | RequestKind;
/** What the owner of a partition is asked for: of a parked key, or of a recurring job. */
export type RequestKind = "release" | "discard" | "pause" | "resume";

export interface StateKey extends TopicPartition {
  readonly kind: StateKind;
  /** An offset of the queue's partition, the name of a recurring job, or what tells requests apart. */
  readonly id: string;
}

const KINDS: ReadonlySet<string> = new Set<StateKind>([
  ...(["park", "progress", "recurring"] as const),
  ...(["release", "discard", "pause", "resume"] as const),
]);
const PARTITIONS = 12;
/** As the brokers keep it where they are not told. */
const BROKERS_OWN = -1;
/** As large as a producer's largest request: what fits into a queue has to fit here, with some headers more. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

export function stateTopic(group: string): string {
  return `${group}-state`;
}

/** A topic's name has no slash. */
export function stateKey({ kind, topic, partition, id }: StateKey): string {
  return `${kind}/${topic}/${partition}/${id}`;
}

/** Undefined: it is no key that this version knows. */
export function parseStateKey(text: string): StateKey | undefined {
  const match = /^([a-z]+)\/([a-zA-Z0-9._-]{1,249})\/(\d{1,10})\/([a-zA-Z0-9._-]{1,64})$/.exec(text);
  if (match === null || !KINDS.has(match[1]!)) return undefined;
  return { kind: match[1] as StateKind, topic: match[2]!, partition: Number(match[3]), id: match[4]! };
}

/** Where the state of a queue's partition is, in a state topic of so many partitions. */
export function statePartition({ topic, partition }: TopicPartition, partitions: number): number {
  return defaultPartition(`${topic}/${partition}`, partitions);
}

/** Asks the owner for what the key says, at `to`: of the jobs that are parked by `by`, or of the recurring job of that name. */
export function requestRecord(key: StateKey, by: string, to: TopicPartition): ProducerRecord {
  return { ...to, key: stateKey(key), value: by };
}

/** Deletes what is kept under the key. */
export function tombstone(key: StateKey, to: TopicPartition): ProducerRecord {
  return { ...to, key: stateKey(key), value: null };
}

/** Undefined: there is no such topic yet. */
export async function findStateTopic(app: AppState, name: string): Promise<number | undefined> {
  return (await findTopics(app, [name])).get(name)?.partitions;
}

/**
 * Creates the group's state topic where it is missing, and gives how many partitions it has. Throws a
 * `StateTopicError` where it may not be created, or is not compacted alone: state would be deleted by its age.
 */
export async function prepareStateTopic(app: AppState, name: string): Promise<number> {
  const admin = app.slot.use().kafka.admin();
  let partitions = await findStateTopic(app, name).catch((error: unknown) => {
    throw isForbidden(error) ? new StateTopicError(name, "may not be used by this client: allow it to", error) : error;
  });
  if (partitions === undefined) {
    const config = { "cleanup.policy": "compact", "max.message.bytes": String(MAX_MESSAGE_BYTES) };
    try {
      await admin.createTopics([{ name, partitions: PARTITIONS, replicationFactor: BROKERS_OWN, config }]);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error.code !== "TOPIC_ALREADY_EXISTS") {
        if (error.retriable) throw error;
        const settings = Object.entries(config).map(([option, value]) => `${option}=${value}`);
        const how = `create it with ${PARTITIONS} partitions and ${settings.join(", ")}`;
        throw new StateTopicError(name, `is missing and could not be created (${error.message}): ${how}`, error);
      }
    }
    partitions = (await findStateTopic(app, name)) ?? PARTITIONS;
  }
  const [described] = await admin.describeConfigs([{ type: "topic", name }]);
  const policy = described?.entries.get("cleanup.policy")?.value;
  if (policy !== undefined && policy !== "compact")
    throw new StateTopicError(
      name,
      `has cleanup.policy=${policy}: set it to "compact", or jobs that are kept there are lost`,
    );
  return partitions;
}

/** Whether the error says that the client may not even look at the topic. */
export function isForbidden(error: unknown): boolean {
  return error instanceof ProtocolError && error.errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED;
}

import { type Message, message } from "../api.ts";
import { array, bytes, type Draft, defaultOf, type Field, int32, string, struct } from "../field.ts";
import { Reader } from "../reader.ts";
import { Writer } from "../writer.ts";

/** What a consumer tells the leader of its classic group: the metadata of its JoinGroup protocols. */
export interface ConsumerProtocolSubscription {
  readonly topics: readonly string[];
  /** The assignor's own. */
  readonly userData: Uint8Array | null;
  /** What the member still has, which a cooperative assignor leaves with it (KIP-429). */
  readonly ownedPartitions: readonly TopicPartition[];
  /** The generation in which it got `ownedPartitions`, so that stale claims are noticed (KIP-792); -1: not known. */
  readonly generationId: number;
  readonly rackId: string | null;
}

/** What the leader gives to a member, as SyncGroup carries it. */
export interface ConsumerProtocolAssignment {
  readonly assignedPartitions: readonly TopicPartition[];
  readonly userData: Uint8Array | null;
}

/** Partitions of one topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partitions: readonly number[];
}

const HIGHEST = 3;
const range = { versions: [0, HIGHEST], flexibleSince: Number.POSITIVE_INFINITY } as const;
const topicPartitions = array(struct<TopicPartition>({ topic: string, partitions: array(int32) }));

export const consumerProtocolSubscription: Message<ConsumerProtocolSubscription> = message(
  struct<ConsumerProtocolSubscription>({
    topics: array(string),
    userData: bytes.nullable().default(null),
    ownedPartitions: topicPartitions.since(1).ignorable(),
    generationId: int32.since(2).default(-1).ignorable(),
    rackId: string.since(3).nullable(3).default(null).ignorable(),
  }),
  "ConsumerProtocolSubscription",
  range,
);

export const consumerProtocolAssignment: Message<ConsumerProtocolAssignment> = message(
  struct<ConsumerProtocolAssignment>({
    assignedPartitions: topicPartitions,
    userData: bytes.nullable().default(null),
  }),
  "ConsumerProtocolAssignment",
  range,
);

/** A subscription as bytes, its version first. Fields that `version` (0 to 3; default 3) lacks are left out. */
export function encodeSubscription(
  subscription: Draft<ConsumerProtocolSubscription>,
  version: number = HIGHEST,
): Uint8Array<ArrayBuffer> {
  return encodeVersioned(consumerProtocolSubscription, version, subscription);
}

/**
 * Reads a subscription. Later versions only add to the end, so a version above 3 is read as version 3 and bytes left
 * over are no error. No bytes at all: an empty subscription. Throws a DecodeError for anything else.
 */
export function decodeSubscription(bytes: Uint8Array): ConsumerProtocolSubscription {
  return decodeVersioned(consumerProtocolSubscription, bytes);
}

/** An assignment as bytes, its version (0 to 3; default 3) first. */
export function encodeAssignment(
  assignment: Draft<ConsumerProtocolAssignment>,
  version: number = HIGHEST,
): Uint8Array<ArrayBuffer> {
  return encodeVersioned(consumerProtocolAssignment, version, assignment);
}

/**
 * Reads an assignment, with the tolerance of {@link decodeSubscription}. A broker sends no bytes to a member for which
 * the leader gave nothing: that is an assignment of no partitions.
 */
export function decodeAssignment(bytes: Uint8Array): ConsumerProtocolAssignment {
  return decodeVersioned(consumerProtocolAssignment, bytes);
}

function encodeVersioned<T>(body: Message<T>, version: number, value: Draft<T>): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.int16(version);
  body.encode(writer, version, value);
  return writer.finish();
}

function decodeVersioned<T>(body: Message<T>, bytes: Uint8Array): T {
  if (bytes.length === 0) return defaultOf(body.field as Field<never>) as T;
  const reader = new Reader(bytes);
  return body.decode(reader, Math.min(reader.int16(), HIGHEST));
}

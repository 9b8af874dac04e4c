import { InvalidArgumentError } from "./errors.ts";
import type { OffsetPosition } from "./list-offsets.ts";
import { checkMembershipOptions, MEMBERSHIP_OPTIONS, type MembershipOptions } from "./membership-options.ts";
import { checkOffset } from "./partition-offset.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** A partition that a consumer gives itself. */
export interface AssignedPartition extends TopicPartition {
  /** Where to begin. Default: the group's committed offset where there is a `groupId`, else as `offsetReset` says. */
  readonly offset?: number | OffsetPosition | undefined;
}

export interface ConsumerOptions extends MembershipOptions {
  /** The group to be a member of, and to commit for. With `assignment` it is for commits alone, and may be missing. */
  readonly groupId?: string | undefined;
  /**
   * The topics to read, by name or by pattern. A pattern is looked for anywhere in a name (`/^tenant-/`), never matches
   * Kafka's internal topics, and follows topics as they are created and deleted; it may match nothing yet.
   */
  readonly topics?: readonly (string | RegExp)[] | undefined;
  /** The partitions to read, in place of topics: no group shares them out, and none takes them away. */
  readonly assignment?: readonly AssignedPartition[] | undefined;
  /** Milliseconds after which patterns are matched with the cluster's topics again. Default: the client's `metadataMaxAge`. */
  readonly metadataMaxAge?: number | undefined;
  /**
   * Where to begin without a committed offset, or with one that the log does not have: at its beginning, its end, the
   * first record as late as a time, or not at all. Default "earliest".
   */
  readonly offsetReset?: OffsetPosition | "fail" | undefined;
  /** Whether records of open and aborted transactions are left out. Default "readCommitted". */
  readonly isolation?: "readCommitted" | "readUncommitted" | undefined;
  /** Ends the iteration when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds without a heartbeat after which the group takes this member for dead. Default 45,000. Under the
   * "consumer" protocol the group's or broker's own setting counts.
   */
  readonly sessionTimeout?: number | undefined;
  /** Milliseconds that members have to join a rebalance. Default 60,000. */
  readonly rebalanceTimeout?: number | undefined;
  /** Milliseconds that a broker may wait for records. Default 500. */
  readonly maxWait?: number | undefined;
  /** Bytes of one fetch. Default 32 MiB. */
  readonly maxBytes?: number | undefined;
  /** Bytes of one partition in one fetch. Default 2 MiB. */
  readonly partitionMaxBytes?: number | undefined;
  /**
   * Bytes that are fetched ahead, waiting and on their way together; the batch that was given out is not among them. A
   * record batch that is larger than a fetch may be comes whole. Default 64 MiB.
   */
  readonly maxBufferedBytes?: number | undefined;
  /** Bytes that one compressed record batch may grow to; one that would grow further ends the iteration. Default 256 MiB. */
  readonly maxDecompressedBytes?: number | undefined;
  /** Where this consumer is, as `broker.rack` says it: a replica that is there is read from (KIP-392). */
  readonly rackId?: string | undefined;
}

export interface ConsumerSettings extends MembershipOptions {
  readonly groupId: string | undefined;
  readonly topics: readonly (string | RegExp)[];
  readonly assignment: readonly AssignedPartition[] | undefined;
  readonly metadataMaxAge?: number | undefined;
  readonly offsetReset: OffsetPosition | "fail";
  readonly isolation: "readCommitted" | "readUncommitted";
  readonly signal: AbortSignal | undefined;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly maxWait: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  readonly maxBufferedBytes: number;
  readonly maxDecompressedBytes: number;
  readonly rackId?: string | undefined;
}

const MIB = 1024 * 1024;
const DEFAULTS = {
  offsetReset: "earliest",
  isolation: "readCommitted",
  sessionTimeout: 45_000,
  rebalanceTimeout: 60_000,
  maxWait: 500,
  maxBytes: 32 * MIB,
  partitionMaxBytes: 2 * MIB,
  maxBufferedBytes: 64 * MIB,
  maxDecompressedBytes: 256 * MIB,
} as const satisfies Partial<ConsumerSettings>;
const KNOWN: ReadonlySet<string> = new Set([
  ...Object.keys(DEFAULTS),
  ...["groupId", "topics", "assignment", "metadataMaxAge", "signal", "rackId"],
  ...MEMBERSHIP_OPTIONS,
]);
const POSITIVE = [
  "sessionTimeout",
  "rebalanceTimeout",
  "maxWait",
  "maxBytes",
  "partitionMaxBytes",
  "maxBufferedBytes",
  "maxDecompressedBytes",
  "metadataMaxAge",
] as const;

/** Fills in defaults; throws an {@link InvalidArgumentError} that names a wrong option. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(given)) {
    if (!KNOWN.has(name)) throw new InvalidArgumentError(`unknown consumer option ${name}`);
  }
  const none = { groupId: undefined, assignment: undefined, signal: undefined, topics: [] };
  const settings = { ...none, ...DEFAULTS, ...given } as ConsumerSettings;
  checkWhatIsRead(settings);
  checkOffsetReset(settings.offsetReset);
  if (!["readCommitted", "readUncommitted"].includes(settings.isolation)) {
    throw new InvalidArgumentError(
      `isolation ${JSON.stringify(settings.isolation)}: "readCommitted" or "readUncommitted" is wanted`,
    );
  }
  if (settings.rackId !== undefined && typeof settings.rackId !== "string")
    throw new InvalidArgumentError(`consumer option rackId is ${String(settings.rackId)}: a string is wanted`);
  checkMembershipOptions(settings);
  for (const name of POSITIVE) {
    const value = settings[name];
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new InvalidArgumentError(`consumer option ${name} is ${settings[name]}: a positive number is wanted`);
    }
  }
  return settings;
}

function checkWhatIsRead({ groupId, topics, assignment }: ConsumerSettings): void {
  if (groupId !== undefined && (typeof groupId !== "string" || groupId === ""))
    throw new InvalidArgumentError(`consumer option groupId is ${JSON.stringify(groupId)}: a name is wanted`);
  if (assignment !== undefined) return checkAssignment(topics, assignment);
  if (groupId === undefined) throw new InvalidArgumentError("a consumer needs a groupId, or an assignment of its own");
  if (!Array.isArray(topics) || topics.length === 0)
    throw new InvalidArgumentError("a consumer needs topics, or an assignment of its own");
  for (const topic of topics as readonly unknown[]) {
    if ((typeof topic !== "string" || topic === "") && !(topic instanceof RegExp))
      throw new InvalidArgumentError(`topic ${String(topic)}: a name or a RegExp is wanted`);
  }
}

function checkAssignment(topics: readonly unknown[], assignment: readonly AssignedPartition[]): void {
  if (topics.length > 0) throw new InvalidArgumentError("a consumer has topics, or an assignment of its own, not both");
  if (!Array.isArray(assignment) || assignment.length === 0)
    throw new InvalidArgumentError("consumer option assignment is empty: partitions are wanted");
  const seen = new Set<string>();
  for (const { topic, partition, offset } of assignment) {
    const key = partitionKey(topic, partition);
    if (typeof topic !== "string" || topic === "" || !Number.isInteger(partition) || partition < 0 || seen.has(key))
      throw new InvalidArgumentError(`assignment of ${key}: a topic and a partition are wanted, each once`);
    seen.add(key);
    if (typeof offset === "number") checkOffset(offset, { topic, partition });
    else if (offset !== undefined) checkPosition(offset, `assignment of ${key}: offset`);
  }
}

/** Throws where it is neither an end of the log nor a time. */
export function checkPosition(position: OffsetPosition, what: string): void {
  if (position === "earliest" || position === "latest") return;
  const time = typeof position === "object" && position !== null ? Number(position.time) : Number.NaN;
  if (Number.isSafeInteger(time) && time >= 0) return;
  const given = JSON.stringify(position);
  throw new InvalidArgumentError(`${what} ${given}: "earliest", "latest" or { time } (ms since 1970) is wanted`);
}

function checkOffsetReset(offsetReset: OffsetPosition | "fail"): void {
  if (offsetReset !== "fail") checkPosition(offsetReset, "offsetReset");
}

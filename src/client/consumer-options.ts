import { InvalidArgumentError } from "./errors.ts";
import { checkMembershipOptions, MEMBERSHIP_OPTIONS, type MembershipOptions } from "./membership-options.ts";

export interface ConsumerOptions extends MembershipOptions {
  readonly groupId: string;
  /**
   * The topics to read, by name or by pattern. A pattern is looked for anywhere in a name (`/^tenant-/`), never matches
   * Kafka's internal topics, and follows topics as they are created and deleted; it may match nothing yet.
   */
  readonly topics: readonly (string | RegExp)[];
  /** Milliseconds after which patterns are matched with the cluster's topics again. Default: the client's `metadataMaxAge`. */
  readonly metadataMaxAge?: number | undefined;
  /** Where to begin without a committed offset, or with one that the log does not have. Default "earliest". */
  readonly offsetReset?: "earliest" | "latest" | "fail" | undefined;
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
}

export interface ConsumerSettings extends MembershipOptions {
  readonly groupId: string;
  readonly topics: readonly (string | RegExp)[];
  readonly metadataMaxAge?: number | undefined;
  readonly offsetReset: "earliest" | "latest" | "fail";
  readonly isolation: "readCommitted" | "readUncommitted";
  readonly signal: AbortSignal | undefined;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly maxWait: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
}

const DEFAULTS: Omit<ConsumerSettings, "groupId" | "topics" | "metadataMaxAge" | "signal" | keyof MembershipOptions> = {
  offsetReset: "earliest",
  isolation: "readCommitted",
  sessionTimeout: 45_000,
  rebalanceTimeout: 60_000,
  maxWait: 500,
  maxBytes: 32 * 1024 * 1024,
  partitionMaxBytes: 2 * 1024 * 1024,
};
const KNOWN: ReadonlySet<string> = new Set([
  ...Object.keys(DEFAULTS),
  ...["groupId", "topics", "metadataMaxAge", "signal"],
  ...MEMBERSHIP_OPTIONS,
]);
const POSITIVE = [
  "sessionTimeout",
  "rebalanceTimeout",
  "maxWait",
  "maxBytes",
  "partitionMaxBytes",
  "metadataMaxAge",
] as const;

/** Fills in defaults; throws an {@link InvalidArgumentError} that names a wrong option. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(given)) {
    if (!KNOWN.has(name)) throw new InvalidArgumentError(`unknown consumer option ${name}`);
  }
  const settings = { signal: undefined, ...DEFAULTS, ...given } as ConsumerSettings;
  if (typeof settings.groupId !== "string" || settings.groupId === "")
    throw new InvalidArgumentError("a consumer needs a groupId");
  if (!Array.isArray(settings.topics) || settings.topics.length === 0)
    throw new InvalidArgumentError("a consumer needs topics");
  for (const topic of settings.topics as readonly unknown[]) {
    if ((typeof topic !== "string" || topic === "") && !(topic instanceof RegExp))
      throw new InvalidArgumentError(`topic ${String(topic)}: a name or a RegExp is wanted`);
  }
  if (!["earliest", "latest", "fail"].includes(settings.offsetReset)) {
    throw new InvalidArgumentError(
      `offsetReset ${JSON.stringify(settings.offsetReset)}: "earliest", "latest" or "fail" is wanted`,
    );
  }
  if (!["readCommitted", "readUncommitted"].includes(settings.isolation)) {
    throw new InvalidArgumentError(
      `isolation ${JSON.stringify(settings.isolation)}: "readCommitted" or "readUncommitted" is wanted`,
    );
  }
  checkMembershipOptions(settings);
  for (const name of POSITIVE) {
    const value = settings[name];
    if (value !== undefined && !(Number.isFinite(value) && value > 0)) {
      throw new InvalidArgumentError(`consumer option ${name} is ${settings[name]}: a positive number is wanted`);
    }
  }
  return settings;
}

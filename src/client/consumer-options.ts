import { InvalidArgumentError } from "./errors.ts";

export interface ConsumerOptions {
  readonly groupId: string;
  /** The topics to read. */
  readonly topics: readonly string[];
  /** Where to begin without a committed offset, or with one that the log does not have. Default "earliest". */
  readonly offsetReset?: "earliest" | "latest" | "fail" | undefined;
  /** Whether records of open and aborted transactions are left out. Default "readCommitted". */
  readonly isolation?: "readCommitted" | "readUncommitted" | undefined;
  /** Ends the iteration when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds without a heartbeat after which the group takes this member for dead. Default 45,000. */
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

export interface ConsumerSettings {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly offsetReset: "earliest" | "latest" | "fail";
  readonly isolation: "readCommitted" | "readUncommitted";
  readonly signal: AbortSignal | undefined;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly maxWait: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
}

const DEFAULTS: Omit<ConsumerSettings, "groupId" | "topics" | "signal"> = {
  offsetReset: "earliest",
  isolation: "readCommitted",
  sessionTimeout: 45_000,
  rebalanceTimeout: 60_000,
  maxWait: 500,
  maxBytes: 32 * 1024 * 1024,
  partitionMaxBytes: 2 * 1024 * 1024,
};
const POSITIVE = ["sessionTimeout", "rebalanceTimeout", "maxWait", "maxBytes", "partitionMaxBytes"] as const;

/** Fills in defaults; throws an {@link InvalidArgumentError} that names a wrong option. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(given)) {
    if (!(name in DEFAULTS) && !["groupId", "topics", "signal"].includes(name)) {
      throw new InvalidArgumentError(`unknown consumer option ${name}`);
    }
  }
  const settings = { signal: undefined, ...DEFAULTS, ...given } as ConsumerSettings;
  if (typeof settings.groupId !== "string" || settings.groupId === "")
    throw new InvalidArgumentError("a consumer needs a groupId");
  if (!Array.isArray(settings.topics) || settings.topics.length === 0)
    throw new InvalidArgumentError("a consumer needs topics");
  for (const topic of settings.topics as readonly unknown[]) {
    if (typeof topic !== "string" || topic === "")
      throw new InvalidArgumentError(`topic ${String(topic)}: a name is wanted`);
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
  for (const name of POSITIVE) {
    if (!(Number.isFinite(settings[name]) && settings[name] > 0)) {
      throw new InvalidArgumentError(`consumer option ${name} is ${settings[name]}: a positive number is wanted`);
    }
  }
  return settings;
}

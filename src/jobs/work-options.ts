import type { GroupProtocol } from "../client/membership.ts";
import { checkOptions, describe, optionalBoolean, optionalChoice, optionalInteger } from "./check-options.ts";
import { DEFAULTS } from "./defaults.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { InvalidOptionError } from "./errors.ts";

/** What `app.work` takes. */
export interface WorkOptions {
  /**
   * The queues to work on. Default: all that the app's jobs name, and all that its `queuePatterns` match. `[]`, in an app
   * with `scheduledMessagesTopics`: none, so that this worker only dispatches what is due.
   */
  readonly queues?: readonly string[] | undefined;
  /** How many jobs run at once, over all partitions. Default 100. */
  readonly concurrency?: number | undefined;
  /** Whether this worker dispatches what waits in the app's `scheduledMessagesTopics`. Some worker of the group has to. Default true. */
  readonly scheduler?: boolean | undefined;
  /** Closes the worker when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** How often finished jobs are committed; 0: after each. What finished since then runs again after a kill. Default 1 s. */
  readonly commitInterval?: Duration | undefined;
  /**
   * How often it is saved how far jobs have got that have steps and resume in place, while they run: no more often than
   * once a second. What a job has done since then is done again after a kill. Default 5 s.
   */
  readonly checkpointInterval?: Duration | undefined;
  /** How long a running job may go on when its partition is wanted elsewhere. At most the rebalance timeout less 5 s. Default 30 s. */
  readonly revokeGrace?: Duration | undefined;
  /** How long `close` waits for running jobs. Default 60 s. */
  readonly shutdownTimeout?: Duration | undefined;
  /**
   * How the group shares out partitions. "consumer": the broker does (KIP-848). "classic": the workers do. Default: what
   * the broker offers, the former where its cluster has it switched on. Workers of both may be in one group.
   */
  readonly groupProtocol?: GroupProtocol | undefined;
  /**
   * Makes this a static member of that name, which no other worker of the group may have at the same time: closing then
   * keeps its partitions for it, and nothing moves if it is back within the session timeout. After a kill under the
   * classic protocol, whoever has the name next takes them at once and waits one session timeout before it starts jobs
   * there; under "consumer" it is refused, with `instanceIdBusy` events, until the session has ended. Default: not static.
   */
  readonly instanceId?: string | undefined;
  /**
   * How long the group goes without a sign of life before it gives this worker's partitions away. Under the protocol
   * "consumer" the broker alone says so: `group.consumer.session.timeout.ms`, 45 s unless set. Default 10 s.
   */
  readonly sessionTimeout?: Duration | undefined;
  /** How long a rebalance waits for its members. Default 60 s. */
  readonly rebalanceTimeout?: Duration | undefined;
  /** How long a job waits, without its attempts being counted, for a process that knows it: as in a rolling deploy. Default 10 min. */
  readonly unknownJobGrace?: Duration | undefined;
  /** How long a partition that has work may start nothing, without a known reason, before `health()` tells of it. Default 5 min. */
  readonly stuckAfter?: Duration | undefined;
  /** How often topics are looked for that the app's `queuePatterns` match. Default 30 s. */
  readonly patternInterval?: Duration | undefined;
  /** Jobs of one partition that are kept ready: once there are so many, no more are fetched. Default 1,000. */
  readonly maxBatchJobs?: number | undefined;
  /**
   * Bytes of jobs that are kept ready or are on their way, over all partitions, which have equal shares. A record batch
   * that is larger than a quarter of its partition's share comes whole. Default 64 MiB.
   */
  readonly maxBufferedBytes?: number | undefined;
}

/** A worker's options, checked and filled in; times in milliseconds. */
export interface WorkSettings {
  readonly queues: readonly string[];
  /** Whether what the app's patterns match is worked on too. */
  readonly patterns: boolean;
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
  readonly scheduler: boolean;
  readonly groupProtocol: GroupProtocol | undefined;
  readonly instanceId: string | undefined;
  readonly commitInterval: number;
  readonly checkpointInterval: number;
  readonly revokeGrace: number;
  readonly shutdownTimeout: number;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly unknownJobGrace: number;
  readonly patternInterval: number;
  readonly stuckAfter: number;
  readonly maxBatchJobs: number;
  readonly maxBufferedBytes: number;
}

const TIMES = [
  ...(["commitInterval", "checkpointInterval", "revokeGrace", "shutdownTimeout", "sessionTimeout"] as const),
  ...(["rebalanceTimeout", "unknownJobGrace", "patternInterval", "stuckAfter"] as const),
] as const;
const NAMES = [
  ...(["queues", "concurrency", "scheduler", "signal", "groupProtocol", "instanceId"] as const),
  ...TIMES,
  ...(["maxBatchJobs", "maxBufferedBytes"] as const),
] as const;
const PROTOCOLS = ["classic", "consumer"] as const;
/** What Kafka takes for the name of a static member. */
const INSTANCE_ID = /^(?!\.{1,2}$)[\w.-]{1,249}$/;
/** What is left of the rebalance timeout for the join itself, in ms. */
const JOIN_RESERVE = 5_000;
/** Looking for topics without a pause, in ms, would be all that a broker does. */
const SHORTEST_INTERVAL = 100;
const LONGEST_SESSION = 3_600_000;
/** As JoinGroup carries it: 32 bits. */
const LONGEST_REBALANCE = 0x7fff_ffff;

/** What of the app's patterns and topics bears on a worker's options. */
export interface PatternMatch {
  /** Whether there are any. */
  readonly any: boolean;
  /** Whether the app has schedule topics: then a worker may work on no queue at all. */
  readonly schedules?: boolean;
  matches(queue: string): boolean;
}

const NO_PATTERNS: PatternMatch = { any: false, matches: () => false };

export function resolveWorkOptions(
  value: unknown,
  allQueues: readonly string[],
  patterns: PatternMatch = NO_PATTERNS,
): WorkSettings {
  const options = checkOptions(value, "work", NAMES);
  const time = (name: (typeof TIMES)[number]): number => parseDuration(options[name] ?? DEFAULTS[name], `work.${name}`);
  const count = (name: "concurrency" | "maxBatchJobs" | "maxBufferedBytes"): number =>
    optionalInteger(options[name], `work.${name}`, 1, Number.MAX_SAFE_INTEGER) ?? DEFAULTS[name];
  const settings: WorkSettings = {
    queues: checkQueues(options.queues, allQueues, patterns),
    patterns: options.queues === undefined && patterns.any,
    signal: checkSignal(options.signal),
    scheduler: optionalBoolean(options.scheduler, "work.scheduler") ?? true,
    groupProtocol: optionalChoice(options.groupProtocol, "work.groupProtocol", PROTOCOLS),
    instanceId: checkInstanceId(options.instanceId),
    concurrency: count("concurrency"),
    commitInterval: time("commitInterval"),
    checkpointInterval: time("checkpointInterval"),
    revokeGrace: time("revokeGrace"),
    shutdownTimeout: time("shutdownTimeout"),
    sessionTimeout: time("sessionTimeout"),
    rebalanceTimeout: time("rebalanceTimeout"),
    unknownJobGrace: time("unknownJobGrace"),
    patternInterval: Math.max(SHORTEST_INTERVAL, time("patternInterval")),
    stuckAfter: time("stuckAfter"),
    maxBatchJobs: count("maxBatchJobs"),
    maxBufferedBytes: count("maxBufferedBytes"),
  };
  checkTimes(settings);
  return settings;
}

function checkTimes({ sessionTimeout, rebalanceTimeout, revokeGrace }: WorkSettings): void {
  if (sessionTimeout <= 2 * DEFAULTS.leaseMargin || sessionTimeout > LONGEST_SESSION) {
    throw new InvalidOptionError(
      "work.sessionTimeout",
      `${sessionTimeout} ms given, more than ${2 * DEFAULTS.leaseMargin} ms and at most 1 h is expected`,
    );
  }
  if (rebalanceTimeout > LONGEST_REBALANCE) {
    throw new InvalidOptionError(
      "work.rebalanceTimeout",
      `${rebalanceTimeout} ms given, at most ${LONGEST_REBALANCE} ms, 24 days, is expected`,
    );
  }
  if (revokeGrace > rebalanceTimeout - JOIN_RESERVE) {
    throw new InvalidOptionError(
      "work.revokeGrace",
      `${revokeGrace} ms is more than rebalanceTimeout less ${JOIN_RESERVE} ms, ${rebalanceTimeout - JOIN_RESERVE} ms: ` +
        "a job that took all of it would cost this worker its membership",
    );
  }
}

function checkQueues(value: unknown, allQueues: readonly string[], patterns: PatternMatch): readonly string[] {
  if (value === undefined) {
    if (allQueues.length > 0) return allQueues;
    throw new InvalidOptionError("work.queues", "the app has no jobs: import the modules that define them");
  }
  const isEmpty = Array.isArray(value) && value.length === 0;
  if (
    !Array.isArray(value) ||
    (isEmpty && patterns.schedules !== true) ||
    !value.every((queue) => typeof queue === "string")
  ) {
    throw new InvalidOptionError("work.queues", `${describe(value)} given, a list of queue names is expected`);
  }
  for (const queue of value as string[]) {
    if (!allQueues.includes(queue) && !patterns.matches(queue)) {
      throw new InvalidOptionError(
        "work.queues",
        `no job is defined for queue ${JSON.stringify(queue)}; there are: ${allQueues.join(", ")}`,
      );
    }
  }
  return [...new Set(value as string[])];
}

function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw new InvalidOptionError("work.signal", `${describe(value)} given, an AbortSignal is expected`);
}

function checkInstanceId(value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && INSTANCE_ID.test(value))) return value;
  throw new InvalidOptionError(
    "work.instanceId",
    `${describe(value)} given, 1 to 249 letters (a-z, A-Z), digits, ".", "_" and "-" are expected`,
  );
}

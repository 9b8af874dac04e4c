import fc from "fast-check";
import type { GroupProtocol } from "../../src/client/membership.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import type { WorkOptions } from "../../src/jobs/work-options.ts";
import type { Graces } from "../support/check-ledger.ts";

/** What kind of cluster, queues and workers a simulation has. */
export interface Shape {
  /** Of each worker in turn. */
  readonly protocols: readonly GroupProtocol[];
  /** Whether workers are static members: a new one takes the name of one that has closed or died. */
  readonly isStatic: boolean;
  /** Of the ordered queue. Undefined: it has none. */
  readonly lanes: number | undefined;
  /** Whether jobs are throttled, delayed and looked at for duplicates as they start. */
  readonly isJudged: boolean;
  /** What becomes of jobs that have failed for good. */
  readonly whenExhausted: "block" | "skip" | "park";
  /** Virtual milliseconds; 0: after each job. */
  readonly commitInterval: number;
  /** Virtual milliseconds that a chunk of bytes may take between two parties, at most. */
  readonly latency: number;
  /** Whether a recurring job ticks through the first minutes. */
  readonly isTicking: boolean;
  /** How long (virtual ms) a fetch waits for jobs. */
  readonly fetchWait: number;
  /** How long (ms) any other answer is waited for. */
  readonly requestTimeout: number;
  /** Workers that are there at the start. */
  readonly workers: number;
}

export const GROUP = "workers";
/** Topics and their partitions: `jobs` and `loose` are queues, of jobs with a key and without. */
export const PARTITIONS = { jobs: 3, loose: 2, later: 2, "later-dead": 2, dead: 8, plain: 2 } as const;
export const QUEUES = ["jobs", "loose"] as const;
export type QueueName = (typeof QUEUES)[number];
export const NODES = 3;
/** Of both protocols, in virtual ms. */
export const SESSION = 6_000;
export const GRACES: Graces = { revokeGrace: 5_000, shutdownTimeout: 10_000 };
/** Of a queue that looks for duplicates, in ms. */
export const WINDOW = 20_000;
/** Attempts after which a job has failed for good that has no rule: none that is to end well fails so often, but where it is parked. */
export const MOST_ATTEMPTS: Readonly<Record<Shape["whenExhausted"], number>> = {
  block: Number.POSITIVE_INFINITY,
  skip: 4,
  park: 2,
};

export const shape: fc.Arbitrary<Shape> = fc.record({
  // Where a group goes over to the newer protocol while partitions move, Kafka gives away what a classic member was told
  // to let go and has not yet. No client can help that: so a group has one protocol here.
  protocols: fc.constantFrom<readonly GroupProtocol[]>(["classic"], ["consumer"]),
  isStatic: fc.nat(3).map((n) => n === 0),
  lanes: fc.constantFrom(undefined, undefined, 2, 4),
  isJudged: fc.nat(3).map((n) => n === 0),
  whenExhausted: fc.constantFrom("block" as const, "skip" as const, "park" as const),
  commitInterval: fc.constantFrom(0, 200, 1_000),
  latency: fc.constantFrom(0, 5, 40),
  isTicking: fc.nat(2).map((n) => n === 0),
  // Polls that find nothing are most of what is simulated: where they are few, the same time has more runs.
  fetchWait: fc.nat(7).map((n) => (n === 0 ? 500 : 4_000)),
  // Where it is long, connections that are half open are found before.
  requestTimeout: fc.constantFrom(5_000, 5_000, 30_000),
  workers: fc.nat(3),
});

/** Ticks in the first two minutes of a simulation, and not for a year after. */
export const CRON = "*/7 0-1 8 15 1 *";
/** When the last one is over, in virtual ms. */
export const TICKS_END = 120_000;

export function queueOptions(shape: Shape, queue: QueueName): QueueOptions {
  const { lanes, isJudged, whenExhausted } = shape;
  return {
    backoff: { initial: "100ms", max: "1s", jitter: 0.2 },
    ...(whenExhausted === "block" ? {} : { whenExhausted, maxRetries: MOST_ATTEMPTS[whenExhausted] - 1 }),
    ...(whenExhausted === "skip" ? { deadLetterQueue: { topic: "dead" } } : {}),
    ...(lanes === undefined || queue === "loose" ? {} : { virtualPartitions: { max: lanes } }),
    ...(isJudged
      ? { throttle: { limit: 3, interval: "500ms" }, delay: "200ms", concurrency: 2, dedupe: { window: WINDOW } }
      : {}),
  };
}

export function workOptions({ protocols, commitInterval }: Shape, index: number): WorkOptions {
  return {
    ...{ sessionTimeout: SESSION, rebalanceTimeout: "20s", checkpointInterval: "1s", commitInterval, ...GRACES },
    groupProtocol: protocols[index % protocols.length],
  };
}

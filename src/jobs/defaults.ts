import { LEASE_MARGIN } from "../client/lease.ts";
import type { Backoff } from "./backoff.ts";

/** What the job layer does where no option says otherwise. Times in milliseconds. */
export interface JobDefaults {
  readonly broker: string;
  readonly deliveryTimeout: number;
  readonly transactionTimeout: number;
  readonly backoff: Backoff;
  /** -1: the brokers' own setting. */
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Jobs must not vanish because nobody ran them in time. */
  readonly topicConfig: Readonly<Record<string, string>>;
  readonly commitInterval: number;
  readonly checkpointInterval: number;
  readonly maxBatchJobs: number;
  readonly maxBufferedBytes: number;
  readonly concurrency: number;
  readonly revokeGrace: number;
  readonly shutdownTimeout: number;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly patternInterval: number;
  readonly stuckAfter: number;
  readonly leaseMargin: number;
  /** Failures beyond the first that no rule is for, where a queue does not block. */
  readonly maxRetries: number;
  readonly retryRule: { readonly wait: number; readonly attempts: number; readonly jitter: number };
  readonly unknownJobGrace: number;
  /** How long a request about a scheduled job waits for its verdict. */
  readonly verdictTimeout: number;
  /** How long a partition has to acknowledge what is dispatched to it, before it is set apart. */
  readonly targetAck: number;
  /** A queue's share of free slots. */
  readonly weight: number;
  readonly dedupeWindow: number;
  /** Jobs a second that a redrive brings back. */
  readonly redriveRate: number;
  /** Dead letters that are listed. */
  readonly deadLetterList: number;
}

export const DEFAULTS: JobDefaults = {
  broker: "localhost:9092",
  deliveryTimeout: 120_000,
  transactionTimeout: 10_000,
  backoff: { initial: 1_000, max: 30_000, jitter: 0.2 },
  partitions: -1,
  replicationFactor: -1,
  topicConfig: { "retention.ms": "-1" },
  commitInterval: 1_000,
  checkpointInterval: 5_000,
  maxBatchJobs: 1_000,
  maxBufferedBytes: 64 * 1024 * 1024,
  concurrency: 100,
  revokeGrace: 30_000,
  shutdownTimeout: 60_000,
  sessionTimeout: 10_000,
  rebalanceTimeout: 60_000,
  patternInterval: 30_000,
  stuckAfter: 300_000,
  leaseMargin: LEASE_MARGIN,
  maxRetries: 3,
  retryRule: { wait: 3_000, attempts: 5, jitter: 0.15 },
  unknownJobGrace: 600_000,
  verdictTimeout: 10_000,
  targetAck: 5_000,
  weight: 1,
  dedupeWindow: 600_000,
  redriveRate: 100,
  deadLetterList: 100,
};

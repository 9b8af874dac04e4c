import type { Lease } from "../client/lease.ts";
import type { Clock } from "../net/clock.ts";
import type { AppState } from "./app-state.ts";
import type { CommitSource, Committer } from "./committer.ts";
import type { EventHub } from "./events.ts";
import type { FlowControl } from "./flow-control.ts";
import type { GroupState } from "./group-state.ts";
import type { JobSlots } from "./job-slots.ts";
import type { Leftovers } from "./leftovers.ts";
import type { Moves } from "./moves.ts";
import type { ProgressSaver } from "./progress-saver.ts";
import type { QueueSettings } from "./queue-options.ts";
import type { Throttles } from "./throttle.ts";
import type { Turn } from "./turn.ts";

/** What a worker's partitions share. */
export interface WorkerContext {
  readonly app: AppState;
  readonly clock: Clock;
  readonly events: EventHub;
  readonly slots: JobSlots;
  readonly throttles: Throttles;
  readonly turn: Turn;
  readonly flow: FlowControl;
  readonly lease: Lease;
  readonly committer: Committer;
  readonly leftovers: Leftovers;
  /** Whether nothing is to start anywhere. */
  readonly isQuiet: boolean;
  readonly moves: Moves;
  /** What the group keeps beyond offsets. Its topic is there where one of the worker's queues parks jobs. */
  readonly state: GroupState;
  readonly saver: ProgressSaver;
  /** Milliseconds for which a job is waited for that this process does not know, as during a rolling deploy. */
  readonly unknownJobGrace: number;
  readonly maxBatchJobs: number;
  queueOf(topic: string): QueueSettings;
  /** Resolves once the partition's marks are committed, and `saved` has, or that has taken too long. */
  flush(source: CommitSource, saved?: Promise<void>): Promise<void>;
}

import type { FaultKind } from "./choose-faults.ts";

/** What is kept of a round, as one line of JSON. Times are milliseconds from its start, but where it is said otherwise. */
export interface RoundRecord {
  readonly round: number;
  /** Of the run: the round's own follows from it. */
  readonly seed: number;
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly took: number;
  readonly groupProtocol: string;
  /** Of the queue, at the start and at the end. */
  readonly partitions: readonly [number, number];
  readonly workers: number;
  /** What it ran on, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly counts: RoundCounts;
  /** Jobs that ended well, by runtime. */
  readonly byRuntime: Readonly<Record<string, number>>;
  /** Why enqueues failed, by code. */
  readonly failures: Readonly<Record<string, number>>;
  /** What became of requests about scheduled jobs. */
  readonly verdicts: Readonly<Record<string, number>>;
  readonly passages: readonly PassageRecord[];
  /** Jobs that ended well, in each second. */
  readonly throughput: readonly number[];
  readonly reruns: RerunRecord;
  readonly closings: readonly number[];
  /** How many problems there were of each promise. */
  readonly problems: Readonly<Record<string, number>>;
  /** The first of them. */
  readonly firstProblems: readonly string[];
}

export interface RoundCounts {
  readonly calls: number;
  readonly failedCalls: number;
  readonly enqueued: number;
  readonly scheduled: number;
  readonly dispatched: number;
  readonly starts: number;
  readonly ended: number;
  readonly reruns: number;
  readonly dead: number;
  readonly handed: number;
  readonly steps: number;
  readonly rowsAgain: number;
  readonly commits: number;
  readonly assignments: number;
  readonly hired: number;
  readonly died: number;
  readonly closed: number;
}

export interface PassageRecord {
  readonly faults: readonly { readonly kind: FaultKind; readonly ms: number; readonly reach?: string }[];
  readonly from: number;
  readonly over: number;
  readonly to: number;
  readonly stall: number;
  readonly recovery: number;
}

/** How long before their worker's end jobs had ended that ran again: sorted, in milliseconds. */
export interface RerunRecord {
  /** Where a worker died or froze. Of many, a sample. */
  readonly sudden: readonly number[];
  /** Where brokers or connections were away, too, or a worker was expelled. */
  readonly others: readonly number[];
}

/** A round that did not come to its end. */
export interface BrokenRound {
  readonly round: number;
  readonly seed: number;
  /** By what: it was told to end, its process died, or its brokers could not be started again. */
  readonly broken: "stopped" | "killed" | "brokers";
}

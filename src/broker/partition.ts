import { BatchRefused, type BatchRules, checkBatch } from "./batch-check.ts";
import { PartitionLog } from "./partition-log.ts";
import { ProducerState } from "./producer-state.ts";

/** Where a batch went. */
export interface Appended {
  readonly baseOffset: number;
  /** The broker's time, where the topic is set to LogAppendTime, else -1. */
  readonly logAppendTimeMs: number;
}

/** One partition: its log, its leader, and who waits for records. All nodes share it, so all replicas are in sync. */
export class Partition {
  readonly topicName: string;
  readonly index: number;
  readonly log: PartitionLog = new PartitionLog();
  /** The nodes that hold it; the first one alive leads. */
  replicas: readonly number[];
  /** -1: none of its nodes is up. */
  leaderId: number;
  leaderEpoch = 0;
  readonly #producers = new ProducerState();
  readonly #waiting = new Set<() => void>();

  constructor(topicName: string, index: number, replicas: readonly number[], leaderId: number) {
    this.topicName = topicName;
    this.index = index;
    this.replicas = replicas;
    this.leaderId = leaderId;
    this.log.beginEpoch(this.leaderEpoch);
  }

  /** Appends the batch, or finds that it was appended before. Throws {@link BatchRefused}. `now`: epoch ms. */
  append(records: Uint8Array | null, version: number, rules: BatchRules, now: number): Appended {
    const { header, bytes, maxTimestamp } = checkBatch(records, version, rules, now);
    const verdict = this.#producers.judge(header);
    if (verdict.kind === "refuse") throw new BatchRefused(verdict.errorCode, verdict.reason);
    if (verdict.kind === "duplicate") {
      return { baseOffset: verdict.baseOffset, logAppendTimeMs: rules.logAppendTime ? verdict.timestamp : -1 };
    }
    const baseOffset = this.log.append({ bytes, offsetCount: header.recordCount, maxTimestamp }, this.leaderEpoch);
    this.#producers.appended(header, baseOffset, maxTimestamp);
    this.wake();
    return { baseOffset, logAppendTimeMs: rules.logAppendTime ? maxTimestamp : -1 };
  }

  /** Gives the partition to another node, or to none (-1). Whoever waits learns of it. */
  lead(nodeId: number): void {
    this.leaderId = nodeId;
    this.leaderEpoch += 1;
    this.log.beginEpoch(this.leaderEpoch);
    this.wake();
  }

  /** Calls `run` at each change until the returned function is called. */
  onChange(run: () => void): () => void {
    this.#waiting.add(run);
    return () => void this.#waiting.delete(run);
  }

  wake(): void {
    for (const run of [...this.#waiting]) run();
  }
}

import { InvalidArgumentError, type KafkaError } from "./errors.ts";
import type { TopicPartition } from "./topic-partition.ts";
import { TypedEmitter } from "./typed-emitter.ts";

/** Why a partition is read from where neither a commit nor the user put it. */
export type ResetReason = "noCommit" | "outOfRange" | "truncated" | "recreated";

/** What `consumer.on` can be asked for, and what its listeners get. */
export interface ConsumerEvents {
  /** Partitions that are this consumer's from now on. */
  assigned: { readonly partitions: readonly TopicPartition[] };
  /** Partitions that are wanted elsewhere. What was given of them may still be committed while the rebalance waits. */
  revoked: { readonly partitions: readonly TopicPartition[] };
  /** Partitions that were taken away: another member may have them already. */
  lost: { readonly partitions: readonly TopicPartition[] };
  /**
   * A partition is read from another offset than was due. "noCommit": the group has none. "outOfRange": the log does not
   * have `from`. "truncated": records up to `from` were read and are gone (KIP-320). "recreated": the topic was deleted
   * and made again.
   */
  offsetReset: TopicPartition & {
    readonly reason: ResetReason;
    readonly from: number | undefined;
    readonly to: number;
  };
  /**
   * Under the "consumer" protocol another member has this static member's name, or one that died had it and its session
   * lasts: nothing is read until it is free. Told each time that it was tried.
   */
  instanceIdBusy: { readonly groupInstanceId: string; readonly error: KafkaError };
  /** Something failed, and is tried again. What does not pass ends the iteration instead. */
  error: { readonly error: KafkaError; readonly during: string };
}

const NAMES: Readonly<Record<keyof ConsumerEvents, true>> = {
  assigned: true,
  revoked: true,
  lost: true,
  offsetReset: true,
  instanceIdBusy: true,
  error: true,
};

export function consumerEvents(): TypedEmitter<ConsumerEvents> {
  return new TypedEmitter<ConsumerEvents>(NAMES, (name) => {
    throw new InvalidArgumentError(`unknown consumer event ${name}: there are ${Object.keys(NAMES).join(", ")}`);
  });
}

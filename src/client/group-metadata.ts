import type { Membership } from "./membership.ts";
import type { TopicPartition } from "./topic-partition.ts";

/**
 * A member of a group, as a transaction has to name it: offsets of a member that has been replaced are refused (KIP-447).
 * Take it anew for each transaction, since each rebalance changes it.
 */
export interface GroupMetadata extends Membership {
  readonly groupId: string;
}

/** A consumer, as far as a transaction that commits its offsets has to know it. */
export interface GroupReader {
  readonly groupMetadata: GroupMetadata;
  /** Whether the partition is this member's now. */
  owns(topic: string, partition: number): boolean;
  /** Whether the offset lies within what this member has been given since the partition came to it. */
  hasRead(partition: TopicPartition, offset: number): boolean;
}

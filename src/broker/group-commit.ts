/** Who commits offsets to a group, as a request names him. */
export interface Committer {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** The classic group's generation, or the member's epoch (KIP-848); -1: from outside of the group. */
  readonly epoch: number;
  /** Whether a producer does so in a transaction (TxnOffsetCommit). */
  readonly isTransactional: boolean;
  /** The version of the request. */
  readonly version: number;
}

/** Whether the committer may commit to this partition: a Kafka error code. */
export type CommitCheck = (topicId: string, partition: number) => number;

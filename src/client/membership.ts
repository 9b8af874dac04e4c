import type { KafkaError } from "./errors.ts";
import type { TopicPartition } from "./topic-partition.ts";

/** What the owner of a membership is told. */
export interface GroupHandlers {
  /** These partitions are this member's from now on. */
  assigned(partitions: readonly TopicPartition[]): void;
  /** These are wanted elsewhere. Each stays this member's until `release` is called with it, or the promise settles. */
  revoked(partitions: readonly TopicPartition[], release: (partition: TopicPartition) => void): Promise<void>;
  /** These are gone: another member may have them already. */
  lost(partitions: readonly TopicPartition[]): void;
  /** Something failed several times in a row, and is tried again. */
  troubled(error: KafkaError): void;
  /** Something failed for good: the membership has ended. */
  failed(error: KafkaError): void;
}

/** Who this member is to the coordinator, as requests that only members may make have to say. */
export interface Membership {
  readonly memberId: string;
  readonly generationId: number;
}

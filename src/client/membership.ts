import type { KafkaError } from "./errors.ts";
import type { TopicPartition } from "./topic-partition.ts";

/** "consumer": the broker assigns (KIP-848). "classic": the members do. */
export type GroupProtocol = "consumer" | "classic";

/** What the owner of a membership is told. */
export interface GroupHandlers {
  /** These partitions are this member's from now on. */
  assigned(partitions: readonly TopicPartition[]): void;
  /** These are wanted elsewhere. Each stays this member's until `release` is called with it, or the promise settles. */
  revoked(partitions: readonly TopicPartition[], release: (partition: TopicPartition) => void): Promise<void>;
  /** These are gone: another member may have them already. */
  lost(partitions: readonly TopicPartition[]): void;
  /** Another member, or one that died, still has this static member's name: it is waited for. Told each time that it was tried. */
  instanceIdBusy?(error: KafkaError): void;
  /** Something failed several times in a row, and is tried again. */
  troubled(error: KafkaError): void;
  /** Something failed for good: the membership has ended. */
  failed(error: KafkaError): void;
}

/** Who this member is to the coordinator, as requests that only members may make have to say. */
export interface Membership {
  readonly memberId: string;
  /** The classic group's generation, or the member's epoch (KIP-848); -1: not in the group. */
  readonly generationId: number;
  /** Of a static member. */
  readonly groupInstanceId?: string | undefined;
  /** Default "classic". */
  readonly protocol?: GroupProtocol | undefined;
}

/** Who asks, as requests say it; brokers that know no static members get no name of one. */
export function identityOf({ memberId, groupInstanceId }: Membership): { memberId: string; groupInstanceId?: string } {
  return groupInstanceId === undefined ? { memberId } : { memberId, groupInstanceId };
}

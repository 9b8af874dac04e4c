import type { TopicPartition } from "./topic-partition.ts";

/** How the members of a classic group share out partitions, by Kafka's own names. */
export type AssignorName = "cooperative-sticky" | "range";

/** A member of a group, as its leader sees it. */
export interface AssignorMember {
  readonly memberId: string;
  /** Of a static member: it outlives the member id, so that whoever comes back gets what it had. */
  readonly groupInstanceId?: string | null | undefined;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** The generation in which it got what it claims to own; -1: not known. */
  readonly generation: number;
}

export type Assignment = Map<string, TopicPartition[]>;

/** Members in an order that does not depend on who asks: static ones first, by the names that they keep. */
export function inOrder(members: readonly AssignorMember[]): AssignorMember[] {
  const place = ({ groupInstanceId, memberId }: AssignorMember): string =>
    groupInstanceId == null ? `1${memberId}` : `0${groupInstanceId}`;
  return members
    .map((member) => ({ member, place: place(member) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ member }) => member);
}

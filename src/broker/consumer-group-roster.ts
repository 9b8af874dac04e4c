import {
  type ConsumerMember,
  isReconciled,
  NO_PARTITIONS,
  type OwnedPartitions,
  type PartitionSets,
} from "./consumer-group-member.ts";
import { GroupSubscriptions, type GroupTopics } from "./consumer-group-subscriptions.ts";
import { type AssignableMember, rangeAssignor, type TargetAssignor } from "./range-assignor.ts";
import { uniformAssignor } from "./uniform-assignor.ts";

/** The assignors of the broker, the one for members that name none first. */
export const assignors: ReadonlyMap<string, TargetAssignor> = new Map([
  ["uniform", uniformAssignor],
  ["range", rangeAssignor],
]);
const DEFAULT_ASSIGNOR = "uniform";

export type ConsumerGroupState = "Empty" | "Assigning" | "Reconciling" | "Stable";

/** Who is in a consumer group, what they have and are to have: the group's data without its course. */
export class ConsumerRoster {
  readonly #topics: GroupTopics;
  readonly #members = new Map<string, ConsumerMember>();
  readonly #staticIds = new Map<string, string>();
  /** By topic id and partition: who has it, or is giving it up. */
  readonly #holders = new Map<string, Map<number, string>>();
  #targets: Map<string, PartitionSets> = new Map();
  readonly subscriptions: GroupSubscriptions;
  /** Rises with each change of who is in the group, or what they are to share. */
  groupEpoch = 1;
  /** How often anything of it but the epochs has changed. */
  changes = 0;
  /** The group epoch that the targets were made for. */
  assignmentEpoch = 1;

  constructor(topics: GroupTopics) {
    this.#topics = topics;
    this.subscriptions = new GroupSubscriptions(topics);
  }

  get size(): number {
    return this.#members.size;
  }
  get members(): Iterable<ConsumerMember> {
    return this.#members.values();
  }
  get state(): ConsumerGroupState {
    if (this.#members.size === 0) return "Empty";
    if (this.groupEpoch > this.assignmentEpoch) return "Assigning";
    for (const member of this.#members.values()) {
      if (!isReconciled(member, this.assignmentEpoch)) return "Reconciling";
    }
    return "Stable";
  }
  /** The assignor that most members name. */
  get assignorName(): string {
    const votes = new Map<string, number>();
    for (const { serverAssignor } of this.#members.values()) {
      if (serverAssignor !== null) votes.set(serverAssignor, (votes.get(serverAssignor) ?? 0) + 1);
    }
    let best: string | undefined;
    for (const [name, count] of votes) if (best === undefined || count > votes.get(best)!) best = name;
    return best ?? DEFAULT_ASSIGNOR;
  }

  get(memberId: string): ConsumerMember | undefined {
    return this.#members.get(memberId);
  }
  staticMember(instanceId: string | null): ConsumerMember | undefined {
    return instanceId === null ? undefined : this.#members.get(this.#staticIds.get(instanceId) ?? "");
  }
  targetOf(memberId: string): PartitionSets {
    return this.#targets.get(memberId) ?? NO_PARTITIONS;
  }
  /** Whether nobody but the member has the partition. */
  isFree(topicId: string, partition: number, memberId: string): boolean {
    const holder = this.#holders.get(topicId)?.get(partition);
    return holder === undefined || holder === memberId;
  }

  /** Adds a member, or puts it in its own place. */
  put(member: ConsumerMember): void {
    this.changes += 1;
    const before = this.#members.get(member.memberId);
    this.subscriptions.replace(before, member);
    if (before !== undefined) this.#release(before);
    this.#hold(member);
    this.#members.set(member.memberId, member);
    if (member.instanceId !== null) this.#staticIds.set(member.instanceId, member.memberId);
  }

  remove(member: ConsumerMember): void {
    this.changes += 1;
    this.#members.delete(member.memberId);
    this.subscriptions.replace(member, undefined);
    this.#release(member);
    this.#targets.delete(member.memberId);
    const { instanceId, memberId } = member;
    if (instanceId !== null && this.#staticIds.get(instanceId) === memberId) this.#staticIds.delete(instanceId);
  }

  /** A static member comes back under a new id and takes over what the old one has and is to have. */
  replace(old: ConsumerMember, member: ConsumerMember): void {
    const target = this.targetOf(old.memberId);
    this.remove(old);
    this.put(member);
    this.#targets.set(member.memberId, target);
  }

  #hold({ memberId, assigned, pendingRevocation }: ConsumerMember): void {
    for (const [topicId, partition] of pairs(assigned, pendingRevocation)) {
      const holders = this.#holders.get(topicId);
      if (holders === undefined) this.#holders.set(topicId, new Map([[partition, memberId]]));
      else holders.set(partition, memberId);
    }
  }

  #release({ assigned, pendingRevocation }: ConsumerMember): void {
    for (const [topicId, partition] of pairs(assigned, pendingRevocation)) {
      const holders = this.#holders.get(topicId);
      holders?.delete(partition);
      if (holders?.size === 0) this.#holders.delete(topicId);
    }
  }

  /** Decides anew who is to have what. */
  assign(): void {
    this.changes += 1;
    const members = [...this.#members.values()].map((member): AssignableMember => {
      const { memberId, instanceId } = member;
      const { topicIds } = this.subscriptions.of(member);
      return { memberId, instanceId, topicIds, before: this.targetOf(memberId) };
    });
    const partitionCount = (topicId: string): number => this.#topics.byId(topicId)?.partitions.length ?? 0;
    this.#targets = assignors.get(this.assignorName)!(members, partitionCount);
    this.assignmentEpoch = this.groupEpoch;
  }

  /** Sets who is to have what to what a group had that became this one. */
  adopt(epoch: number, targets: ReadonlyMap<string, PartitionSets>): void {
    this.groupEpoch = epoch;
    this.assignmentEpoch = epoch;
    this.#targets = new Map(targets);
  }
}

function* pairs(...sets: readonly OwnedPartitions[]): Iterable<readonly [topicId: string, partition: number]> {
  for (const set of sets) {
    for (const [topicId, partitions] of set) for (const partition of partitions.keys()) yield [topicId, partition];
  }
}

import { ErrorCode } from "../../protocol/errors.ts";
import type { Clock } from "../net/clock.ts";
import type { ClassicGroupSettings } from "./classic-group.ts";
import type { ConsumerGroupSettings } from "./consumer-group-core.ts";
import type { GroupTopics } from "./consumer-group-subscriptions.ts";
import type { CoordinatorChoice } from "./coordinator-choice.ts";
import { Group } from "./group.ts";
import type { CommitCheck, Committer } from "./group-commit.ts";
import { orErrorCode } from "./group-error.ts";
import type { GroupStore } from "./group-store.ts";
import { createOffsetExpiry } from "./offset-expiry.ts";

export interface GroupSettings extends ClassicGroupSettings, ConsumerGroupSettings {
  /** The longest metadata of a committed offset, in UTF-16 units as Kafka counts. */
  readonly offsetMetadataMaxBytes: number;
  /** How long offsets are kept that nobody uses, in ms. */
  readonly offsetsRetentionMs: number;
}

/** Kafka's own defaults, but for the initial delay and the assignment interval: waiting helps nobody here. */
export const groupDefaults: GroupSettings = {
  initialRebalanceDelayMs: 0,
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  consumerSessionTimeoutMs: 45_000,
  consumerHeartbeatIntervalMs: 5_000,
  consumerAssignmentIntervalMs: 0,
  migrationPolicy: "bidirectional",
  maxSize: Number.POSITIVE_INFINITY,
  offsetMetadataMaxBytes: 4096,
  offsetsRetentionMs: 7 * 24 * 60 * 60 * 1000,
};

/** A commit that a group takes, as far as its partitions allow. */
export interface AcceptedCommit {
  readonly group: Group;
  readonly partitionError: CommitCheck;
}

/** All groups of the cluster, and which node coordinates which. */
export interface Groups {
  readonly settings: GroupSettings;
  readonly all: readonly Group[];
  find(groupId: string): Group | undefined;
  /** The group, made where there was none. */
  obtain(groupId: string): Group;
  /** What `ask` of the group gives; a group that there was not is kept only if that does not throw. */
  attempt<T>(groupId: string, ask: (group: Group) => T): T;
  /** Forgets a group with its offsets. */
  remove(group: Group): void;
  /**
   * Whether a group takes a commit: the one check for OffsetCommit and TxnOffsetCommit. A Kafka error code for all
   * partitions, or the group, with a check for each. From outside of any group, it makes the group.
   */
  accept(groupId: string, committer: Committer): AcceptedCommit | number;
  /** The id of the node that coordinates the group, or -1 where none is up. */
  coordinatorOf(groupId: string): number;
  /** Gives the group to another node: who waits for an answer is sent there. */
  moveCoordinator(groupId: string, nodeId: number): void;
  /** A node came up or went down. */
  nodesChanged(): void;
  forgetTopic(topic: string): void;
  /** Stops all timers. */
  close(): void;
}

/** The first version of OffsetCommit that knows of the newer protocol's errors. */
const NEWER_ERRORS_SINCE = 9;

export function createGroups(
  clock: Clock,
  settings: GroupSettings,
  topics: GroupTopics,
  coordinators: CoordinatorChoice,
  store: GroupStore,
): Groups {
  const groups = new Map<string, Group>();
  const holders = new Map<string, number>();

  const coordinatorOf = (groupId: string): number => coordinators.of(groupId);
  const settle = (group: Group): void => {
    const nodeId = coordinatorOf(group.groupId);
    if (holders.get(group.groupId) === nodeId) return;
    holders.set(group.groupId, nodeId);
    group.unload(ErrorCode.NOT_COORDINATOR);
    if (nodeId !== -1) group.load();
  };
  const attempt = <T>(groupId: string, ask: (group: Group) => T): T => {
    const group = groups.get(groupId) ?? new Group(groupId, { clock, settings, topics }, store.keeper(groupId));
    const answer = ask(group);
    if (!groups.has(groupId)) holders.set(groupId, coordinatorOf(groupId));
    groups.set(groupId, group);
    return answer;
  };
  const remove = (group: Group): void => {
    group.unload(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    group.forget();
    groups.delete(group.groupId);
    holders.delete(group.groupId);
  };
  const expiry = createOffsetExpiry(clock, settings.offsetsRetentionMs, () => groups.values(), remove);
  const obtain = (groupId: string): Group => attempt(groupId, (group) => group);
  for (const groupId of store.groupIds) obtain(groupId).load();

  return {
    settings,
    get all() {
      expiry.sweep();
      return [...groups.values()];
    },
    find(groupId) {
      expiry.sweep();
      return groups.get(groupId);
    },
    obtain,
    attempt,
    remove,
    accept(groupId, committer) {
      expiry.sweep();
      const { epoch, isTransactional, version } = committer;
      const knows = !isTransactional && version >= NEWER_ERRORS_SINCE;
      // From outside of any group; else its member knows of a generation that is no longer there.
      const group = epoch < 0 ? obtain(groupId) : groups.get(groupId);
      if (group === undefined) return knows ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
      const check = orErrorCode(() => group.checkCommit(committer));
      if (typeof check === "number") return forCommit(check, isTransactional);
      return { group, partitionError: (topicId, partition) => forCommit(check(topicId, partition), isTransactional) };
    },
    coordinatorOf,
    moveCoordinator(groupId, nodeId) {
      coordinators.move(groupId, nodeId);
      settle(obtain(groupId));
    },
    nodesChanged() {
      for (const group of groups.values()) settle(group);
    },
    forgetTopic(topic) {
      for (const group of groups.values()) group.offsets.forgetTopic(topic);
    },
    close() {
      for (const group of groups.values()) group.unload(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    },
  };
}

/** Producers know of generations, not of members' epochs. */
function forCommit(errorCode: number, isTransactional: boolean): number {
  return isTransactional && errorCode === ErrorCode.STALE_MEMBER_EPOCH ? ErrorCode.ILLEGAL_GENERATION : errorCode;
}

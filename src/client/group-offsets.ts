import { ErrorCode } from "../../protocol/errors.ts";
import { offsetCommit } from "../../protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../protocol/messages/09-offset-fetch.ts";
import type { Connection } from "../net/connection.ts";
import type { Coordinator } from "./coordinator.ts";
import { refuse } from "./coordinator.ts";
import { KafkaError, ProtocolError } from "./errors.ts";
import { identityOf, type Membership } from "./membership.ts";
import { groupByTopic, partitionKey, type TopicPartition } from "./topic-partition.ts";

/** An offset that a group has committed: the next to read. */
export interface CommittedOffset {
  readonly offset: number;
  /** -1: not known. */
  readonly leaderEpoch: number;
  readonly metadata: string;
}

/** An offset that a group has committed for a partition. */
export interface GroupOffset extends TopicPartition, CommittedOffset {}

/** An offset to commit. */
export interface OffsetToCommit extends TopicPartition {
  readonly offset: number;
  /** Of the last batch that was read before `offset`; -1: not known. */
  readonly leaderEpoch: number;
  /** Kept beside the offset; brokers take 4,096 bytes by default. */
  readonly metadata: string;
}

/** The last versions that name topics rather than giving their ids. */
const LAST_COMMIT_BY_NAME = 9;
const LAST_FETCH_BY_NAME = 9;
const FIRST_FETCH_BY_GROUP = 8;
const FIRST_STABLE_FETCH = 7;

/**
 * The group's committed offsets of `partitions`, by {@link partitionKey}; one without a commit is missing. They are
 * stable (KIP-447): while a transaction on one is open, this waits. `membership` says who asks, where that is a member.
 */
export function fetchOffsets(
  coordinator: Coordinator,
  partitions: readonly TopicPartition[],
  timeout: number,
  signal?: AbortSignal,
  membership: () => Membership | undefined = () => undefined,
): Promise<Map<string, CommittedOffset>> {
  return coordinator.retry("offsets", timeout, signal, async (connection) => {
    try {
      const offsets = await readOffsets(connection, coordinator.key, partitions, true, membership());
      return new Map(
        offsets.map(({ topic, partition, offset, leaderEpoch, metadata }) => {
          return [partitionKey(topic, partition), { offset, leaderEpoch, metadata }];
        }),
      );
    } catch (error) {
      if (error instanceof ProtocolError && MEMBERSHIP_MOVED.has(error.errorCode)) throw overtaken(error);
      throw error;
    }
  });
}

/** A rebalance overtook the request: with the next generation this member still has the partition, or has lost it. */
export const MEMBERSHIP_MOVED: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.STALE_MEMBER_EPOCH,
]);

/** An error that says so, and may pass. */
export function overtaken({ code, message }: KafkaError): KafkaError {
  return new KafkaError(code, `${message}; a rebalance overtook it`, true);
}

/**
 * Asks the coordinator once for committed offsets: of `partitions`, or (null) of all that the group has any of; those
 * without a commit are left out. `requireStable`: refused with UNSTABLE_OFFSET_COMMIT while a transaction is open.
 */
export async function readOffsets(
  connection: Connection,
  groupId: string,
  partitions: readonly TopicPartition[] | null,
  requireStable: boolean,
  membership?: Membership,
): Promise<GroupOffset[]> {
  const version = connection.versionOf(offsetFetch, LAST_FETCH_BY_NAME);
  const topics =
    partitions === null
      ? null
      : [...groupByTopic(partitions)].map(([name, list]) => ({
          name,
          partitionIndexes: list.map(({ partition }) => partition),
        }));
  // A member that was put out meanwhile must learn of it here, not start from offsets that another one moves (KIP-848).
  const member =
    membership?.protocol === "consumer" ? { memberId: membership.memberId, memberEpoch: membership.generationId } : {};
  const body = version >= FIRST_FETCH_BY_GROUP ? { groups: [{ groupId, ...member, topics }] } : { groupId, topics };
  const stable = version >= FIRST_STABLE_FETCH ? { requireStable } : {};
  const response = await connection.send(offsetFetch, { ...body, ...stable }, { maxVersion: LAST_FETCH_BY_NAME });
  const group = version >= FIRST_FETCH_BY_GROUP ? response.groups[0] : response;
  const what = `offsets of group ${groupId}`;
  // Brokers other than Apache's say so where Apache's give no offset: a group that is not has committed nothing.
  if (group?.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) return [];
  refuse(group?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, what, connection.broker);
  const offsets: GroupOffset[] = [];
  const missing = new Set((partitions ?? []).map(({ topic, partition }) => partitionKey(topic, partition)));
  for (const { name: topic, partitions: answers } of group?.topics ?? []) {
    for (const { partitionIndex: partition, committedOffset, committedLeaderEpoch, metadata, errorCode } of answers) {
      const key = partitionKey(topic, partition);
      missing.delete(key);
      refuse(errorCode, `${what} for ${key}`, connection.broker);
      if (committedOffset < 0) continue;
      const rest = { offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata: metadata ?? "" };
      offsets.push({ topic, partition, ...rest });
    }
  }
  if (missing.size > 0) {
    // Taken for "nothing committed", this would begin a partition anew.
    const message = `${what}: the broker's answer lacks ${[...missing].join(", ")}`;
    throw new KafkaError("MISSING_ANSWER", message, true, { broker: connection.broker });
  }
  return offsets;
}

/**
 * Sends one commit as a member, without repetition: the answer may come from a generation that is past. Gives Kafka's
 * error code for each partition, by {@link partitionKey}; rejects where there was no answer.
 */
export async function commitOffsets(
  coordinator: Coordinator,
  membership: Membership,
  offsets: readonly OffsetToCommit[],
): Promise<Map<string, number>> {
  const { key: groupId } = coordinator;
  const connection = await coordinator.connection("offsets");
  const response = await connection.send(
    offsetCommit,
    {
      groupId,
      generationIdOrMemberEpoch: membership.generationId,
      ...identityOf(membership),
      topics: [...groupByTopic(offsets)].map(([name, list]) => ({
        name,
        partitions: list.map(({ partition, offset, leaderEpoch, metadata }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: leaderEpoch,
          committedMetadata: metadata,
        })),
      })),
    },
    { maxVersion: LAST_COMMIT_BY_NAME },
  );
  const codes = new Map<string, number>();
  for (const topic of response.topics) {
    for (const { partitionIndex, errorCode } of topic.partitions)
      codes.set(partitionKey(topic.name, partitionIndex), errorCode);
  }
  for (const { topic, partition } of offsets) {
    if (!codes.has(partitionKey(topic, partition))) {
      throw new ProtocolError(ErrorCode.UNKNOWN_SERVER_ERROR, `commit of ${topic}/${partition}`, { topic, partition });
    }
  }
  return codes;
}

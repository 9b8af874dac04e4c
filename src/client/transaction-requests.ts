import { ErrorCode } from "../../protocol/errors.ts";
import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../protocol/messages/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../protocol/messages/25-add-offsets-to-txn.ts";
import { endTxn } from "../../protocol/messages/26-end-txn.ts";
import { txnOffsetCommit } from "../../protocol/messages/28-txn-offset-commit.ts";
import type { Connection } from "../net/connection.ts";
import { refuse } from "./coordinator.ts";
import { KafkaError, ProtocolError } from "./errors.ts";
import type { GroupMetadata } from "./group-metadata.ts";
import type { OffsetToCommit } from "./group-offsets.ts";
import type { ProducerIdentity } from "./partition-queue.ts";
import { groupByTopic, partitionKey, type TopicPartition } from "./topic-partition.ts";

/** Who asks, as every request of a transaction has to say. */
export interface TransactionStamp extends ProducerIdentity {
  readonly transactionalId: string;
  /**
   * Whether partitions become part of a transaction by being written to, and each transaction has an epoch of its own
   * (KIP-890 part 2). Versions of requests that imply it must not be sent without it.
   */
  readonly isImplicit: boolean;
}

/** Brokers keep the later versions for themselves. */
const LAST_ADD_PARTITIONS_OF_PRODUCERS = 3;
const LAST_EXPLICIT_TXN_OFFSET_COMMIT = 4;
const LAST_EXPLICIT_END_TXN = 4;
/** The last version of Produce that does not make its partitions part of the transaction. */
export const LAST_EXPLICIT_PRODUCE = 11;
const TRANSACTION_VERSION_2 = 2;

/** Whether the cluster has KIP-890's part 2 switched on: the versions that a broker speaks do not tell. */
export function isImplicit(connection: Connection): boolean {
  return (
    connection.feature("transaction.version") >= TRANSACTION_VERSION_2 &&
    connection.versionOf(endTxn) > LAST_EXPLICIT_END_TXN
  );
}

/**
 * Takes over a transactional id: what is open under it is aborted, and whoever had it before is fenced. With the id and
 * epoch of `present` only the one that had them goes on, with a greater epoch (KIP-360).
 */
export async function initTransactionalId(
  connection: Connection,
  transactionalId: string,
  transactionTimeout: number,
  present: ProducerIdentity | undefined,
  timeout: number,
): Promise<ProducerIdentity> {
  const known = { producerId: present?.producerId ?? -1, producerEpoch: present?.epoch ?? -1 };
  const body = { transactionalId, transactionTimeoutMs: transactionTimeout, ...known };
  const answer = await connection.send(initProducerId, body, { timeout });
  const what = `transactional id ${transactionalId} with a transactionTimeout of ${transactionTimeout} ms`;
  refuse(answer.errorCode, what, connection.broker);
  return { producerId: answer.producerId, epoch: answer.producerEpoch, transactional: true };
}

/** Makes partitions part of the transaction, before they are written to. */
export async function addPartitions(
  connection: Connection,
  stamp: TransactionStamp,
  partitions: readonly TopicPartition[],
  timeout: number,
): Promise<void> {
  const response = await connection.send(
    addPartitionsToTxn,
    {
      v3AndBelowTransactionalId: stamp.transactionalId,
      v3AndBelowProducerId: stamp.producerId,
      v3AndBelowProducerEpoch: stamp.epoch,
      v3AndBelowTopics: topicsOf(partitions, ({ partition }) => partition),
    },
    { timeout, maxVersion: LAST_ADD_PARTITIONS_OF_PRODUCERS },
  );
  const codes = new Map<string, number>();
  for (const { name, resultsByPartition } of response.resultsByTopicV3AndBelow)
    for (const one of resultsByPartition) codes.set(partitionKey(name, one.partitionIndex), one.partitionErrorCode);
  refuseAny(codes, partitions, `transaction of ${stamp.transactionalId}`, connection.broker);
}

/** Makes the group's part of the offsets topic part of the transaction. */
export async function addOffsets(
  connection: Connection,
  stamp: TransactionStamp,
  groupId: string,
  timeout: number,
): Promise<void> {
  const { transactionalId, producerId, epoch } = stamp;
  const body = { transactionalId, producerId, producerEpoch: epoch, groupId };
  const answer = await connection.send(addOffsetsToTxn, body, { timeout });
  refuse(answer.errorCode, `offsets of group ${groupId} in the transaction of ${transactionalId}`, connection.broker);
}

/** Commits a group's offsets as a part of the transaction. `connection` leads to the group's coordinator. */
export async function commitTransactionOffsets(
  connection: Connection,
  stamp: TransactionStamp,
  group: GroupMetadata,
  offsets: readonly OffsetToCommit[],
  timeout: number,
): Promise<void> {
  const { groupId, memberId, generationId, groupInstanceId = null } = group;
  const response = await connection.send(
    txnOffsetCommit,
    {
      ...{ transactionalId: stamp.transactionalId, producerId: stamp.producerId, producerEpoch: stamp.epoch },
      ...{ groupId, memberId, generationId, groupInstanceId },
      topics: topicsOf(offsets, ({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch,
        committedMetadata: metadata,
      })),
    },
    { timeout, maxVersion: stamp.isImplicit ? undefined : LAST_EXPLICIT_TXN_OFFSET_COMMIT },
  );
  const codes = new Map<string, number>();
  for (const topic of response.topics)
    for (const one of topic.partitions) codes.set(partitionKey(topic.name, one.partitionIndex), one.errorCode);
  refuseAny(
    codes,
    offsets,
    `offsets of group ${groupId} in the transaction of ${stamp.transactionalId}`,
    connection.broker,
  );
}

/** Commits or aborts. Gives the identity to go on with; undefined: as before. */
export async function endTransaction(
  connection: Connection,
  stamp: TransactionStamp,
  committed: boolean,
  timeout: number,
): Promise<ProducerIdentity | undefined> {
  const { transactionalId, producerId, epoch } = stamp;
  const maxVersion = stamp.isImplicit ? undefined : LAST_EXPLICIT_END_TXN;
  const body = { transactionalId, producerId, producerEpoch: epoch, committed };
  const answer = await connection.send(endTxn, body, { timeout, maxVersion });
  refuse(
    answer.errorCode,
    `${committed ? "commit" : "abort"} of the transaction of ${transactionalId}`,
    connection.broker,
  );
  if (answer.producerEpoch < 0) return undefined;
  return { producerId: answer.producerId, epoch: answer.producerEpoch, transactional: true };
}

function topicsOf<T extends TopicPartition, P>(
  items: readonly T[],
  of: (item: T) => P,
): { name: string; partitions: P[] }[] {
  return [...groupByTopic(items)].map(([name, list]) => ({ name, partitions: list.map(of) }));
}

/** Throws where one of the partitions was refused; what was left untried because of another says nothing. */
function refuseAny(
  codes: ReadonlyMap<string, number>,
  asked: readonly TopicPartition[],
  what: string,
  broker: string,
): void {
  const failed = asked
    .map((one) => ({ ...one, errorCode: codes.get(partitionKey(one.topic, one.partition)) }))
    .filter(({ errorCode }) => errorCode !== ErrorCode.NONE);
  const worst = failed.find(({ errorCode }) => errorCode !== ErrorCode.OPERATION_NOT_ATTEMPTED) ?? failed[0];
  if (worst === undefined) return;
  const { topic, partition, errorCode } = worst;
  const context = { topic, partition, broker };
  if (errorCode === undefined) {
    throw new KafkaError("MISSING_ANSWER", `${what}: the broker's answer lacks ${topic}/${partition}`, true, context);
  }
  throw new ProtocolError(errorCode, `${what}, ${topic}/${partition}`, context);
}

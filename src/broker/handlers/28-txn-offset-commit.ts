import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitRequestPartition,
  type TxnOffsetCommitResponse,
  txnOffsetCommit,
} from "../../../protocol/messages/28-txn-offset-commit.ts";
import type { ClusterState } from "../cluster-state.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { AcceptedCommit } from "../groups.ts";
import type { Handler, RequestContext } from "../handler.ts";
import type { Transaction } from "../transaction.ts";
import { enterTransaction } from "../transaction-entry.ts";

/** The first version that knows TRANSACTION_ABORTABLE, and the first that adds the group to the transaction (KIP-890). */
const ABORTABLE_SINCE = 4;
const ADDS_SINCE = 5;

export const txnOffsetCommitHandler: Handler<TxnOffsetCommitRequest, TxnOffsetCommitResponse> = {
  api: txnOffsetCommit,
  handle(context, request) {
    const errorCode = coordinatorError(context, request.groupId);
    if (errorCode !== ErrorCode.NONE) return failAll(request, errorCode);
    const { cluster } = context;
    const checked = (topic: string, partition: TxnOffsetCommitRequestPartition): number =>
      partitionError(cluster, topic, partition);
    // What no partition takes is no part of the transaction.
    const takesNone = request.topics.every(({ name, partitions }) => partitions.every((one) => checked(name, one)));
    if (takesNone) return answered(request, checked);
    const accepted = accept(context, request);
    if (typeof accepted === "number") return answered(request, (topic, one) => checked(topic, one) || accepted);
    const answer = answered(
      request,
      (topic, one) => checked(topic, one) || commitOne(context, accepted, request, topic, one),
    );
    accepted.group.offsets.save();
    return answer;
  },
  fail: failAll,
};

function partitionError(cluster: ClusterState, topic: string, partition: TxnOffsetCommitRequestPartition): number {
  const { partitionIndex, committedMetadata } = partition;
  if (cluster.topicNamed(topic)?.partitions[partitionIndex] === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const isTooLong = (committedMetadata ?? "").length > cluster.groups.settings.offsetMetadataMaxBytes;
  return isTooLong ? ErrorCode.OFFSET_METADATA_TOO_LARGE : ErrorCode.NONE;
}

/** The group that takes the offsets, or why none does, as a Kafka error code. The transaction is looked at first. */
function accept({ cluster, version }: RequestContext, request: TxnOffsetCommitRequest): AcceptedCommit | number {
  const { transactionalId, groupId, memberId, groupInstanceId, generationId } = request;
  const part = {
    isIn: (one: Transaction) => one.groups.has(groupId),
    addTo: (one: Transaction) => one.groups.add(groupId),
  };
  const rules = { adds: version >= ADDS_SINCE, knowsAbortable: version >= ABORTABLE_SINCE };
  const errorCode = enterTransaction(cluster, transactionalId, request, part, rules);
  if (errorCode === ErrorCode.CONCURRENT_TRANSACTIONS && !rules.adds) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
  if (errorCode !== ErrorCode.NONE) return errorCode;
  const committer = { memberId, groupInstanceId, epoch: generationId, isTransactional: true, version };
  return cluster.groups.accept(groupId, committer);
}

function commitOne(
  { cluster }: RequestContext,
  { group, partitionError: memberError }: AcceptedCommit,
  { producerId }: TxnOffsetCommitRequest,
  topic: string,
  partition: TxnOffsetCommitRequestPartition,
): number {
  const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition;
  const errorCode = memberError(cluster.topicNamed(topic)!.id, partitionIndex);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  group.offsets.setPending(producerId, topic, partitionIndex, {
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata: committedMetadata ?? "",
    committedAt: cluster.clock.now(),
  });
  return ErrorCode.NONE;
}

function failAll(request: TxnOffsetCommitRequest, errorCode: number): Draft<TxnOffsetCommitResponse> {
  return answered(request, () => errorCode);
}

function answered(
  request: TxnOffsetCommitRequest,
  errorOf: (topic: string, partition: TxnOffsetCommitRequestPartition) => number,
): Draft<TxnOffsetCommitResponse> {
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((one) => ({ partitionIndex: one.partitionIndex, errorCode: errorOf(name, one) })),
  }));
  return { topics };
}

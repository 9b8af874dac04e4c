import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type OffsetCommitRequest,
  type OffsetCommitRequestPartition,
  type OffsetCommitResponse,
  offsetCommit,
} from "../../../protocol/messages/08-offset-commit.ts";
import type { TopicLookup } from "../cluster-state.ts";
import { coordinatorError } from "../coordinated-group.ts";
import type { AcceptedCommit } from "../groups.ts";
import type { Handler, RequestContext } from "../handler.ts";

export const offsetCommitHandler: Handler<OffsetCommitRequest, OffsetCommitResponse> = {
  api: offsetCommit,
  handle(context, request) {
    const accepted = accept(context, request);
    if (typeof accepted === "number") return failAll(request, accepted);
    const { offsetMetadataMaxBytes } = context.cluster.groups.settings;
    const now = context.cluster.clock.now();
    const topics = request.topics.map(({ name, topicId, partitions }) => {
      const topic = context.cluster.lookUp(name, topicId);
      const commit = (wanted: OffsetCommitRequestPartition): { partitionIndex: number; errorCode: number } => ({
        partitionIndex: wanted.partitionIndex,
        errorCode: commitOne(accepted, topic, wanted, offsetMetadataMaxBytes, now),
      });
      return { name, topicId, partitions: partitions.map(commit) };
    });
    accepted.group.offsets.save();
    return { topics };
  },
  fail: failAll,
};

/** The group that takes the commit, or why none does, as a Kafka error code. */
function accept(context: RequestContext, request: OffsetCommitRequest): AcceptedCommit | number {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: epoch } = request;
  const errorCode = coordinatorError(context, groupId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  const { version, cluster } = context;
  return cluster.groups.accept(groupId, { memberId, groupInstanceId, epoch, isTransactional: false, version });
}

function commitOne(
  { group, partitionError }: AcceptedCommit,
  topic: TopicLookup,
  wanted: OffsetCommitRequestPartition,
  maxMetadata: number,
  now: number,
): number {
  const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = wanted;
  if (typeof topic === "number") return topic;
  if (topic.partitions[partitionIndex] === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const metadata = committedMetadata ?? "";
  if (metadata.length > maxMetadata) return ErrorCode.OFFSET_METADATA_TOO_LARGE;
  const errorCode = partitionError(topic.id, partitionIndex);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  group.offsets.set(topic.name, partitionIndex, {
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata,
    committedAt: now,
  });
  return ErrorCode.NONE;
}

function failAll(request: OffsetCommitRequest, errorCode: number): Draft<OffsetCommitResponse> {
  const topics = request.topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }));
  return { topics };
}

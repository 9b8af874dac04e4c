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
import type { Group } from "../groups.ts";
import type { Handler, RequestContext } from "../handler.ts";

export const offsetCommitHandler: Handler<OffsetCommitRequest, OffsetCommitResponse> = {
  api: offsetCommit,
  handle(context, request) {
    const group = committingGroup(context, request);
    if (typeof group === "number") return failAll(request, group);
    const { offsetMetadataMaxBytes } = context.cluster.groups.settings;
    const topics = request.topics.map(({ name, topicId, partitions }) => {
      const topic = context.cluster.lookUp(name, topicId);
      const commit = (wanted: OffsetCommitRequestPartition): { partitionIndex: number; errorCode: number } => ({
        partitionIndex: wanted.partitionIndex,
        errorCode: commitOne(group, topic, wanted, offsetMetadataMaxBytes),
      });
      return { name, topicId, partitions: partitions.map(commit) };
    });
    return { topics };
  },
  fail: failAll,
};

/** The group that takes the commit, or why there is none, as a Kafka error code. */
function committingGroup(context: RequestContext, request: OffsetCommitRequest): Group | number {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = request;
  const errorCode = coordinatorError(context, groupId);
  if (errorCode !== ErrorCode.NONE) return errorCode;
  const { groups } = context.cluster;
  // From outside of any group; else its member knows of a generation that is no longer there.
  const group = generationId < 0 ? groups.obtain(groupId) : groups.find(groupId);
  if (group === undefined) return ErrorCode.ILLEGAL_GENERATION;
  return group.classic.commitError(memberId, groupInstanceId, generationId) || group;
}

function commitOne(
  group: Group,
  topic: TopicLookup,
  wanted: OffsetCommitRequestPartition,
  maxMetadata: number,
): number {
  const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = wanted;
  if (typeof topic === "number") return topic;
  if (topic.partitions[partitionIndex] === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const metadata = committedMetadata ?? "";
  if (metadata.length > maxMetadata) return ErrorCode.OFFSET_METADATA_TOO_LARGE;
  group.offsets.set(topic.name, partitionIndex, {
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata,
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

import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochResponse,
  type OffsetForLeaderPartition,
  type OffsetForLeaderPartitionResult,
  offsetForLeaderEpoch,
} from "../../../protocol/messages/23-offset-for-leader-epoch.ts";
import type { TopicLookup } from "../cluster-state.ts";
import type { Handler, RequestContext } from "../handler.ts";
import { ledPartition } from "../leader-check.ts";

export const offsetForLeaderEpochHandler: Handler<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse> = {
  api: offsetForLeaderEpoch,
  handle(context, request) {
    const topics = request.topics.map(({ topic, partitions }) => {
      const found = context.cluster.topicNamed(topic) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      return { topic, partitions: partitions.map((wanted) => find(context, found, wanted)) };
    });
    return { topics };
  },
  fail(request, errorCode) {
    const topics = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, errorCode })),
    }));
    return { topics };
  },
};

function find(
  { nodeId }: RequestContext,
  topic: TopicLookup,
  { partition: index, currentLeaderEpoch, leaderEpoch }: OffsetForLeaderPartition,
): Draft<OffsetForLeaderPartitionResult> {
  const { partition, errorCode } = ledPartition(topic, index, nodeId, currentLeaderEpoch);
  if (errorCode !== ErrorCode.NONE || partition === undefined) return { partition: index, errorCode };
  // Of an epoch that has not begun nothing is known: the answer has neither epoch nor offset.
  const end = partition.log.endOfEpoch(leaderEpoch);
  return { partition: index, leaderEpoch: end?.epoch, endOffset: end?.endOffset };
}

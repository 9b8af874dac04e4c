import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type DeleteRecordsPartition,
  type DeleteRecordsPartitionResult,
  type DeleteRecordsRequest,
  type DeleteRecordsResponse,
  deleteRecords,
} from "../../../protocol/messages/21-delete-records.ts";
import type { TopicLookup } from "../cluster-state.ts";
import type { Handler } from "../handler.ts";
import { ledPartition } from "../leader-check.ts";

/** "Up to the high watermark". */
const ALL = -1;
const NOT_KNOWN = -1;

export const deleteRecordsHandler: Handler<DeleteRecordsRequest, DeleteRecordsResponse> = {
  api: deleteRecords,
  handle({ cluster, nodeId }, request) {
    return {
      topics: request.topics.map(({ name, partitions }) => {
        const topic = cluster.topicNamed(name) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
        return { name, partitions: partitions.map((wanted) => remove(topic, wanted, nodeId)) };
      }),
    };
  },
  fail: (request, errorCode) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: NOT_KNOWN, errorCode })),
    })),
  }),
};

function remove(
  topic: TopicLookup,
  { partitionIndex, offset }: DeleteRecordsPartition,
  nodeId: number,
): Draft<DeleteRecordsPartitionResult> {
  const refused = (errorCode: number) => ({ partitionIndex, lowWatermark: NOT_KNOWN, errorCode });
  const { partition, errorCode } = ledPartition(topic, partitionIndex, nodeId);
  if (partition === undefined || errorCode !== ErrorCode.NONE || typeof topic === "number") return refused(errorCode);
  // Of a topic that is compacted only, records go when newer ones of their key come.
  if (topic.configs["cleanup.policy"] === "compact") return refused(ErrorCode.POLICY_VIOLATION);
  const { log } = partition;
  if (offset < ALL || offset > log.endOffset) return refused(ErrorCode.OFFSET_OUT_OF_RANGE);
  partition.deleteBefore(offset === ALL ? log.endOffset : offset);
  return { partitionIndex, lowWatermark: log.startOffset };
}

import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type ListOffsetsPartition,
  type ListOffsetsPartitionResponse,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
  listOffsets,
} from "../../../protocol/messages/02-list-offsets.ts";
import type { Handler } from "../handler.ts";
import { ledPartition } from "../leader-check.ts";
import type { Partition } from "../partition.ts";
import type { TimedOffset } from "../partition-log.ts";

/** The first version whose answer has leader epochs. */
const EPOCH_SINCE = 4;

/** The isolation level of readers that are to see nothing but what was committed. */
const READ_COMMITTED = 1;

const LATEST = -1;
const EARLIEST = -2;
const GREATEST_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_REMOTE = -5;
const EARLIEST_NOT_UPLOADED = -6;

export const listOffsetsHandler: Handler<ListOffsetsRequest, ListOffsetsResponse> = {
  api: listOffsets,
  handle({ cluster, nodeId, version }, request) {
    const topics = request.topics.map(({ name, partitions }) => {
      const topic = cluster.topicNamed(name) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      const answer = (wanted: ListOffsetsPartition): Draft<ListOffsetsPartitionResponse> => {
        const { partitionIndex, currentLeaderEpoch } = wanted;
        const { partition, errorCode } = ledPartition(topic, partitionIndex, nodeId, currentLeaderEpoch);
        if (errorCode !== ErrorCode.NONE || partition === undefined) return { partitionIndex, errorCode };
        const found = find(partition, wanted.timestamp, request.isolationLevel === READ_COMMITTED);
        return { partitionIndex, ...found, leaderEpoch: version >= EPOCH_SINCE ? found.leaderEpoch : undefined };
      };
      return { name, partitions: partitions.map(answer) };
    });
    return { topics };
  },
  fail(request, errorCode) {
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    }));
    return { topics };
  },
};

/** `committedOnly`: as if the log ended where its first open transaction begins. */
function find(partition: Partition, timestamp: number, committedOnly: boolean): Draft<ListOffsetsPartitionResponse> {
  const { log, leaderEpoch, lastStableOffset } = partition;
  const end = committedOnly ? lastStableOffset : log.endOffset;
  const before = (found: TimedOffset | undefined): Draft<ListOffsetsPartitionResponse> =>
    found === undefined || found.offset >= end ? {} : found;
  switch (timestamp) {
    case LATEST:
      return { offset: end, leaderEpoch };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: log.startOffset, leaderEpoch: log.epochOf(log.startOffset) };
    case GREATEST_TIMESTAMP:
      return before(log.greatestTimestamp());
    case LATEST_REMOTE:
    case EARLIEST_NOT_UPLOADED:
      // There is no remote storage, so nothing in it has an offset.
      return {};
    default:
      if (timestamp < 0) return { errorCode: ErrorCode.UNSUPPORTED_VERSION };
      return before(log.firstSince(timestamp));
  }
}

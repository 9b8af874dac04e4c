import { ErrorCode } from "../../../protocol/errors.ts";
import type { Draft } from "../../../protocol/field.ts";
import {
  type ActiveProducer,
  type DescribeProducersPartitionResult,
  type DescribeProducersRequest,
  type DescribeProducersResponse,
  describeProducers,
} from "../../../protocol/messages/61-describe-producers.ts";
import type { TopicLookup } from "../cluster-state.ts";
import type { Handler } from "../handler.ts";
import { ledPartition } from "../leader-check.ts";
import type { Partition } from "../partition.ts";

export const describeProducersHandler: Handler<DescribeProducersRequest, DescribeProducersResponse> = {
  api: describeProducers,
  handle({ cluster, nodeId }, request) {
    const topics = request.topics.map(({ name, partitionIndexes }) => {
      const topic = cluster.topicNamed(name) ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      return { name, partitions: partitionIndexes.map((index) => describe(topic, index, nodeId)) };
    });
    return { topics };
  },
  fail(request, errorCode) {
    const topics = request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode })),
    }));
    return { topics };
  },
};

function describe(topic: TopicLookup, index: number, nodeId: number): Draft<DescribeProducersPartitionResult> {
  const { partition, errorCode } = ledPartition(topic, index, nodeId);
  if (errorCode !== ErrorCode.NONE || partition === undefined) return { partitionIndex: index, errorCode };
  return { partitionIndex: index, activeProducers: producersOf(partition) };
}

function producersOf({ producers, transactions }: Partition): ActiveProducer[] {
  return producers.known.map(({ producerId, epoch, lastSequence, lastTimestamp, coordinatorEpoch }) => ({
    producerId,
    producerEpoch: epoch,
    lastSequence,
    lastTimestamp,
    coordinatorEpoch,
    currentTxnStartOffset: transactions.openSince(producerId) ?? -1,
  }));
}

import type { PartitionProduceResponse, ProduceResponse } from "../../protocol/messages/00-produce.ts";
import { WORTH_GATHERING } from "../../protocol/writer.ts";
import { type KafkaError, ProtocolError } from "./errors.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import type { QueuedBatch } from "./queued-batch.ts";

/** A batch as a part of one request. */
export interface Shipment {
  readonly queue: PartitionQueue;
  readonly batch: QueuedBatch;
  readonly records: Uint8Array<ArrayBuffer>;
  /** As it was when the request was built: the answer says no other. */
  readonly topicId: string;
}

interface TopicShipments {
  readonly name: string;
  readonly topicId: string;
  readonly partitionData: { index: number; records: Uint8Array }[];
}

/** Topic and partition headers around a batch, roughly, in bytes. */
const OVERHEAD_PER_BATCH = 96;

/** What a request takes of its frame's own buffer: long batches are sent from where they lie. */
export function bodySizeOf(shipments: readonly Shipment[]): number {
  let size = 0;
  for (const { records } of shipments)
    size += OVERHEAD_PER_BATCH + (records.length < WORTH_GATHERING ? records.length : 0);
  return size;
}

/** The request's batches, by topic. */
export function byTopic(shipments: readonly Shipment[]): TopicShipments[] {
  const topics = new Map<string, TopicShipments>();
  for (const { queue, records, topicId } of shipments) {
    let topic = topics.get(queue.topic);
    if (topic === undefined) {
      topic = { name: queue.topic, topicId, partitionData: [] };
      topics.set(queue.topic, topic);
    }
    topic.partitionData.push({ index: queue.partition, records });
  }
  return [...topics.values()];
}

/** What the broker says of each, where it says something. */
export function answersByShipment(
  shipments: readonly Shipment[],
  response: ProduceResponse,
): Map<Shipment, PartitionProduceResponse> {
  const named = new Map<string, PartitionProduceResponse>();
  for (const topic of response.responses) {
    for (const answer of topic.partitionResponses) named.set(`${topic.name || topic.topicId}/${answer.index}`, answer);
  }
  const answers = new Map<Shipment, PartitionProduceResponse>();
  for (const shipment of shipments) {
    const { topic, partition } = shipment.queue;
    const answer = named.get(`${topic}/${partition}`) ?? named.get(`${shipment.topicId}/${partition}`);
    if (answer !== undefined) answers.set(shipment, answer);
  }
  return answers;
}

/** The errors of the records for which a batch was refused (KIP-467), by their places in it. */
export function recordErrors({ queue }: Shipment, answer: PartitionProduceResponse): Map<number, KafkaError> {
  const { topic, partition } = queue;
  const errors = new Map<number, KafkaError>();
  for (const { batchIndex, batchIndexErrorMessage } of answer.recordErrors) {
    const what = `produce to ${topic}/${partition} (${batchIndexErrorMessage ?? "this record was refused"})`;
    errors.set(batchIndex, new ProtocolError(answer.errorCode, what, { topic, partition }));
  }
  return errors;
}

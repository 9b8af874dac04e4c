import { fetch as fetchApi, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import { type BatchHeader, readBatchHeaders } from "../../protocol/record-batch.ts";
import { readFetched } from "../../protocol/records.ts";
import type { Consumer, ConsumerBatch, ConsumerOptions, Kafka, KafkaRecord } from "../../src/client/mod.ts";
import type { TestCluster } from "./target.ts";

const decoder = new TextDecoder();

/** Bytes as text; null stays null. */
export function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : decoder.decode(bytes);
}

export function values(records: readonly KafkaRecord[]): (string | null)[] {
  return records.map((record) => text(record.value));
}

/** Iterates until `count` records have come; the consumer goes on. Rejects where the iteration ends before that. */
export async function take(batches: AsyncIterator<ConsumerBatch>, count: number): Promise<ConsumerBatch[]> {
  const taken: ConsumerBatch[] = [];
  for (let have = 0; have < count; ) {
    const next = await batches.next();
    if (next.done === true) throw new Error(`the consumer ended after ${have} of ${count} records`);
    taken.push(next.value);
    have += next.value.records.length;
  }
  return taken;
}

/** A consumer of the test's client in a group of its own, unless told otherwise. */
export function consumerOf(
  cluster: TestCluster,
  options: Partial<ConsumerOptions> & Pick<ConsumerOptions, "topics">,
  kafka: Kafka = cluster.kafka(),
): Consumer {
  const { sessionTimeout } = cluster;
  return kafka.consumer({ groupId: cluster.fresh("group"), sessionTimeout, maxWait: 100, ...options });
}

/** The first `count` records of a topic, by partition, read by a consumer that is closed again. */
export async function readTopic(
  cluster: TestCluster,
  topic: string,
  count: number,
  options: Partial<ConsumerOptions> = {},
): Promise<Map<number, KafkaRecord[]>> {
  const consumer = consumerOf(cluster, { topics: [topic], ...options });
  const byPartition = new Map<number, KafkaRecord[]>();
  for (const { partition, records } of await take(consumer[Symbol.asyncIterator](), count)) {
    byPartition.set(partition, [...(byPartition.get(partition) ?? []), ...records]);
  }
  await consumer.close();
  return byPartition;
}

/** One plain fetch of a partition, without any group. */
export async function fetchOnce(
  kafka: Kafka,
  topic: string,
  partition: number,
  fetchOffset: number,
): Promise<PartitionData> {
  await kafka.cluster.refresh([topic]);
  const leader = kafka.cluster.metadata.partition(topic, partition)?.leader ?? -1;
  const connection = await kafka.cluster.node(leader, "general");
  const partitions = [{ partition, fetchOffset, partitionMaxBytes: 16 * 1024 * 1024 }];
  const answer = await connection.send(
    fetchApi,
    { maxWaitMs: 0, minBytes: 0, maxBytes: 64 * 1024 * 1024, topics: [{ topic, partitions }] },
    { maxVersion: 12 },
  );
  return answer.responses[0]!.partitions[0]!;
}

/** The batches of a partition as the broker stores them. */
export async function storedBatches(kafka: Kafka, topic: string, partition = 0, offset = 0): Promise<BatchHeader[]> {
  return readBatchHeaders((await fetchOnce(kafka, topic, partition, offset)).records ?? new Uint8Array());
}

/** All records of a partition from `offset` on. A fetch ends with a segment, so it may take several. */
export async function storedRecords(kafka: Kafka, topic: string, partition = 0, offset = 0): Promise<KafkaRecord[]> {
  const all: KafkaRecord[] = [];
  for (let next = offset; ; ) {
    const { records, highWatermark } = await fetchOnce(kafka, topic, partition, next);
    if (records !== null && records.length > 0) {
      const read = readFetched(records as Uint8Array<ArrayBuffer>, next, null, 1 << 28);
      all.push(...read.records);
      next = read.nextOffset;
    }
    if (next >= highWatermark) return all;
  }
}

import type { Kafka } from "../../src/client/kafka.ts";
import { readPartition } from "../../src/jobs/partition-reader.ts";
import type { JobRecord } from "../../src/jobs/received-job.ts";

export interface ReadRecord {
  readonly partition: number;
  readonly record: JobRecord;
}

/** All committed records of a topic, each partition's in order. */
export async function readCommitted(kafka: Kafka, topic: string): Promise<ReadRecord[]> {
  const [found] = await kafka.admin().describeTopics([topic]);
  const ends = await kafka
    .admin()
    .listOffsets(found!.replicas.map((_, partition) => ({ topic, partition, at: "latest" })));
  const { signal } = new AbortController();
  const all: ReadRecord[] = [];
  for (const { partition, offset } of ends) {
    for await (const { records } of readPartition(kafka, { topic, partition }, 0, offset, signal))
      for (const record of records) all.push({ record, partition });
  }
  return all;
}

import type { Draft } from "../../protocol/field.ts";
import { type PartitionProduceResponse, produce } from "../../protocol/messages/00-produce.ts";
import { type FetchPartition, type FetchRequest, fetch, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import { readFetched } from "../../protocol/records.ts";
import { type Bench, type RawClient, startBench } from "./raw-client.ts";

/** The last version of Produce and Fetch that names topics. */
export const NAMED: number = 12;

export async function produceTo(
  client: RawClient,
  bench: Bench,
  records: Uint8Array | null,
  options: { topic?: string; partition?: number; acks?: number; version?: number } = {},
): Promise<PartitionProduceResponse> {
  const { topic = "t", partition = 0, acks = -1, version = NAMED } = options;
  const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
  const answer = await bench.run(client.call(produce, version, { acks, timeoutMs: 1000, topicData }));
  return answer.responses[0]!.partitionResponses[0]!;
}

export function fetchRequest(partitions: Draft<FetchPartition>[], rest: Draft<FetchRequest> = {}): Draft<FetchRequest> {
  const filled = partitions.map((one) => ({ partitionMaxBytes: 1 << 20, ...one }));
  return { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 24, topics: [{ topic: "t", partitions: filled }], ...rest };
}

export async function fetchFrom(
  client: RawClient,
  bench: Bench,
  partition: Draft<FetchPartition>,
  rest: Draft<FetchRequest> = {},
): Promise<PartitionData> {
  const answer = await bench.run(client.call(fetch, NAMED, fetchRequest([partition], rest)));
  return answer.responses[0]!.partitions[0]!;
}

export function values(part: PartitionData, offset: number): string[] {
  const read = readFetched(part.records!.slice(), offset, null, 1 << 20);
  return read.records.map((record) => `${record.offset}:${new TextDecoder().decode(record.value!)}`);
}

export async function start(
  partitions = 1,
  configs: Record<string, string> = {},
): Promise<{ bench: Bench; client: RawClient }> {
  const bench = await startBench();
  await bench.broker.createTopic("t", { partitions, configs });
  return { bench, client: await bench.connect() };
}

export function text(...all: string[]): [null, string][] {
  return all.map((value) => [null, value]);
}

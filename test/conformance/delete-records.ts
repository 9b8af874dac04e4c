import { type Api, api } from "../../protocol/api.ts";
import { array, int16, int32, int64, string, struct } from "../../protocol/field.ts";
import type { Kafka } from "../../src/client/mod.ts";

interface DeleteRecordsRequest {
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly partitionIndex: number; readonly offset: number }[];
  }[];
  readonly timeoutMs: number;
}

interface DeleteRecordsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly lowWatermark: number;
      readonly errorCode: number;
    }[];
  }[];
}

/** The client has no use for it, but a test has: it does at once what retention does some day. */
const deleteRecordsApi: Api<DeleteRecordsRequest, DeleteRecordsResponse> = api({
  key: 21,
  name: "DeleteRecords",
  versions: [0, 1],
  flexibleSince: 2,
  request: struct<DeleteRecordsRequest>({
    topics: array(
      struct<DeleteRecordsRequest["topics"][number]>({
        name: string,
        partitions: array(
          struct<DeleteRecordsRequest["topics"][number]["partitions"][number]>({
            partitionIndex: int32,
            offset: int64,
          }),
        ),
      }),
    ),
    timeoutMs: int32,
  }),
  response: struct<DeleteRecordsResponse>({
    throttleTimeMs: int32,
    topics: array(
      struct<DeleteRecordsResponse["topics"][number]>({
        name: string,
        partitions: array(
          struct<DeleteRecordsResponse["topics"][number]["partitions"][number]>({
            partitionIndex: int32,
            lowWatermark: int64,
            errorCode: int16,
          }),
        ),
      }),
    ),
  }),
});

/** Deletes the records of a partition below `before`, through its leader. */
export async function deleteRecords(kafka: Kafka, topic: string, partition: number, before: number): Promise<void> {
  await kafka.cluster.refresh([topic]);
  const leader = kafka.cluster.metadata.partition(topic, partition)?.leader ?? -1;
  const connection = await kafka.cluster.node(leader, "general");
  const topics = [{ name: topic, partitions: [{ partitionIndex: partition, offset: before }] }];
  const answer = await connection.send(deleteRecordsApi, { topics, timeoutMs: 10_000 });
  const errorCode = answer.topics[0]?.partitions[0]?.errorCode;
  if (errorCode !== 0) throw new Error(`records of ${topic}/${partition} are not deleted: error ${errorCode}`);
}

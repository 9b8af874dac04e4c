import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { Coordinator } from "../../src/client/coordinator.ts";
import { commitOffsets, fetchOffsets } from "../../src/client/group-offsets.ts";
import { listOffsets } from "../../src/client/list-offsets.ts";
import { partitionKey } from "../../src/client/topic-partition.ts";
import { conformanceTest } from "./conformance-test.ts";
import type { Target, TestCluster } from "./target.ts";

/** Commits from outside of the group, as administrators do. */
const NOBODY = { memberId: "", generationId: -1 };
const TIMEOUT = 20_000;

/** The group's coordinator, once it answers. */
async function coordinatorOf(cluster: TestCluster, topic: string): Promise<Coordinator> {
  const coordinator = new Coordinator(cluster.kafka().cluster, cluster.fresh("group"));
  await fetchOffsets(coordinator, [{ topic, partition: 0 }], TIMEOUT);
  return coordinator;
}

/** Committed offsets with their metadata, and the offsets of logs. */
export function offsetsConformance(target: Target): void {
  const test = conformanceTest(target);

  test("a committed offset comes back with its epoch and metadata", async (cluster) => {
    const topic = await cluster.topic(3);
    const coordinator = await coordinatorOf(cluster, topic);
    const commits = [
      { topic, partition: 0, offset: 7, leaderEpoch: 0, metadata: "" },
      { topic, partition: 1, offset: 0, leaderEpoch: -1, metadata: "v1;open;√" },
    ];
    const codes = await commitOffsets(coordinator, NOBODY, commits);
    assert.deepEqual([...codes.values()], [0, 0]);
    const partitions = [0, 1, 2].map((partition) => ({ topic, partition }));
    const found = await fetchOffsets(coordinator, partitions, TIMEOUT);
    assert.deepEqual(
      found,
      new Map([
        [partitionKey(topic, 0), { offset: 7, leaderEpoch: 0, metadata: "" }],
        [partitionKey(topic, 1), { offset: 0, leaderEpoch: -1, metadata: "v1;open;√" }],
      ]),
    );
  });

  test("metadata of 4,096 bytes is kept, of one more refused without harm", async (cluster) => {
    const topic = await cluster.topic();
    const coordinator = await coordinatorOf(cluster, topic);
    const commit = async (offset: number, length: number): Promise<number> => {
      const metadata = "m".repeat(length);
      const codes = await commitOffsets(coordinator, NOBODY, [
        { topic, partition: 0, offset, leaderEpoch: -1, metadata },
      ]);
      return codes.get(partitionKey(topic, 0))!;
    };
    assert.equal(await commit(1, 4096), 0);
    assert.equal(await commit(2, 4097), ErrorCode.OFFSET_METADATA_TOO_LARGE);
    const found = (await fetchOffsets(coordinator, [{ topic, partition: 0 }], TIMEOUT)).get(partitionKey(topic, 0));
    assert.deepEqual([found?.offset, found?.metadata.length], [1, 4096]);
  });

  test("a commit in the name of a member that is none is refused", async (cluster) => {
    const topic = await cluster.topic();
    const coordinator = await coordinatorOf(cluster, topic);
    const commit = async (membership: typeof NOBODY): Promise<number | undefined> => {
      const offset = { topic, partition: 0, offset: 1, leaderEpoch: -1, metadata: "" };
      return (await commitOffsets(coordinator, membership, [offset])).get(partitionKey(topic, 0));
    };
    assert.notEqual(await commit({ memberId: "stranger", generationId: 3 }), 0, "in a group that does not exist");
    assert.equal(await commit(NOBODY), 0);
    assert.equal(await commit({ memberId: "stranger", generationId: 3 }), ErrorCode.UNKNOWN_MEMBER_ID);
  });

  test("offsets may be committed backwards, and groups do not share them", async (cluster) => {
    const topic = await cluster.topic();
    const [one, two] = [await coordinatorOf(cluster, topic), await coordinatorOf(cluster, topic)];
    for (const offset of [9, 4])
      await commitOffsets(one, NOBODY, [{ topic, partition: 0, offset, leaderEpoch: -1, metadata: "" }]);
    const at = [{ topic, partition: 0 }];
    assert.equal((await fetchOffsets(one, at, TIMEOUT)).get(partitionKey(topic, 0))?.offset, 4);
    assert.equal((await fetchOffsets(two, at, TIMEOUT)).size, 0);
  });

  test("listOffsets finds the first and the next offset of each partition", async (cluster) => {
    const topic = await cluster.topic(2);
    const kafka = cluster.kafka();
    await kafka.cluster.topic(topic, TIMEOUT);
    const partitions = [0, 1].map((partition) => ({ topic, partition }));
    const both = async (): Promise<number[][]> => {
      const [earliest, latest] = await Promise.all(
        (["earliest", "latest"] as const).map((position) => listOffsets(kafka.cluster, partitions, position, TIMEOUT)),
      );
      return partitions.map(({ partition }) =>
        [earliest, latest].map((found) => found!.get(partitionKey(topic, partition))!),
      );
    };
    assert.deepEqual(await both(), [
      [0, 0],
      [0, 0],
    ]);
    await kafka.producer().sendMany(Array.from({ length: 5 }, () => ({ topic, partition: 1, value: "v" })));
    assert.deepEqual(await both(), [
      [0, 0],
      [0, 5],
    ]);
    await cluster.deleteRecords(topic, 1, 3);
    assert.deepEqual(await both(), [
      [0, 0],
      [3, 5],
    ]);
  });
}

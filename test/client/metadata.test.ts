import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetadataResponse } from "../../protocol/messages/03-metadata.ts";
import { Metadata } from "../../src/client/metadata.ts";

const ID = "00000000-0000-0000-0000-00000000000a";

/** An answer that tells of one topic; its partitions as [leader, epoch]. */
function answer(partitions: readonly (readonly [number, number])[], topicId = ID, errorCode = 0): MetadataResponse {
  return {
    brokers: [1, 2].map((nodeId) => ({ nodeId, host: `b${nodeId}`, port: 9092, rack: null })),
    topics: [
      {
        ...{ name: "t", topicId, errorCode, isInternal: false },
        partitions: partitions.map(([leaderId, leaderEpoch], partitionIndex) => ({
          ...{ partitionIndex, leaderId, leaderEpoch, errorCode: 0 },
          ...{ replicaNodes: [], isrNodes: [], offlineReplicas: [] },
        })),
      },
    ],
  } as unknown as MetadataResponse;
}

function leaders(metadata: Metadata): number[] {
  return metadata.topic("t")!.partitions.map(({ leader }) => leader);
}

test("an answer tells of brokers, topics and leaders; topics it leaves out stay as they are", () => {
  const metadata = new Metadata();
  metadata.update(
    answer([
      [1, 0],
      [2, 0],
    ]),
  );
  metadata.update({ ...answer([]), topics: [] });
  assert.deepEqual(leaders(metadata), [1, 2]);
  assert.deepEqual(metadata.nodes.get(2), { host: "b2", port: 9092 });
  assert.equal(metadata.partition("t", 2), undefined);
  assert.equal(metadata.partition("u", 0), undefined);
});

test("a leader of an older epoch than the known one is not believed", () => {
  const metadata = new Metadata();
  metadata.update(
    answer([
      [2, 5],
      [1, 3],
    ]),
  );
  metadata.update(
    answer([
      [1, 4],
      [2, 4],
    ]),
  );
  assert.deepEqual(leaders(metadata), [2, 2]);
  assert.equal(metadata.partition("t", 0)!.leaderEpoch, 5);
});

test("a topic that was made again begins its epochs anew", () => {
  const metadata = new Metadata();
  metadata.update(answer([[2, 5]]));
  metadata.update(answer([[1, 0]], "00000000-0000-0000-0000-00000000000b"));
  assert.deepEqual(leaders(metadata), [1]);
});

test("a leader without an epoch, from an old broker, is believed", () => {
  const metadata = new Metadata();
  metadata.update(answer([[2, 5]]));
  metadata.update(answer([[1, -1]]));
  assert.deepEqual(leaders(metadata), [1]);
});

test("a leader that an answer named counts where it is of a later epoch", () => {
  const metadata = new Metadata();
  metadata.update(answer([[1, 3]]));
  assert.equal(metadata.moveLeader("t", 0, 2, 3), false);
  assert.equal(metadata.moveLeader("t", 0, 2, 4), true);
  assert.deepEqual(metadata.partition("t", 0), { leader: 2, leaderEpoch: 4, errorCode: 0 });
  assert.equal(metadata.moveLeader("t", 1, 2, 4), false);
  assert.equal(metadata.moveLeader("u", 0, 2, 4), false);
});

test("more partitions are seen, and numbers that cannot be are passed over", () => {
  const metadata = new Metadata();
  metadata.update(answer([[1, 0]]));
  const more = answer([
    [1, 0],
    [2, 0],
  ]);
  (more.topics[0]!.partitions[1] as { partitionIndex: number }).partitionIndex = 7;
  metadata.update(more);
  assert.equal(metadata.partition("t", 7), undefined);
  metadata.update(
    answer([
      [1, 0],
      [2, 0],
    ]),
  );
  assert.deepEqual(leaders(metadata), [1, 2]);
});

test("a topic is known by its id as long as it has it, and not once it is forgotten", () => {
  const metadata = new Metadata();
  const other = "00000000-0000-0000-0000-00000000000b";
  metadata.update(answer([[1, 0]]));
  assert.deepEqual([metadata.topicName(ID), metadata.topicName(other)], ["t", undefined]);
  metadata.update(answer([[1, 0]], other));
  assert.deepEqual([metadata.topicName(ID), metadata.topicName(other)], [undefined, "t"]);
  metadata.forget("t");
  metadata.forget("u");
  assert.deepEqual([metadata.topicName(other), metadata.topic("t")], [undefined, undefined]);
});

test("brokers that are named beside leader hints are known at once, be they new or moved (KIP-951)", () => {
  const metadata = new Metadata();
  metadata.update(answer([[1, 0]]));
  const before = metadata.nodes;
  metadata.learnNodes([]);
  assert.equal(metadata.nodes, before);
  metadata.learnNodes([
    { nodeId: 2, host: "moved", port: 1, rack: null },
    { nodeId: 3, host: "new", port: 2, rack: null },
  ]);
  assert.deepEqual(
    [...metadata.nodes].map(([id, { host, port }]) => `${id} ${host}:${port}`),
    ["1 b1:9092", "2 moved:1", "3 new:2"],
  );
  assert.ok(metadata.moveLeader("t", 0, 3, 1));
  assert.deepEqual(leaders(metadata), [3]);
});

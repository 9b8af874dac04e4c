import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { fetch, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { type Bench, batchOf, type RawClient, startBench } from "./raw-client.ts";
import { fetchRequest, NAMED, produceTo, text, values } from "./records-bench.ts";

/** Three nodes in two racks; node 1 leads, node 2 follows, and node 3 has nothing of the topic. */
async function start(): Promise<{ bench: Bench; clients: RawClient[] }> {
  const bench = await startBench({ nodes: 3, racks: ["a", "b", "b"] });
  await bench.broker.createTopic("t", { partitions: 1, replicationFactor: 2 });
  const clients = [await bench.connect(1), await bench.connect(2), await bench.connect(3)];
  await produceTo(clients[0]!, bench, batchOf(text("x"), bench.clock.now()));
  return { bench, clients };
}

async function ask(bench: Bench, client: RawClient, rackId: string, version = NAMED): Promise<PartitionData> {
  const request = { ...fetchRequest([{ fetchOffset: 0 }]), maxWaitMs: 1000, ...(version >= 11 ? { rackId } : {}) };
  const answer = await bench.run(client.call(fetch, version, request));
  return answer.responses[0]!.partitions[0]!;
}

describe("reading nearby", () => {
  test("the leader sends a consumer to the replica in its rack, at once and without records", async () => {
    const { bench, clients } = await start();
    const before = bench.time.elapsed;
    const sent = await ask(bench, clients[0]!, "b");
    assert.deepEqual([sent.errorCode, sent.preferredReadReplica, sent.records!.length], [0, 2, 0]);
    assert.equal(bench.time.elapsed, before);
    const followed = await ask(bench, clients[1]!, "b");
    assert.deepEqual([followed.preferredReadReplica, values(followed, 0)], [-1, ["0:x"]]);
  });

  test("the leader answers itself in its own rack, for a rack without a replica, and where the replica is down", async () => {
    const { bench, clients } = await start();
    for (const rack of ["a", "c", ""]) {
      const part = await ask(bench, clients[0]!, rack);
      assert.deepEqual([part.preferredReadReplica, values(part, 0)], [-1, ["0:x"]], rack);
    }
    await bench.broker.faults.stop(2);
    assert.deepEqual(values(await ask(bench, clients[0]!, "b"), 0), ["0:x"]);
  });

  test("a follower answers consumers that know of it, and no node answers without a replica", async () => {
    const { bench, clients } = await start();
    assert.equal((await ask(bench, clients[1]!, "", 10)).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER);
    assert.deepEqual(values(await ask(bench, clients[1]!, ""), 0), ["0:x"]);
    assert.equal((await ask(bench, clients[2]!, "b")).errorCode, ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });

  test("within a session, being sent elsewhere is news each time", async () => {
    const { bench, clients } = await start();
    const request = { ...fetchRequest([{ fetchOffset: 0 }]), rackId: "b", sessionEpoch: 0 };
    const { sessionId } = await bench.run(clients[0]!.call(fetch, NAMED, request));
    const next = { ...request, topics: [], sessionId, sessionEpoch: 1 };
    const again = await bench.run(clients[0]!.call(fetch, NAMED, next));
    assert.equal(again.responses[0]!.partitions[0]!.preferredReadReplica, 2);
  });

  test("metadata says where nodes stand", async () => {
    const { bench, clients } = await start();
    const { brokers } = await bench.run(clients[0]!.call(metadata, 12, { topics: [] }));
    assert.deepEqual(
      brokers.map(({ rack }) => rack),
      ["a", "b", "b"],
    );
    await assert.rejects(startBench({ nodes: 2, racks: ["a"] }), { code: "INVALID_CONFIG" });
  });
});

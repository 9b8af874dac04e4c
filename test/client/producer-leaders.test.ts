import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetadataResponse } from "../../protocol/messages/03-metadata.ts";
import { startClientBench } from "../support/client-bench.ts";

test("a leader that is not in the metadata yet is learned from the answer that names it (KIP-951)", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 2 } });
  const producer = bench.kafka.producer();
  bench.broker.faults.moveLeader("t", 0, 1);
  await bench.run(producer.send({ topic: "t", value: "0", partition: 0 }));
  const { metadata } = bench.kafka.cluster;
  const [first] = metadata.nodes;
  const brokers = [{ nodeId: first![0], ...first![1], rack: null }];
  metadata.update({ brokers, topics: [], clusterId: null } as unknown as MetadataResponse);
  assert.deepEqual([...metadata.nodes.keys()], [1]);
  bench.broker.faults.moveLeader("t", 0, 2);
  const silence = bench.broker.faults.drop({ api: "Metadata" });
  const before = bench.time.elapsed;
  await bench.run(producer.send({ topic: "t", value: "1", partition: 0 }));
  assert.ok(bench.time.elapsed - before < 100);
  silence.cancel();
  assert.deepEqual(await bench.values("t", 0), ["0", "1"]);
});

test("a record that waits for a leader is given up with that reason", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 2 } });
  const producer = bench.kafka.producer({ deliveryTimeout: 5_000 });
  await bench.run(producer.send({ topic: "t", value: "0", partition: 0 }));
  bench.kafka.cluster.metadata.moveLeader("t", 0, -1, 1_000);
  const error = await bench.failure(producer.send({ topic: "t", value: "1", partition: 0 }));
  assert.equal(error.code, "DELIVERY_TIMED_OUT");
  assert.match(error.message, /LEADER_NOT_AVAILABLE/);
});

test("a topic that is deleted and made again while records are sent gets those that follow", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  const send = (value: string): Promise<unknown> => producer.send({ topic: "t", value, partition: 0 });
  await bench.run(Promise.all(["a", "b", "c"].map(send)));
  await bench.run(bench.kafka.admin().deleteTopics(["t"]));
  const waiting = ["d", "e", "f"].map(send);
  await bench.time.advance(200);
  await bench.broker.createTopic("t", { partitions: 4 });
  await bench.run(Promise.all([...waiting, ...["g", "h"].map(send)]));
  assert.deepEqual(await bench.values("t", 0), ["d", "e", "f", "g", "h"]);
});

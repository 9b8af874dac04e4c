import assert from "node:assert/strict";
import { test } from "node:test";
import { claimed, startConsumerGroup } from "../support/consumer-group-bench.ts";

test("partitions of a topic that this client does not know yet are taken, and acknowledged, once it does", async (t) => {
  const bench = await startConsumerGroup(t, { topics: { t: 2, u: 2 } });
  const topics = ["t"];
  const { member, log } = bench.join(bench.client(), { topics: () => topics });
  await bench.settle();
  const hidden = bench.broker.faults.cut({ api: "Metadata", when: "beforeApply", times: Number.POSITIVE_INFINITY });
  topics.push("u");
  member.topicsChanged();
  await bench.time.advance(10_000);
  assert.deepEqual(log, ["assigned t/0 t/1"]);
  assert.ok(!bench.heartbeats.some((heartbeat) => (claimed(heartbeat) ?? 0) > 2));
  hidden.cancel();
  await bench.settle();
  assert.deepEqual(log, ["assigned t/0 t/1", "assigned u/0 u/1"]);
});

test("a topic that is deleted is let go, and one that is made again under its name is another one", async (t) => {
  const bench = await startConsumerGroup(t, { topics: { t: 2, u: 1 } });
  const { log } = bench.join(bench.client(), { topics: () => ["t", "u"] });
  await bench.settle();
  await bench.run(bench.kafka.admin().deleteTopics(["t"]));
  await bench.broker.createTopic("t", { partitions: 3 });
  await bench.settle();
  assert.deepEqual(log, ["assigned t/0 t/1 u/0", "revoked t/0 t/1", "assigned t/0 t/1 t/2"]);
});

test("who wants nothing yet waits, and joins once it does", async (t) => {
  const bench = await startConsumerGroup(t);
  const topics: string[] = [];
  const { member, log, failures } = bench.join(bench.client(), { topics: () => topics });
  await bench.time.advance(60_000);
  assert.deepEqual([bench.heartbeats.length, failures], [0, []]);
  topics.push("t");
  member.topicsChanged();
  await bench.settle();
  assert.equal(log.length, 1);
  topics.pop();
  member.topicsChanged();
  await bench.settle();
  assert.equal(log.at(-1), "revoked t/0 t/1 t/2 t/3");
  topics.push("t");
  member.topicsChanged();
  await bench.settle();
  assert.equal(log.at(-1), "assigned t/0 t/1 t/2 t/3");
});

test("partitions that are added are given, and nobody is disturbed", async (t) => {
  const bench = await startConsumerGroup(t);
  bench.join();
  bench.join();
  await bench.settle();
  const before = bench.everybody.map(({ log }) => log.length);
  await bench.run(bench.kafka.admin().createPartitions([{ topic: "t", count: 6 }]));
  await bench.settle();
  const later = bench.everybody.flatMap(({ log }, i) => log.slice(before[i]));
  assert.deepEqual(later.map((line) => line.split(" ")[0]).sort(), ["assigned", "assigned"]);
});

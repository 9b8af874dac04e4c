import assert from "node:assert/strict";
import { conformanceTest } from "./conformance-test.ts";
import { eventually } from "./eventually.ts";
import type { Target } from "./target.ts";
import { topicWithTimes } from "./timed-topic.ts";

/** What administrators do beside creating and deleting topics. */
export function adminConformance(target: Target): void {
  const test = conformanceTest(target);

  test("createPartitions adds partitions that can be written to at once", async (cluster) => {
    const admin = cluster.kafka().admin();
    const topic = await cluster.topic(2);
    await admin.createPartitions([{ topic, count: 5 }]);
    const [found] = await admin.describeTopics([topic]);
    assert.deepEqual([found!.partitions, found!.isReady], [5, true]);
    assert.ok(found!.replicas.every(({ leader, inSync }) => inSync.includes(leader)));
    const { partition } = await cluster.kafka().producer().send({ topic, partition: 4, value: "new" });
    assert.equal(partition, 4);
  });

  test("createPartitions refuses fewer partitions, the same number, and a topic that is not there", async (cluster) => {
    const admin = cluster.kafka().admin();
    const topic = await cluster.topic(3);
    await assert.rejects(admin.createPartitions([{ topic, count: 2 }]), { code: "INVALID_PARTITIONS", topic });
    await assert.rejects(admin.createPartitions([{ topic, count: 3 }]), { code: "INVALID_PARTITIONS" });
    const missing = cluster.fresh("none");
    await assert.rejects(admin.createPartitions([{ topic: missing, count: 3 }]), {
      code: "UNKNOWN_TOPIC_OR_PARTITION",
    });
    await assert.rejects(admin.createPartitions([{ topic, count: 4, assignments: [[99]] }]), {
      code: "INVALID_REPLICA_ASSIGNMENT",
    });
  });

  test("settings of a topic are described, changed one at a time, and given back", async (cluster) => {
    const admin = cluster.kafka().admin();
    const topic = await cluster.topic(1, { "retention.ms": "60000" });
    const resource = { type: "topic", name: topic } as const;
    const read = async (name: string): Promise<readonly unknown[]> => {
      const entry = (await admin.describeConfigs([resource]))[0]!.entries.get(name)!;
      return [entry.value, entry.source];
    };
    assert.deepEqual(await read("retention.ms"), ["60000", "own"]);
    assert.deepEqual(await read("cleanup.policy"), ["delete", "default"]);
    await admin.alterConfigs([
      { ...resource, set: { "max.message.bytes": "2000" }, append: { "cleanup.policy": "compact" } },
    ]);
    await eventually(async () => {
      assert.deepEqual(await read("max.message.bytes"), ["2000", "own"]);
      assert.deepEqual(await read("retention.ms"), ["60000", "own"]);
      assert.deepEqual((await read("cleanup.policy"))[0], "delete,compact");
    });
    await admin.alterConfigs([{ ...resource, reset: ["retention.ms"], subtract: { "cleanup.policy": "delete" } }]);
    await eventually(async () => {
      assert.deepEqual(await read("retention.ms"), ["604800000", "default"]);
      assert.deepEqual((await read("cleanup.policy"))[0], "compact");
    });
  });

  test("a change of settings is in force", async (cluster) => {
    const admin = cluster.kafka().admin();
    const topic = await cluster.topic(1);
    const producer = cluster.kafka().producer();
    await producer.send({ topic, value: "x".repeat(5_000) });
    await admin.alterConfigs([{ type: "topic", name: topic, set: { "max.message.bytes": "1000" } }]);
    await eventually(() =>
      assert.rejects(producer.send({ topic, value: "x".repeat(5_000) }), { code: "MESSAGE_TOO_LARGE" }),
    );
  });

  test("wrong settings are refused, and with validateOnly right ones change nothing", async (cluster) => {
    const admin = cluster.kafka().admin();
    const name = await cluster.topic(1);
    const type = "topic";
    await assert.rejects(admin.alterConfigs([{ type, name, set: { "retention.ms": "soon" } }]), {
      code: "INVALID_CONFIG",
    });
    await assert.rejects(admin.alterConfigs([{ type, name, append: { "retention.ms": "1" } }]), {
      code: "INVALID_CONFIG",
    });
    await assert.rejects(admin.describeConfigs([{ type, name: cluster.fresh("none") }]), {
      code: "UNKNOWN_TOPIC_OR_PARTITION",
    });
    await admin.alterConfigs([{ type, name, set: { "retention.ms": "1000" } }], { validateOnly: true });
    const [described] = await admin.describeConfigs([{ type, name }]);
    assert.equal(described!.entries.get("retention.ms")!.value, "604800000");
  });

  test("settings of a broker are asked of that broker", async (cluster) => {
    const admin = cluster.kafka().admin();
    const { brokers } = await admin.describeCluster();
    const name = String(brokers.at(-1)!.nodeId);
    const [described] = await admin.describeConfigs([{ type: "broker", name }]);
    assert.equal(described!.entries.get("num.partitions")?.name, "num.partitions");
    await assert.rejects(admin.describeConfigs([{ type: "broker", name: "99999" }]), { code: "BROKER_NOT_AVAILABLE" });
  });

  test("deleteRecords moves the beginning of the log and says where it is", async (cluster) => {
    const admin = cluster.kafka().admin();
    const topic = await topicWithTimes(cluster, [1_000, 2_000, 3_000]);
    assert.deepEqual(await admin.deleteRecords([{ topic, partition: 0, before: 2 }]), [2]);
    const [first] = await admin.listOffsets([{ topic, partition: 0, at: "earliest" }]);
    assert.equal(first!.offset, 2);
    assert.deepEqual(
      await admin.deleteRecords([
        { topic, partition: 1, before: "end" },
        { topic, partition: 0, before: "end" },
      ]),
      [0, 3],
    );
    await assert.rejects(admin.deleteRecords([{ topic, partition: 0, before: 4 }]), { code: "OFFSET_OUT_OF_RANGE" });
    await assert.rejects(admin.deleteRecords([{ topic, partition: 7, before: 0 }]), {
      code: "UNKNOWN_TOPIC_OR_PARTITION",
    });
  });

  test("listOffsets answers each question, several about one partition too", async (cluster) => {
    const admin = cluster.kafka().admin();
    const topic = await topicWithTimes(cluster, [1_000_000, 3_000_000, 2_000_000]);
    const [earliest, latest, max, at, never, other] = await admin.listOffsets([
      { topic, partition: 0, at: "earliest" },
      { topic, partition: 0, at: "latest" },
      { topic, partition: 0, at: "maxTimestamp" },
      { topic, partition: 0, at: { time: new Date(1_000_001) } },
      { topic, partition: 0, at: { time: 3_000_001 } },
      { topic, partition: 1, at: "latest" },
    ]);
    assert.deepEqual([earliest!.offset, latest!.offset, other!.offset], [0, 3, 0]);
    assert.deepEqual([max!.offset, max!.timestamp], [1, 3_000_000]);
    assert.deepEqual([at!.offset, at!.timestamp], [1, 3_000_000]);
    assert.equal(never!.offset, -1);
  });

  test("describeCluster names every broker", async (cluster) => {
    const { clusterId, brokers, controllerId } = await cluster.kafka().admin().describeCluster();
    assert.notEqual(clusterId, "");
    assert.deepEqual(brokers.map(({ host, port }) => `${host}:${port}`).sort(), [...cluster.brokers].sort());
    assert.ok(brokers.some(({ nodeId }) => nodeId === controllerId));
  });

  test("describeFeatures tells what is switched on, within what is supported", async (cluster) => {
    const features = await cluster.kafka().admin().describeFeatures();
    for (const { name, finalized, supported } of features) {
      assert.ok(finalized === 0 || (finalized >= supported.min && finalized <= supported.max), name);
    }
  });

  test("without an authorizer there are no access rules", async (cluster) => {
    const admin = cluster.kafka().admin();
    const code = "SECURITY_DISABLED";
    const rule = { resourceType: "topic", resourceName: "t", principal: "User:x", operation: "read" } as const;
    await assert.rejects(admin.describeAcls(), { code });
    await assert.rejects(admin.createAcls([rule]), { code });
    await assert.rejects(admin.deleteAcls([{ resourceName: "t" }]), { code });
  });
}

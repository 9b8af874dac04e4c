import assert from "node:assert/strict";
import { conformanceTest } from "./conformance-test.ts";
import type { Target } from "./target.ts";

const MISSING = 3;

/** Creating, finding and deleting topics. */
export function topicsConformance(target: Target): void {
  const test = conformanceTest(target);

  test("createTopics makes a topic with the partitions asked for, all led", async (cluster) => {
    const admin = cluster.kafka().admin();
    const name = cluster.ownTopic();
    await admin.createTopics([{ name, partitions: 5, config: { "retention.ms": "-1" } }]);
    const [found] = await admin.describeTopics([name]);
    const { topicId, replicas, ...rest } = found!;
    assert.deepEqual(rest, { name, partitions: 5, errorCode: 0, isReady: true });
    assert.equal(replicas.length, 5);
    assert.match(topicId, /^[0-9a-f]{8}-/);
    assert.ok((await admin.listTopics()).some((topic) => topic.name === name));
  });

  test("createTopics leaves partitions and replicas to the broker where nothing is said", async (cluster) => {
    const admin = cluster.kafka().admin();
    const name = cluster.ownTopic();
    await admin.createTopics([{ name }]);
    const [found] = await admin.describeTopics([name]);
    assert.ok(found!.partitions >= 1);
  });

  test("createTopics refuses a topic that exists", async (cluster) => {
    const name = await cluster.topic(2);
    const admin = cluster.kafka().admin();
    await assert.rejects(admin.createTopics([{ name, partitions: 2 }]), { code: "TOPIC_ALREADY_EXISTS" });
    assert.equal((await admin.describeTopics([name]))[0]!.partitions, 2);
  });

  test("createTopics names what cannot be", async (cluster) => {
    const admin = cluster.kafka().admin();
    const name = cluster.ownTopic();
    const refused = async (topic: Parameters<typeof admin.createTopics>[0][number], code: string): Promise<void> => {
      await assert.rejects(admin.createTopics([topic]), { code });
    };
    await refused({ name: "no spaces here" }, "INVALID_TOPIC_EXCEPTION");
    await refused({ name: "x".repeat(250) }, "INVALID_TOPIC_EXCEPTION");
    await refused({ name: "." }, "INVALID_TOPIC_EXCEPTION");
    await refused({ name, partitions: 0 }, "INVALID_PARTITIONS");
    await refused({ name, partitions: 1, replicationFactor: 0 }, "INVALID_REPLICATION_FACTOR");
    await refused({ name, partitions: 1, replicationFactor: 50 }, "INVALID_REPLICATION_FACTOR");
    await refused({ name, config: { "cleanup.policy": "sometimes" } }, "INVALID_CONFIG");
    await refused({ name, config: { "no.such.setting": "1" } }, "INVALID_CONFIG");
    assert.equal((await admin.describeTopics([name]))[0]!.errorCode, MISSING);
  });

  test("createTopics makes the topics that can be and names those that cannot", async (cluster) => {
    const admin = cluster.kafka().admin();
    const [good, taken] = [cluster.ownTopic("good"), await cluster.topic()];
    const topics = [
      { name: good, partitions: 1 },
      { name: taken, partitions: 1 },
    ];
    await assert.rejects(admin.createTopics(topics), (error: Error) => error.message.includes(taken));
    await cluster.kafka().producer().send({ topic: good, value: "there" });
  });

  test("deleteTopics removes a topic and its records; made again it is another", async (cluster) => {
    const admin = cluster.kafka().admin();
    const name = await cluster.topic(1);
    const producer = cluster.kafka().producer();
    await producer.send({ topic: name, value: "old" });
    const [before] = await admin.describeTopics([name]);
    await admin.deleteTopics([name]);
    assert.equal((await admin.describeTopics([name]))[0]!.errorCode, MISSING);
    await admin.createTopics([{ name, partitions: 1 }]);
    const [after] = await admin.describeTopics([name]);
    assert.notEqual(after!.topicId, before!.topicId);
    const { offset } = await cluster.otherKafka().producer().send({ topic: name, value: "new" });
    assert.equal(offset, 0);
  });

  test("deleteTopics refuses a topic that is not there", async (cluster) => {
    const admin = cluster.kafka().admin();
    await assert.rejects(admin.deleteTopics([cluster.fresh("none")]), { code: "UNKNOWN_TOPIC_OR_PARTITION" });
  });

  test("describeTopics tells of a missing topic beside one that is there", async (cluster) => {
    const [there, missing] = [await cluster.topic(3), cluster.fresh("none")];
    const found = await cluster.kafka().admin().describeTopics([there, missing]);
    assert.deepEqual(
      new Map(found.map(({ name, errorCode, partitions }) => [name, [errorCode, partitions]])),
      new Map([
        [there, [0, 3]],
        [missing, [MISSING, 0]],
      ]),
    );
  });
}

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { type MetadataRequest, type MetadataResponse, metadata } from "../../protocol/messages/03-metadata.ts";
import {
  type CreatableTopic,
  type CreatableTopicResult,
  createTopics,
} from "../../protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../protocol/messages/20-delete-topics.ts";
import type { BrokerOptions } from "../../src/broker/mod.ts";
import { type Bench, startBench } from "./raw-client.ts";

interface Setup {
  readonly bench: Bench;
  ask(request: Draft<MetadataRequest>, version?: number): Promise<MetadataResponse>;
  create(topic: Draft<CreatableTopic>, validateOnly?: boolean): Promise<CreatableTopicResult>;
}

async function start(options: BrokerOptions = {}): Promise<Setup> {
  const bench = await startBench(options);
  const client = await bench.connect();
  return {
    bench,
    ask: (request, version = 13) => bench.run(client.call(metadata, version, request)),
    async create(topic, validateOnly = false) {
      const filled = { numPartitions: -1, replicationFactor: -1, ...topic };
      const answer = await bench.run(client.call(createTopics, 7, { topics: [filled], validateOnly }));
      return answer.topics[0]!;
    },
  };
}

describe("Metadata", () => {
  test("names all nodes, and all topics for null, none for an empty list", async () => {
    const { bench, ask } = await start({ nodes: 3 });
    await bench.broker.createTopic("b", { partitions: 2 });
    await bench.broker.createTopic("a", { partitions: 1 });
    const all = await ask({ topics: null });
    assert.deepEqual(
      all.brokers.map(({ nodeId, host, port }) => `${nodeId} ${host}:${port}`),
      ["1 kafka:9092", "2 kafka:9093", "3 kafka:9094"],
    );
    assert.deepEqual(
      all.topics.map((topic) => topic.name),
      ["a", "b"],
    );
    assert.deepEqual((await ask({ topics: [] })).topics, []);
    assert.equal((await ask({ topics: [] }, 0)).topics.length, 2, "version 0 has no null");
    for (let version = 1; version <= metadata.maxVersion; version++) {
      const [topic] = (await ask({ topics: [{ name: "b" }] }, version)).topics;
      assert.equal(topic!.partitions.length, 2);
      assert.deepEqual(topic!.partitions[0]!.replicaNodes.toSorted(), [1, 2, 3]);
    }
  });

  test("knows topics by id, and a topic that was made again has another", async () => {
    const { bench, ask } = await start();
    await bench.broker.createTopic("t");
    const { id } = bench.broker.topics()[0]!;
    const [known] = (await ask({ topics: [{ topicId: id, name: null }] })).topics;
    assert.deepEqual([known!.name, known!.errorCode], ["t", 0]);
    await bench.broker.deleteTopic("t");
    await bench.broker.createTopic("t");
    for (const version of [10, 12, 13]) {
      const [gone] = (await ask({ topics: [{ topicId: id, name: null }] }, version)).topics;
      assert.equal(gone!.errorCode, ErrorCode.UNKNOWN_TOPIC_ID);
    }
    assert.notEqual(bench.broker.topics()[0]!.id, id);
  });

  test("gives each topic its own error", async () => {
    const { bench, ask } = await start();
    await bench.broker.createTopic("t");
    const { topics } = await ask({ topics: [{ name: "t" }, { name: "nope" }, { name: "not a name" }] });
    const codes = topics.map((topic) => topic.errorCode);
    assert.deepEqual(codes, [0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_TOPIC_EXCEPTION]);
  });

  test("creates what it is asked for only where broker and request both say so", async () => {
    const off = await start();
    await off.ask({ topics: [{ name: "t" }], allowAutoTopicCreation: true });
    assert.equal(off.bench.broker.topics().length, 0);
    const on = await start({ autoCreateTopics: true, defaultPartitions: 5 });
    await on.ask({ topics: [{ name: "t" }], allowAutoTopicCreation: false });
    assert.equal(on.bench.broker.topics().length, 0);
    const { topics } = await on.ask({ topics: [{ name: "t" }], allowAutoTopicCreation: true });
    assert.equal(topics[0]!.partitions.length, 5);
  });
});

describe("CreateTopics", () => {
  test("creates what was asked for, in every version, and says what it made", async () => {
    const { bench, create } = await start({ nodes: 3, topicDefaults: { "retention.ms": "5" } });
    const made = await create({
      name: "t",
      numPartitions: 4,
      replicationFactor: 2,
      configs: [{ name: "cleanup.policy", value: "compact" }],
    });
    assert.deepEqual([made.errorCode, made.numPartitions, made.replicationFactor], [0, 4, 2]);
    const config = (name: string): unknown[] => {
      const found = made.configs!.find((one) => one.name === name)!;
      return [found.value, found.configSource];
    };
    assert.deepEqual(config("cleanup.policy"), ["compact", 1]);
    assert.deepEqual(config("retention.ms"), ["5", 4]);
    assert.deepEqual(config("max.message.bytes"), ["1048588", 5]);
    const [topic] = bench.broker.topics();
    assert.equal(topic!.id, made.topicId);
    const client = await bench.connect();
    for (let version = createTopics.minVersion; version <= createTopics.maxVersion; version++) {
      const topics = [{ name: `v${version}`, numPartitions: 1, replicationFactor: 1 }];
      const answer = await bench.run(client.call(createTopics, version, { topics }));
      assert.equal(answer.topics[0]!.errorCode, 0);
    }
  });

  test("spreads leaders over the nodes", async () => {
    const { bench } = await start({ nodes: 3 });
    await bench.broker.createTopic("t", { partitions: 6 });
    const leaders = bench.broker.topics()[0]!.partitions.map((one) => one.leaderId);
    assert.deepEqual(leaders.toSorted(), [1, 1, 2, 2, 3, 3]);
  });

  test("only checks where that is all that is asked", async () => {
    const { bench, create } = await start();
    assert.equal((await create({ name: "t" }, true)).errorCode, 0);
    assert.equal((await create({ name: "!" }, true)).errorCode, ErrorCode.INVALID_TOPIC_EXCEPTION);
    assert.equal(bench.broker.topics().length, 0);
  });

  test("takes assignments", async () => {
    const { bench, create } = await start({ nodes: 2 });
    const assignments = [
      { partitionIndex: 1, brokerIds: [2] },
      { partitionIndex: 0, brokerIds: [2, 1] },
    ];
    assert.equal((await create({ name: "t", assignments })).errorCode, 0);
    assert.deepEqual(
      bench.broker.topics()[0]!.partitions.map((one) => one.leaderId),
      [2, 2],
    );
  });

  const config = (name: string, value: string | null): Draft<CreatableTopic> => ({
    name: "t",
    configs: [{ name, value }],
  });
  for (const [what, topic, errorCode] of [
    ["a name with a space", { name: "a b" }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["a name of dots", { name: ".." }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["a name that is too long", { name: "x".repeat(250) }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["a name that is taken", { name: "taken.topic" }, ErrorCode.TOPIC_ALREADY_EXISTS],
    ["a name that collides in metrics", { name: "taken_topic" }, ErrorCode.INVALID_TOPIC_EXCEPTION],
    ["no partitions", { name: "t", numPartitions: 0 }, ErrorCode.INVALID_PARTITIONS],
    ["more replicas than nodes", { name: "t", replicationFactor: 2 }, ErrorCode.INVALID_REPLICATION_FACTOR],
    ["an unknown configuration", config("no.such", "1"), ErrorCode.INVALID_CONFIG],
    ["a value of another kind", config("retention.ms", "soon"), ErrorCode.INVALID_CONFIG],
    ["a value out of range", config("max.message.bytes", "-1"), ErrorCode.INVALID_CONFIG],
    ["a value that is null", config("retention.ms", null), ErrorCode.INVALID_CONFIG],
    ["compression that there is not", config("compression.type", "brotli"), ErrorCode.INVALID_CONFIG],
    [
      "assignments beside counts",
      { name: "t", numPartitions: 1, assignments: [{ brokerIds: [1] }] },
      ErrorCode.INVALID_REQUEST,
    ],
    [
      "assignments to strangers",
      { name: "t", assignments: [{ brokerIds: [9] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    ],
    [
      "assignments with gaps",
      { name: "t", assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    ],
  ] as const) {
    test(`refuses ${what}`, async () => {
      const { bench, create } = await start();
      await bench.broker.createTopic("taken.topic");
      const made = await create(topic);
      assert.equal(made.errorCode, errorCode);
      assert.ok(made.errorMessage!.length > 10);
      assert.equal(bench.broker.topics().length, 1);
    });
  }

  test("refuses a name that is in the request twice", async () => {
    const { bench } = await start();
    const client = await bench.connect();
    const topic = { name: "t", numPartitions: 1, replicationFactor: 1 };
    const answer = await bench.run(client.call(createTopics, 7, { topics: [topic, topic, { ...topic, name: "u" }] }));
    assert.deepEqual(
      answer.topics.map(({ name, errorCode }) => [name, errorCode]),
      [
        ["t", ErrorCode.INVALID_REQUEST],
        ["u", 0],
      ],
    );
  });

  test("by the broker itself throws Kafka's name for what is wrong", async () => {
    const { bench } = await start();
    await bench.broker.createTopic("t");
    await assert.rejects(bench.broker.createTopic("t"), { name: "BrokerError", code: "TOPIC_ALREADY_EXISTS" });
    await assert.rejects(bench.broker.deleteTopic("nope"), { code: "UNKNOWN_TOPIC_OR_PARTITION" });
    await assert.rejects(bench.broker.deleteRecords("t", 0, 5), { code: "OFFSET_OUT_OF_RANGE" });
  });
});

describe("DeleteTopics", () => {
  test("deletes by name and by id, in every version", async () => {
    const { bench } = await start();
    const client = await bench.connect();
    for (let version = deleteTopics.minVersion; version <= deleteTopics.maxVersion; version++) {
      await bench.broker.createTopic("t");
      const request = version >= 6 ? { topics: [{ name: "t" }, { name: "nope" }] } : { topicNames: ["t", "nope"] };
      const { responses } = await bench.run(client.call(deleteTopics, version, request));
      assert.deepEqual(
        responses.map((one) => one.errorCode),
        [0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      );
      assert.equal(bench.broker.topics().length, 0);
    }
    await bench.broker.createTopic("t");
    const topicId = bench.broker.topics()[0]!.id;
    const both = await bench.run(client.call(deleteTopics, 6, { topics: [{ name: "t", topicId }] }));
    assert.equal(both.responses[0]!.errorCode, ErrorCode.INVALID_REQUEST);
    const byId = await bench.run(client.call(deleteTopics, 6, { topics: [{ topicId }] }));
    assert.deepEqual([byId.responses[0]!.name, byId.responses[0]!.errorCode], ["t", 0]);
  });
});

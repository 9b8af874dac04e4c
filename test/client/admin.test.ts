import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { startClientBench } from "../support/client-bench.ts";

test("topics are created with what was said of them, and are ready to be used", async (t) => {
  const bench = await startClientBench(t, { topics: {}, broker: { nodes: 2, defaultPartitions: 5 } });
  const admin = bench.kafka.admin();
  await bench.run(
    admin.createTopics([
      { name: "a", partitions: 2, replicationFactor: 2, config: { "retention.ms": "-1" } },
      { name: "b" },
    ]),
  );
  const topics = bench.broker.topics();
  assert.deepEqual(
    topics.map(({ name, partitions }) => [name, partitions.length]),
    [
      ["a", 2],
      ["b", 5],
    ],
  );
  assert.deepEqual(topics[0]!.configs, { "retention.ms": "-1" });
  assert.equal(bench.kafka.cluster.cached("a")?.partitions.length, 2, "the client knows it at once");
  const listed = await bench.run(admin.listTopics());
  assert.deepEqual(
    listed.map(({ name, partitions, isReady, errorCode }) => [name, partitions, isReady, errorCode]).sort(),
    [
      ["a", 2, true, 0],
      ["b", 5, true, 0],
    ],
  );
  assert.equal(listed.find(({ name }) => name === "a")!.topicId, topics[0]!.id);
});

test("topics that do not exist are described as that", async (t) => {
  const bench = await startClientBench(t);
  const admin = bench.kafka.admin();
  const [known, unknown] = await bench.run(admin.describeTopics(["t", "missing"]));
  assert.deepEqual([known!.errorCode, known!.partitions, unknown!.errorCode, unknown!.isReady], [0, 4, 3, false]);
  assert.deepEqual(await bench.run(admin.describeTopics([])), []);
});

test("one topic that cannot be created is an error with its name and why", async (t) => {
  const bench = await startClientBench(t);
  const admin = bench.kafka.admin();
  const error = await bench.failure(admin.createTopics([{ name: "t" }]));
  assert.deepEqual([error.code, error.topic, error.retriable], ["TOPIC_ALREADY_EXISTS", "t", false]);
  assert.match(error.message, /create topic t/);
});

test("several that cannot be created are one error that names each", async (t) => {
  const bench = await startClientBench(t);
  const admin = bench.kafka.admin();
  const error = await bench.failure(
    admin.createTopics([{ name: "t" }, { name: "fine", partitions: 1 }, { name: "no/slash" }]),
  );
  assert.match(
    error.message,
    /create topic t.*TOPIC_ALREADY_EXISTS.*; create topic no\/slash.*INVALID_TOPIC_EXCEPTION/,
  );
  assert.equal(bench.broker.topics().length, 2, "what could be was created");
});

test("topics are deleted, and may be made again at once", async (t) => {
  const bench = await startClientBench(t);
  const admin = bench.kafka.admin();
  const producer = bench.kafka.producer();
  await bench.run(producer.send({ topic: "t", value: "x" }));
  await bench.run(admin.deleteTopics(["t"]));
  assert.deepEqual(bench.broker.topics(), []);
  assert.equal((await bench.failure(producer.send({ topic: "t", value: "x" }))).code, "UNKNOWN_TOPIC_OR_PARTITION");
  await bench.run(admin.createTopics([{ name: "t", partitions: 1 }]));
  assert.equal((await bench.run(producer.send({ topic: "t", value: "x" }))).offset, 0);
  assert.equal((await bench.failure(admin.deleteTopics(["missing"]))).code, "UNKNOWN_TOPIC_OR_PARTITION");
  await bench.run(Promise.all([admin.createTopics([]), admin.deleteTopics([])]));
});

test("topics whose leaders nobody tells of in time are an error that names them", async (t) => {
  const bench = await startClientBench(t);
  bench.broker.observe(({ api }) => {
    if (api === "CreateTopics") bench.broker.faults.cut({ api: "Metadata", times: Number.POSITIVE_INFINITY });
  });
  const error = await bench.failure(bench.kafka.admin().createTopics([{ name: "a", partitions: 6 }]));
  assert.equal(error.code, "REQUEST_TIMED_OUT");
  assert.match(error.message, /topics a have not got leaders within 15000 ms/);
  assert.ok(error.cause instanceof Error);
});

test("a connection that ends while new topics are waited for does not fail their creation", async (t) => {
  const bench = await startClientBench(t);
  bench.broker.observe(({ api }) => {
    if (api === "CreateTopics") bench.broker.faults.cut({ api: "Metadata", times: 2 });
  });
  await bench.run(bench.kafka.admin().createTopics([{ name: "a", partitions: 1 }]));
});

test("topics are created by the controller", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 3 } });
  const asked = bench.broker.nextRequest({ api: "CreateTopics" });
  const described = bench.broker.nextRequest({ api: "Metadata" });
  await bench.run(bench.kafka.admin().createTopics([{ name: "a" }]));
  const { nodeId } = await asked;
  assert.ok(nodeId >= 1 && nodeId <= 3);
  assert.deepEqual(((await described).body as { topics: unknown[] }).topics, []);
});

test("an authorization that is missing is told by its name", async (t) => {
  const bench = await startClientBench(t);
  bench.broker.faults.fail({ api: "CreateTopics", errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED });
  const error = await bench.failure(bench.kafka.admin().createTopics([{ name: "a" }]));
  assert.equal(error.code, "CLUSTER_AUTHORIZATION_FAILED");
});

test("a classic group is described by brokers that name an API for the other kind, and do not serve it (Kafka 3.9)", async (t) => {
  const bench = await startClientBench(t);
  const consumer = bench.kafka.consumer({ groupId: "g", topics: ["t"], groupProtocol: "classic" });
  const assigned = new Promise<void>((resolve) => void consumer.on("assigned", () => resolve()));
  void consumer[Symbol.asyncIterator]().next();
  await bench.run(assigned);
  bench.broker.faults.fail({ api: "ConsumerGroupDescribe", errorCode: ErrorCode.UNSUPPORTED_VERSION });
  const [group] = await bench.run(bench.kafka.admin().describeGroups(["g"]));
  assert.deepEqual([group?.type, group?.members.length], ["classic", 1]);
});

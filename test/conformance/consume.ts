import assert from "node:assert/strict";
import { codecIds } from "../../protocol/compression.ts";
import { codecIdOf } from "../../protocol/record-batch.ts";
import { type ConsumerBatch, KafkaError } from "../../src/client/mod.ts";
import { conformanceTest } from "./conformance-test.ts";
import { codecs } from "./produce.ts";
import { consumerOf, readTopic, storedBatches, take, values } from "./reading.ts";
import type { Target, TestCluster } from "./target.ts";

function offsets(batches: readonly ConsumerBatch[]): number[] {
  return batches.flatMap(({ records }) => records.map(({ offset }) => offset));
}

/** Sends `count` records, whose values are their numbers from `from` on, each in a batch of its own. */
async function fill(cluster: TestCluster, topic: string, count: number, from = 0): Promise<void> {
  const producer = cluster.kafka().producer();
  for (let i = from; i < from + count; i++) await producer.send({ topic, value: String(i) });
}

/** Reading records. */
export function consumeConformance(target: Target): void {
  const test = conformanceTest(target);

  test("a consumer without a commit begins at the earliest offset", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 3);
    const [batch] = await take(consumerOf(cluster, { topics: [topic] })[Symbol.asyncIterator](), 1);
    assert.equal(batch!.records[0]!.offset, 0);
    assert.equal(batch!.highWatermark, 3);
  });

  test("offsetReset latest reads only what comes after the start", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 3);
    const { kafka, transport } = cluster.unreliableKafka();
    const batches = consumerOf(cluster, { topics: [topic], offsetReset: "latest", maxWait: 20 }, kafka)[
      Symbol.asyncIterator
    ]();
    const first = batches.next();
    // Joining and finding its place take fewer answers than this: the rest are of fetches.
    await transport.received(40);
    await fill(cluster, topic, 2, 3);
    const got = offsets([(await first).value as ConsumerBatch]);
    assert.ok(got[0]! >= 3, `began at ${got[0]}`);
  });

  test("offsetReset fail refuses a partition without a commit", async (cluster) => {
    const topic = await cluster.topic();
    const batches = consumerOf(cluster, { topics: [topic], offsetReset: "fail" })[Symbol.asyncIterator]();
    await assert.rejects(batches.next(), (error: unknown) => error instanceof KafkaError && error.code === "NO_OFFSET");
  });

  test("a group goes on behind what it committed, and only that", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 4);
    const groupId = cluster.fresh("group");
    const first = consumerOf(cluster, { topics: [topic], groupId, partitionMaxBytes: 1, maxBytes: 1 });
    const batches = first[Symbol.asyncIterator]();
    const [one] = await take(batches, 1);
    await first.commit(one!);
    await take(batches, 1);
    await first.close();
    const next = consumerOf(cluster, { topics: [topic], groupId });
    const rest = await take(next[Symbol.asyncIterator](), 4 - one!.nextOffset);
    assert.deepEqual(offsets(rest), [0, 1, 2, 3].slice(one!.nextOffset));
  });

  test("a group begins at its committed offset in the middle of a batch", async (cluster) => {
    const topic = await cluster.topic();
    await cluster
      .kafka()
      .producer()
      .sendMany(Array.from({ length: 10 }, (_, i) => ({ topic, value: String(i) })));
    assert.equal((await storedBatches(cluster.kafka(), topic)).length, 1);
    const groupId = cluster.fresh("group");
    const first = consumerOf(cluster, { topics: [topic], groupId });
    await take(first[Symbol.asyncIterator](), 10);
    await first.commit({ topic, partition: 0, nextOffset: 4, leaderEpoch: -1 });
    await first.close();
    const rest = await take(consumerOf(cluster, { topics: [topic], groupId })[Symbol.asyncIterator](), 6);
    assert.deepEqual(offsets(rest), [4, 5, 6, 7, 8, 9]);
  });

  test("a consumer reads all partitions of all its topics, each in order", async (cluster) => {
    const topics = [await cluster.topic(3), await cluster.topic(2)];
    const producer = cluster.kafka().producer();
    const records = topics.flatMap((topic, n) =>
      Array.from({ length: 300 }, (_, i) => ({ topic, partition: i % (3 - n), value: String(i) })),
    );
    await producer.sendMany(records);
    const batches = await take(consumerOf(cluster, { topics })[Symbol.asyncIterator](), records.length);
    for (const [n, topic] of topics.entries()) {
      for (let partition = 0; partition < 3 - n; partition++) {
        const own = batches.filter((batch) => batch.topic === topic && batch.partition === partition);
        const expected = Array.from({ length: 300 }, (_, i) => i).filter((i) => i % (3 - n) === partition);
        assert.deepEqual(values(own.flatMap((batch) => batch.records)), expected.map(String));
      }
    }
  });

  test("a consumer that has idled gets what is new", async (cluster) => {
    const topic = await cluster.topic(2);
    const { kafka, transport } = cluster.unreliableKafka();
    const batches = consumerOf(cluster, { topics: [topic], maxWait: 20 }, kafka)[Symbol.asyncIterator]();
    const next = batches.next();
    await transport.received(30);
    await cluster.kafka().producer().send({ topic, partition: 1, value: "new" });
    const { value } = await next;
    assert.deepEqual(values((value as ConsumerBatch).records), ["new"]);
  });

  test("a batch larger than the limits still comes", async (cluster) => {
    const topic = await cluster.topic();
    const producer = cluster.kafka().producer();
    for (const size of [10, 50_000, 10]) await producer.send({ topic, value: "x".repeat(size) });
    const read = await readTopic(cluster, topic, 3, { partitionMaxBytes: 100, maxBytes: 100 });
    assert.deepEqual(
      read.get(0)!.map(({ value }) => value!.length),
      [10, 50_000, 10],
    );
  });

  test("batches of all codecs are read from one partition", async (cluster) => {
    const topic = await cluster.topic();
    const base = cluster.kafka().producer();
    for (const [n, compression] of codecs.entries()) {
      const producer = base.with({ compression });
      await producer.sendMany(
        Array.from({ length: 50 }, (_, i) => ({ topic, value: `${n * 50 + i} ${"ab".repeat(100)}` })),
      );
    }
    assert.deepEqual(
      (await storedBatches(cluster.kafka(), topic)).map(codecIdOf),
      codecs.map((codec) => codecIds[codec]),
    );
    const read = (await readTopic(cluster, topic, codecs.length * 50)).get(0)!;
    assert.deepEqual(
      values(read).map((value) => Number.parseInt(value!, 10)),
      Array.from({ length: codecs.length * 50 }, (_, i) => i),
    );
  });

  test("a group whose offset was deleted begins again at the earliest, or fails, as it asked for", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 6);
    const groupId = cluster.fresh("group");
    const first = consumerOf(cluster, { topics: [topic], groupId });
    await take(first[Symbol.asyncIterator](), 1);
    await first.commit({ topic, partition: 0, nextOffset: 1, leaderEpoch: -1 });
    await first.close();
    await cluster.deleteRecords(topic, 0, 4);
    const strict = consumerOf(cluster, { topics: [topic], groupId, offsetReset: "fail" });
    await assert.rejects(strict[Symbol.asyncIterator]().next(), { code: "NO_OFFSET" });
    const rest = await take(consumerOf(cluster, { topics: [topic], groupId })[Symbol.asyncIterator](), 2);
    assert.deepEqual(offsets(rest), [4, 5]);
  });

  test("a new group reads what deletion left", async (cluster) => {
    const topic = await cluster.topic();
    await cluster
      .kafka()
      .producer()
      .sendMany(Array.from({ length: 10 }, (_, i) => ({ topic, value: String(i) })));
    await cluster.deleteRecords(topic, 0, 7);
    const rest = await take(consumerOf(cluster, { topics: [topic] })[Symbol.asyncIterator](), 3);
    assert.deepEqual(offsets(rest), [7, 8, 9]);
  });

  test("a signal ends the iteration, and the place is free at once", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 2);
    const groupId = cluster.fresh("group");
    const stop = new AbortController();
    const consumer = consumerOf(cluster, { topics: [topic], groupId, signal: stop.signal, sessionTimeout: 60_000 });
    for await (const batch of consumer) {
      await consumer.commit({ ...batch, nextOffset: 2 });
      stop.abort();
    }
    await consumer.close();
    await fill(cluster, topic, 1, 2);
    const rest = await take(consumerOf(cluster, { topics: [topic], groupId })[Symbol.asyncIterator](), 1);
    assert.deepEqual(offsets(rest), [2]);
  });

  test("close lets a commit that was asked for through", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 3);
    const groupId = cluster.fresh("group");
    const consumer = consumerOf(cluster, { topics: [topic], groupId });
    const batches = consumer[Symbol.asyncIterator]();
    await take(batches, 1);
    const commit = consumer.commit({ topic, partition: 0, nextOffset: 2, leaderEpoch: -1 });
    await consumer.close();
    await commit;
    assert.equal((await batches.next()).done, true);
    const rest = await take(consumerOf(cluster, { topics: [topic], groupId })[Symbol.asyncIterator](), 1);
    assert.deepEqual(offsets(rest), [2]);
  });

  test("a topic that does not exist is refused by name", async (cluster) => {
    const batches = consumerOf(cluster, { topics: [cluster.fresh("none")] })[Symbol.asyncIterator]();
    await assert.rejects(batches.next(), { code: "UNKNOWN_TOPIC_OR_PARTITION" });
  });

  test("a consumer whose answers are lost on the way reads everything once, in order", async (cluster) => {
    const topic = await cluster.topic();
    await fill(cluster, topic, 30);
    const { kafka, transport } = cluster.unreliableKafka();
    const batches = consumerOf(cluster, { topics: [topic], partitionMaxBytes: 1, maxBytes: 1 }, kafka)[
      Symbol.asyncIterator
    ]();
    const got: number[] = [];
    while (got.length < 30) {
      if (got.length % 10 === 5) transport.cutAnswerAfter(0);
      got.push(...offsets(await take(batches, 1)));
    }
    assert.deepEqual(
      got,
      Array.from({ length: 30 }, (_, i) => i),
    );
  });
}

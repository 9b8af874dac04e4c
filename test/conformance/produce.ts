import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import { type CompressionType, codecIds } from "../../protocol/compression.ts";
import { codecIdOf } from "../../protocol/record-batch.ts";
import { defaultPartition } from "../../src/client/default-partitioner.ts";
import { type ProducerRecord, SendManyError } from "../../src/client/mod.ts";
import { sampleBytes } from "../support/byte-samples.ts";
import { conformanceTest } from "./conformance-test.ts";
import { fetchOnce, readTopic, storedBatches, storedRecords, text, values } from "./reading.ts";
import type { Target } from "./target.ts";

const encoder = new TextEncoder();

/** What this runtime can compress with. */
export const codecs: readonly CompressionType[] = (Object.keys(codecIds) as CompressionType[]).filter(
  (codec) => codec !== "zstd" || "zstdCompressSync" in zlib,
);

/** Writing records. */
export function produceConformance(target: Target): void {
  const test = conformanceTest(target);

  for (const acks of ["all", "leader"] as const) {
    test(`send with acks ${acks} resolves with the record's place`, async (cluster) => {
      const topic = await cluster.topic();
      const producer = cluster.kafka().producer({ acks });
      const timestamp = Date.now() - 1000;
      const first = await producer.send({ topic, value: "a", timestamp });
      assert.deepEqual(first, { topic, partition: 0, offset: 0, timestamp });
      const second = await producer.send({ topic, value: "b" });
      assert.equal(second.offset, 1);
      assert.deepEqual(values((await readTopic(cluster, topic, 2)).get(0)!), ["a", "b"]);
    });
  }

  test("send with acks none resolves at once, and the records arrive in order", async (cluster) => {
    const topic = await cluster.topic();
    const producer = cluster.kafka().producer({ acks: "none" });
    const sent = await Promise.all(["a", "b", "c"].map((value) => producer.send({ topic, value })));
    assert.deepEqual(
      sent.map(({ offset }) => offset),
      [-1, -1, -1],
    );
    const last = await producer.send({ topic, value: "d" });
    assert.equal(last.offset, -1);
    assert.deepEqual(values((await readTopic(cluster, topic, 4)).get(0)!), ["a", "b", "c", "d"]);
  });

  test("calls that are not awaited keep their order on each partition", async (cluster) => {
    const topic = await cluster.topic(3);
    const producer = cluster.kafka().producer();
    const keys = Array.from({ length: 30 }, (_, i) => `key-${i % 10}`);
    const sent = await Promise.all(keys.map((key, i) => producer.send({ topic, key, value: String(i) })));
    for (const [i, key] of keys.entries()) assert.equal(sent[i]!.partition, defaultPartition(key, 3));
    for (let partition = 0; partition < 3; partition++) {
      const numbers = values(await storedRecords(cluster.kafka(), topic, partition)).map(Number);
      assert.deepEqual(
        numbers,
        keys.flatMap((key, i) => (defaultPartition(key, 3) === partition ? [i] : [])),
      );
    }
  });

  for (const codec of codecs) {
    test(`a batch compressed with ${codec} is stored so, and read back equal`, async (cluster) => {
      const topic = await cluster.topic();
      const producer = cluster.kafka().producer({ compression: codec });
      const records = Array.from({ length: 500 }, (_, i): ProducerRecord => {
        return { topic, key: `key-${i}`, value: sampleBytes(i * 3, 7, 20, i + 1), headers: { n: String(i) } };
      });
      await producer.sendMany(records);
      const stored = await storedBatches(cluster.kafka(), topic);
      assert.deepEqual(new Set(stored.map(codecIdOf)), new Set([codecIds[codec]]));
      const read = (await readTopic(cluster, topic, records.length)).get(0)!;
      assert.deepEqual(
        read.map(({ key, value, headers }) => [text(key), [...value!], headers.map(([n, v]) => [n, text(v)])]),
        records.map(({ key, value }, i) => [key, [...(value as Uint8Array)], [["n", String(i)]]]),
      );
    });
  }

  test("a batch that compression would make larger is stored plain", async (cluster) => {
    const topic = await cluster.topic();
    await cluster
      .kafka()
      .producer({ compression: "gzip" })
      .send({ topic, value: sampleBytes(1000, 1, 256) });
    assert.deepEqual((await storedBatches(cluster.kafka(), topic)).map(codecIdOf), [0]);
    assert.deepEqual(await lengths(cluster.kafka(), topic), [1000]);
  });

  test("headers keep order, repetitions, empty and null values", async (cluster) => {
    const topic = await cluster.topic();
    const headers = [
      ["a", "1"],
      ["a", "2"],
      ["", "no name"],
      ["empty", ""],
      ["null", null],
      ["größe", "høj 🎈"],
      ["bytes", Uint8Array.of(0, 255, 128)],
    ] as const;
    const producer = cluster.kafka().producer();
    await producer.send({ topic, value: "v", headers });
    await producer.send({ topic, value: "v" });
    const [first, second] = await storedRecords(cluster.kafka(), topic);
    assert.deepEqual(
      first!.headers.map(([name, value]) => [name, value === null ? null : [...value]]),
      headers.map(([name, value]) => [name, value === null ? null : [...toBytes(value)]]),
    );
    assert.deepEqual(second!.headers, []);
  });

  test("null and empty keys and values stay what they are", async (cluster) => {
    const topic = await cluster.topic();
    const producer = cluster.kafka().producer();
    const pairs = [
      ["key", null],
      [null, "value"],
      ["", ""],
      [null, null],
      ["ключ-鍵-🗝", "wartość"],
    ] as const;
    await producer.sendMany(pairs.map(([key, value]) => ({ topic, key, value, partition: 0 })));
    const read = await storedRecords(cluster.kafka(), topic);
    assert.deepEqual(
      read.map(({ key, value }) => [text(key), text(value)]),
      pairs,
    );
  });

  test("timestamps are the producer's, in any order", async (cluster) => {
    const topic = await cluster.topic();
    const base = Date.now();
    const timestamps = [base, base - 86_400_000, base - 1, base + 1, base];
    const sent = await cluster
      .kafka()
      .producer()
      .sendMany(timestamps.map((timestamp) => ({ topic, value: "v", timestamp })));
    assert.deepEqual(
      sent.map(({ timestamp }) => timestamp),
      timestamps,
    );
    assert.deepEqual(
      (await storedRecords(cluster.kafka(), topic)).map(({ timestamp }) => timestamp),
      timestamps,
    );
  });

  test("timestamps are the broker's where the topic says LogAppendTime", async (cluster) => {
    const topic = await cluster.topic(1, { "message.timestamp.type": "LogAppendTime" });
    const [sent] = await cluster
      .kafka()
      .producer()
      .sendMany([{ topic, value: "v", timestamp: 1000 }]);
    assert.ok(sent!.timestamp > 1000);
    assert.deepEqual(
      (await storedRecords(cluster.kafka(), topic)).map(({ timestamp }) => timestamp),
      [sent!.timestamp],
    );
  });

  test("many records over several partitions arrive whole and in order", async (cluster) => {
    const topic = await cluster.topic(3);
    const producer = cluster.kafka().producer();
    const count = 20_000;
    const records = Array.from({ length: count }, (_, i) => ({
      topic,
      key: `key-${i % 100}`,
      value: `${i}:${"x".repeat(i % 200)}`,
    }));
    const sent = await producer.sendMany(records);
    const read = await readTopic(cluster, topic, count);
    for (const [i, { partition, offset }] of sent.entries()) {
      assert.equal(text(read.get(partition)![offset]!.value), records[i]!.value);
    }
  });

  test("a large record travels", async (cluster) => {
    const topic = await cluster.topic();
    const value = sampleBytes(900_000, 1, 256);
    await cluster.kafka().producer().send({ topic, value });
    const [record] = (await readTopic(cluster, topic, 1, { partitionMaxBytes: 1000, maxBytes: 1000 })).get(0)!;
    assert.equal(Buffer.compare(record!.value!, value), 0);
  });

  for (const acks of ["all", "leader"] as const) {
    test(`with acks ${acks}, a batch too large for the topic is split; a record too large fails alone`, async (cluster) => {
      const topic = await cluster.topic(1, { "max.message.bytes": "2000" });
      const producer = cluster.kafka().producer({ acks });
      // The broker knows the producer, so that batches follow one another at once.
      await producer.send({ topic, value: "first" });
      const sizes = [100, 900, 900, 5_000, 900, 100, 900, 3_000, 100, 100];
      const sends = sizes.map((size, i) =>
        producer.send({ topic, value: `${i}${"x".repeat(size)}`, headers: { i: "h" } }),
      );
      const settled = Promise.allSettled(sends);
      const behind = producer.send({ topic, value: "behind" });
      await producer.flush();
      const results = await settled;
      for (const [i, result] of results.entries()) {
        assert.equal(result.status, sizes[i]! > 2_000 ? "rejected" : "fulfilled", String(i));
        if (result.status === "fulfilled") continue;
        assert.equal(result.reason.code, "MESSAGE_TOO_LARGE");
        assert.match(result.reason.message, /is larger than max\.message\.bytes of the topic, 2000$/);
      }
      await behind;
      const stored = await storedRecords(cluster.kafka(), topic, 0);
      const fitting = sizes.flatMap((size, i) => (size > 2_000 ? [] : [`${i}${"x".repeat(size)}`]));
      assert.deepEqual(values(stored), ["first", ...fitting, "behind"]);
      for (const { offset, headers } of stored.slice(1, -1))
        assert.deepEqual([headers[0]?.[0], offset >= 1], ["i", true]);
    });
  }

  test("a compressed batch too large for the topic is split, and its halves are compressed", async (cluster) => {
    const topic = await cluster.topic(1, { "max.message.bytes": "4000" });
    const producer = cluster.kafka().producer({ compression: "gzip" });
    const noise = Array.from({ length: 12 }, (_, i) => sampleBytes(1_000, i + 1, 200));
    const sent = await producer.sendMany(noise.map((value) => ({ topic, value })));
    assert.deepEqual(
      sent.map(({ offset }) => offset),
      noise.map((_, i) => i),
    );
    const stored = await storedRecords(cluster.kafka(), topic, 0);
    for (const [i, value] of noise.entries()) assert.equal(Buffer.compare(stored[i]!.value!, value), 0);
    const batches = await storedBatches(cluster.kafka(), topic, 0);
    assert.ok(batches.length > 1 && batches.every((batch) => codecIdOf(batch) === codecIds.gzip));
  });

  test("a batch that is refused for one of its records fails by name, and the next is stored (KIP-467)", async (cluster) => {
    const topic = await cluster.topic(1, { "cleanup.policy": "compact" });
    const producer = cluster.kafka().producer();
    const keys = ["a", null, "b"];
    const results = await Promise.allSettled(
      keys.map((key) => producer.send({ topic, key, value: "v", partition: 0 })),
    );
    const errors = results.map((result) => (result.status === "rejected" ? result.reason : undefined));
    for (const error of errors) assert.deepEqual([error?.code, error?.retriable], ["INVALID_RECORD", false]);
    assert.match(errors[1].message, /key/);
    assert.equal((await producer.send({ topic, key: "c", value: "v" })).offset, 0);
  });

  test("a record larger than a request may be is refused before it is sent", async (cluster) => {
    const topic = await cluster.topic();
    const producer = cluster.kafka().producer({ maxRequestSize: 1000 });
    await assert.rejects(producer.send({ topic, value: "x".repeat(1000) }), { code: "MESSAGE_TOO_LARGE" });
    assert.equal((await producer.send({ topic, value: "y" })).offset, 0);
  });

  test("a partition that the topic does not have is refused", async (cluster) => {
    const topic = await cluster.topic(2);
    const producer = cluster.kafka().producer();
    for (const partition of [-1, 2, 1.5]) {
      await assert.rejects(producer.send({ topic, value: "v", partition }), { code: "INVALID_ARGUMENT" });
    }
    assert.equal((await producer.send({ topic, key: "k", value: "v", partition: 1 })).partition, 1);
  });

  test("a topic that does not exist is refused by name", async (cluster) => {
    const producer = cluster.kafka().producer();
    const topic = cluster.fresh("none");
    await assert.rejects(producer.send({ topic, value: "v" }), { code: "UNKNOWN_TOPIC_OR_PARTITION" });
    assert.equal((await cluster.kafka().admin().describeTopics([topic]))[0]!.errorCode, 3);
  });

  test("sendMany has a result for each record, failed ones too", async (cluster) => {
    const topic = await cluster.topic(1);
    const producer = cluster.kafka().producer();
    const records = [
      { topic, value: "a" },
      { topic, value: "b", partition: 7 },
      { topic, value: "c" },
    ];
    await assert.rejects(producer.sendMany(records), (error: unknown) => {
      assert.ok(error instanceof SendManyError);
      assert.deepEqual(
        error.results.map((result) => (result instanceof Error ? "error" : result.offset)),
        [0, "error", 1],
      );
      return true;
    });
    assert.deepEqual(values(await storedRecords(cluster.kafka(), topic)), ["a", "c"]);
  });

  test("records without a key reach several partitions", async (cluster) => {
    const topic = await cluster.topic(3);
    const producer = cluster.kafka().producer();
    for (let i = 0; i < 60; i++) await producer.send({ topic, value: "v".repeat(600) });
    const watermarks = await Promise.all(
      [0, 1, 2].map(async (partition) => (await fetchOnce(cluster.kafka(), topic, partition, 0)).highWatermark),
    );
    assert.equal(
      watermarks.reduce((sum, each) => sum + each),
      60,
    );
    assert.ok(watermarks.filter((each) => each > 0).length >= 2, `all in one of: ${watermarks}`);
  });
}

function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}

async function lengths(kafka: Parameters<typeof storedRecords>[0], topic: string): Promise<number[]> {
  return (await storedRecords(kafka, topic)).map(({ value }) => value!.length);
}

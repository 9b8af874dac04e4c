import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { RecordMetadata } from "../../src/client/producer-record.ts";
import { startClientBench } from "../support/client-bench.ts";

/** What users of other clients were bitten by: each test names the issues. */

test("concurrent idempotent sends are stored once each, where they are told (KafkaJS #353 #598 #1005, platformatic #326)", async (t) => {
  const bench = await startClientBench(t, { latency: 30 });
  const producer = bench.kafka.producer({ batchSize: 200 });
  // Answers are lost now and then, so that batches are repeated while others are under way.
  let requests = 0;
  bench.broker.faults.cut({ api: "Produce", times: Number.POSITIVE_INFINITY, where: () => ++requests % 7 === 3 });
  const places: { readonly value: string; readonly place: RecordMetadata }[] = [];
  const send = async (value: string, partition: number): Promise<void> => {
    places.push({ value, place: await producer.send({ topic: "t", value, partition }) });
  };
  const sendMany = async (values: readonly string[], partition: number): Promise<void> => {
    const given = await producer.sendMany(values.map((value) => ({ topic: "t", value, partition })));
    for (const [i, place] of given.entries()) places.push({ value: values[i]!, place });
  };
  const calls: Promise<void>[] = [];
  for (let i = 0; i < 300; i++) {
    calls.push(i % 3 === 0 ? sendMany([`${i}a`, `${i}b`], i % 4) : send(String(i), i % 4));
    if (i % 25 === 0) await bench.time.advance(3);
  }
  await bench.run(Promise.all(calls));
  assert.ok(requests > 10);
  bench.broker.faults.clear();
  assert.equal(places.length, 400);
  for (let partition = 0; partition < 4; partition++) {
    const stored = await bench.values("t", partition);
    const told = places.filter(({ place }) => place.partition === partition);
    assert.equal(stored.length, told.length);
    for (const { value, place } of told) assert.equal(stored[place.offset], value);
  }
});

test("sends share requests by time and size (KafkaJS #1157 #1161)", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ linger: 20, batchSize: 1_000 });
  await bench.run(producer.send({ topic: "t", value: "first", partition: 0 }));
  let requests = 0;
  bench.broker.observe(({ api }) => {
    if (api === "Produce") requests++;
  });
  const sends: Promise<unknown>[] = [];
  for (let i = 0; i < 100; i++) {
    sends.push(producer.send({ topic: "t", value: "x".repeat(50), partition: 0 }));
    await bench.time.advance(1);
  }
  await bench.run(Promise.all(sends));
  assert.ok(requests >= 5 && requests <= 8, `${requests} requests for 100 records of about 60 bytes`);
});

test("a broker that is slow holds up no other broker's records (KafkaJS #370 #683 #806)", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 2 }, topics: { t: 2 } });
  bench.broker.faults.moveLeader("t", 0, 1);
  bench.broker.faults.moveLeader("t", 1, 2);
  const producer = bench.kafka.producer();
  const send = (partition: number): Promise<RecordMetadata> => producer.send({ topic: "t", value: "v", partition });
  await bench.run(Promise.all([send(0), send(1)]));
  bench.broker.faults.delay({ api: "Produce", node: 1, ms: 3_000 });
  const start = bench.time.elapsed;
  const slow = send(0);
  for (let i = 0; i < 20; i++) await bench.run(send(1));
  assert.ok(bench.time.elapsed - start < 100);
  await bench.run(slow);
  assert.ok(bench.time.elapsed - start >= 3_000);
});

test("a topic without leaders, and one that is missing, hold up no other (KafkaJS #815 #1008 #1520, platformatic #69)", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1, headless: 1 } });
  const producer = bench.kafka.producer({ deliveryTimeout: 10_000 });
  await bench.run(Promise.all(["t", "headless"].map((topic) => producer.send({ topic, value: "v" }))));
  bench.kafka.cluster.metadata.moveLeader("headless", 0, -1, 1_000);
  const stuck = bench.failure(producer.send({ topic: "headless", value: "v" }));
  const missing = bench.failure(producer.send({ topic: "missing", value: "v" }));
  const start = bench.time.elapsed;
  await bench.run(producer.sendMany([1, 2, 3].map((value) => ({ topic: "t", value: String(value) }))));
  assert.ok(bench.time.elapsed - start < 100);
  assert.deepEqual([(await stuck).code, (await missing).code], ["DELIVERY_TIMED_OUT", "UNKNOWN_TOPIC_OR_PARTITION"]);
});

test("an error that the client does not know is told by its number, and ends nothing else", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  await bench.run(producer.send({ topic: "t", value: "a", partition: 0 }));
  bench.broker.faults.fail({ api: "Produce", errorCode: 4_711 });
  const error = await bench.failure(producer.send({ topic: "t", value: "b", partition: 0 }));
  assert.deepEqual([error.code, error.retriable], ["UNKNOWN_4711", false]);
  assert.equal((await bench.run(producer.send({ topic: "t", value: "c", partition: 0 }))).offset, 1);
});

test("errors of replication are repeated until they pass, whether the leader has the records or not", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  await bench.run(producer.send({ topic: "t", value: "0", partition: 0 }));
  const { NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS_AFTER_APPEND, REQUEST_TIMED_OUT } = ErrorCode;
  bench.broker.faults.fail({ api: "Produce", errorCode: NOT_ENOUGH_REPLICAS, times: 2 });
  await bench.run(producer.send({ topic: "t", value: "1", partition: 0 }));
  for (const [i, errorCode] of [NOT_ENOUGH_REPLICAS_AFTER_APPEND, REQUEST_TIMED_OUT].entries()) {
    bench.broker.faults.fail({ api: "Produce", errorCode, when: "afterApply", times: 2 });
    const values = [`${2 * i + 2}`, `${2 * i + 3}`];
    await bench.run(Promise.all(values.map((value) => producer.send({ topic: "t", value, partition: 0 }))));
  }
  assert.deepEqual(await bench.values("t", 0), ["0", "1", "2", "3", "4", "5"]);
});

test("a repetition that the broker knows is a success, though it does not say where", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  await bench.run(producer.send({ topic: "t", value: "0", partition: 0 }));
  const errorCode = ErrorCode.DUPLICATE_SEQUENCE_NUMBER;
  bench.broker.faults.fail({ api: "Produce", errorCode, when: "afterApply" });
  assert.equal((await bench.run(producer.send({ topic: "t", value: "1", partition: 0 }))).offset, -1);
  assert.equal((await bench.run(producer.send({ topic: "t", value: "2", partition: 0 }))).offset, 2);
});

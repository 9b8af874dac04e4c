import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ProduceRequest } from "../../protocol/messages/00-produce.ts";
import { InvalidArgumentError, TimeoutError } from "../../src/client/errors.ts";
import { Kafka } from "../../src/client/kafka.ts";
import type { Producer } from "../../src/client/producer.ts";
import type { RecordMetadata } from "../../src/client/producer-record.ts";
import { SendManyError } from "../../src/client/record-owners.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";

/** Sends values to one partition without awaiting between. */
function sendAll(producer: Producer, values: readonly string[], partition = 0): Promise<RecordMetadata[]> {
  return Promise.all(values.map((value) => producer.send({ topic: "t", partition, value })));
}

/** Counts the requests of an API from here on. */
function count(bench: ClientBench, wanted: string): () => number {
  let seen = 0;
  bench.broker.observe(({ api }) => {
    seen += Number(api === wanted);
  });
  return () => seen;
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i));

test("send resolves with the record's place, and the record arrives as it was given", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  const record = { topic: "t", key: "k", value: "v", headers: { a: "1", b: null }, timestamp: bench.clock.now() - 5 };
  const place = await bench.run(producer.send(record));
  assert.deepEqual(place, { topic: "t", partition: place.partition, offset: 0, timestamp: record.timestamp });
  const [stored] = await bench.records("t", place.partition);
  const text = (bytes: Uint8Array | null): string | null => bytes && new TextDecoder().decode(bytes);
  assert.deepEqual([text(stored!.key), text(stored!.value), stored!.timestamp], ["k", "v", record.timestamp]);
  assert.deepEqual(
    stored!.headers.map(([name, value]) => [name, text(value)]),
    [
      ["a", "1"],
      ["b", null],
    ],
  );
});

test("a topic's own time is told where the broker sets it", async (t) => {
  const bench = await startClientBench(t);
  await bench.broker.createTopic("stamped", { partitions: 1, configs: { "message.timestamp.type": "LogAppendTime" } });
  const place = await bench.run(bench.kafka.producer().send({ topic: "stamped", value: "x", timestamp: 5 }));
  assert.ok(place.timestamp >= bench.clock.now() - 1_000);
});

test("the sends of one tick share a request; keys keep to their partitions", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  await bench.run(producer.send({ topic: "t", value: "first", partition: 0 }));
  const requests = count(bench, "Produce");
  const places = await bench.run(
    Promise.all(numbers(0, 200).map((value) => producer.send({ topic: "t", key: `k${Number(value) % 10}`, value }))),
  );
  assert.equal(requests(), 1);
  const byKey = new Map<number, Set<number>>();
  for (const [i, { partition }] of places.entries()) byKey.set(i % 10, (byKey.get(i % 10) ?? new Set()).add(partition));
  assert.ok([...byKey.values()].every((partitions) => partitions.size === 1));
});

test("sends that are not awaited keep their order on a partition", async (t) => {
  const bench = await startClientBench(t, { latency: 20 });
  const producer = bench.kafka.producer({ batchSize: 200 });
  const values = numbers(0, 300);
  const places = await bench.run(sendAll(producer, values));
  assert.deepEqual(
    places.map(({ offset }) => offset),
    values.map(Number),
  );
  assert.deepEqual(await bench.values("t", 0), values);
});

test("linger waits for more records, and a full batch or a flush does not wait for it", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ linger: 50, batchSize: 500 });
  await bench.run(producer.partitionsFor("t"));
  const requests = count(bench, "Produce");
  const start = bench.time.elapsed;
  const first = producer.send({ topic: "t", value: "a", partition: 0 });
  await bench.time.advance(40);
  assert.equal(requests(), 0);
  const second = producer.send({ topic: "t", value: "b", partition: 0 });
  await bench.run(Promise.all([first, second]));
  assert.deepEqual([requests(), bench.time.elapsed - start], [1, 50]);
  const full = producer.send({ topic: "t", value: "x".repeat(300), partition: 0 });
  const next = producer.send({ topic: "t", value: "y".repeat(300), partition: 0 });
  await bench.run(full);
  assert.equal(bench.time.elapsed - start, 50, "the first is full, for the second had no room in it");
  await bench.run(producer.flush());
  await next;
  assert.equal(bench.time.elapsed - start, 50);
});

test("acks says who must have a record, and none wants no answer", async (t) => {
  const bench = await startClientBench(t);
  const seen: ProduceRequest[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api === "Produce") seen.push(body as ProduceRequest);
  });
  const producer = bench.kafka.producer();
  const send = (by: Producer): Promise<RecordMetadata> => bench.run(by.send({ topic: "t", value: "x", partition: 0 }));
  assert.equal((await send(producer)).offset, 0);
  assert.equal((await send(producer.with({ acks: "leader" }))).offset, 1);
  assert.equal((await send(producer.with({ acks: "none" }))).offset, -1);
  await bench.time.advance(1);
  assert.deepEqual(
    seen.map(({ acks }) => acks),
    [-1, 1, 0],
  );
  assert.equal((await bench.values("t", 0)).length, 3);
});

test("a variant with acks other than all has one request in flight for a partition", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ acks: "leader", batchSize: 160 });
  await bench.run(producer.partitionsFor("t"));
  bench.broker.faults.delay({ api: "Produce", ms: 1_000 });
  const requests = count(bench, "Produce");
  const sent = sendAll(
    producer,
    numbers(0, 50).map((value) => value.padStart(40, "0")),
  );
  await bench.time.advance(500);
  assert.equal(requests(), 1);
  await bench.run(sent);
  assert.equal((await bench.values("t", 0)).length, 50);
});

test("every codec is written, and a batch that would grow is sent plain", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  const codecs: number[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api !== "Produce") return;
    for (const topic of (body as ProduceRequest).topicData)
      for (const { records } of topic.partitionData) codecs.push(records![22]! & 7);
  });
  for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const) {
    await bench.run(producer.with({ compression }).send({ topic: "t", value: "x".repeat(10_000), partition: 0 }));
    await bench.run(producer.with({ compression }).send({ topic: "t", value: "y", partition: 0 }));
  }
  assert.deepEqual(codecs, [1, 0, 2, 0, 3, 0, 4, 0]);
  const lengths = (await bench.values("t", 0)).map((value) => value!.length);
  assert.deepEqual(lengths, [10_000, 1, 10_000, 1, 10_000, 1, 10_000, 1]);
});

test("a partition that the topic does not have is refused by its number", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  for (const partition of [4, -1, 1.5, Number.NaN]) {
    const error = await bench.failure(producer.send({ topic: "t", value: "x", partition }));
    assert.ok(error instanceof InvalidArgumentError);
    assert.match(error.message, new RegExp(`partition ${partition}: topic t has partitions 0 to 3`));
  }
});

test("a partition that was added since the metadata came is asked for, and calls keep their order meanwhile", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  await bench.run(producer.send({ topic: "t", value: "0", partition: 0 }));
  await bench.run(
    bench
      .client()
      .admin()
      .createPartitions([{ topic: "t", count: 6 }]),
  );
  const sends = [0, 5, 0, 5, 0].map((partition, i) => producer.send({ topic: "t", value: `${i + 1}`, partition }));
  await bench.run(Promise.all(sends));
  assert.deepEqual(await bench.values("t", 0), ["0", "1", "3", "5"]);
  assert.deepEqual(await bench.values("t", 5), ["2", "4"]);
});

test("a broker that does not know of a new partition yet is asked again for a second", async () => {
  const time = new VirtualClock();
  const cluster = new MemoryCluster(time, { nodes: 1, session: 6_000 });
  await cluster.start();
  await cluster.broker.createTopic("t", { partitions: 4 });
  const clock = time.instance();
  const transport = cluster.network.transport(clock);
  const kafka = new Kafka({ brokers: cluster.broker.addresses, clock, transport });
  const producer = kafka.producer();
  await time.run(producer.send({ topic: "t", value: "0", partition: 0 }));
  const early = producer.send({ topic: "t", value: "1", partition: 4 });
  await time.advance(500);
  cluster.addPartition("t");
  assert.equal((await time.run(early)).partition, 4);
  const began = time.elapsed;
  await assert.rejects(
    time.run(producer.send({ topic: "t", value: "x", partition: 5 })),
    /partition 5: topic t has partitions 0 to 4/,
  );
  assert.ok(time.elapsed - began <= 1_000);
  await time.run(kafka.close());
  await cluster.broker.close();
});

test("a record larger than a request is refused, and the records around it are sent", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ maxRequestSize: 1_000 });
  const before = producer.send({ topic: "t", value: "a", partition: 0 });
  const large = producer.send({ topic: "t", value: "x".repeat(1_000), partition: 0 });
  const after = producer.send({ topic: "t", value: "b", partition: 0 });
  const error = await bench.failure(large);
  assert.equal(error.code, "MESSAGE_TOO_LARGE");
  assert.match(error.message, /10\d\d bytes for t: the most is maxRequestSize, 1000 bytes/);
  await bench.run(Promise.all([before, after]));
  assert.deepEqual(await bench.values("t", 0), ["a", "b"]);
});

test("a record larger than a batch travels alone, between those before and after it", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ batchSize: 200 });
  const values = ["a", "x".repeat(1_000), "b"];
  await bench.run(Promise.all(values.map((value) => producer.send({ topic: "t", value, partition: 0 }))));
  assert.deepEqual(await bench.values("t", 0), values);
});

test("a topic that does not exist rejects all that waited for it, soon, and by its name", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  const sends = [1, 2, 3].map(() => bench.failure(producer.send({ topic: "missing", value: "x" })));
  for (const send of sends) {
    const error = await send;
    assert.deepEqual([error.code, error.topic], ["UNKNOWN_TOPIC_OR_PARTITION", "missing"]);
  }
  assert.ok(bench.time.elapsed < 1_500);
  await bench.broker.createTopic("missing", { partitions: 1 });
  assert.equal((await bench.run(producer.send({ topic: "missing", value: "x" }))).offset, 0);
});

test("sendMany gives results in the order of its records", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ batchSize: 200 });
  const records = numbers(0, 60).map((value) => ({ topic: "t", value, partition: Number(value) % 4 }));
  const results = await bench.run(producer.sendMany(records));
  assert.deepEqual(
    results.map(({ partition, offset }) => offset * 4 + partition),
    numbers(0, 60).map(Number),
  );
  assert.deepEqual(await bench.run(producer.sendMany([])), []);
});

test("sendMany that fails in part rejects with every result, in order", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer();
  const wrong = [
    { topic: "t", value: "a", partition: 1 },
    { topic: "t", value: "b", partition: 9 },
    { topic: "", value: "c" },
    undefined as never,
    { topic: "t", value: "d", partition: 1 },
  ];
  const error = await bench.failure(producer.sendMany(wrong));
  assert.ok(error instanceof SendManyError);
  assert.match(error.message, /^3 of 5 records were not sent; the first: partition 9/);
  const outcomes = error.results.map((result) => (result instanceof Error ? result.name : result.offset));
  assert.deepEqual(outcomes, [0, "InvalidArgumentError", "InvalidArgumentError", "InvalidArgumentError", 1]);
  assert.equal(error.retriable, false);
});

test("an error that does not pass rejects the batch at once, and what follows is stored in order", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ batchSize: 100 });
  await bench.run(producer.send({ topic: "t", value: "0", partition: 0 }));
  bench.broker.faults.fail({ api: "Produce", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
  const values = numbers(1, 6).map((value) => value.padStart(30, "0"));
  const sends = values.map((value) => producer.send({ topic: "t", value, partition: 0 }));
  const error = await bench.failure(sends[0]!);
  assert.deepEqual([error.code, error.topic, error.partition], ["TOPIC_AUTHORIZATION_FAILED", "t", 0]);
  assert.match(error.message, /produce to t\/0/);
  await bench.run(Promise.all(sends.slice(1)));
  assert.deepEqual(await bench.values("t", 0), ["0", ...values.slice(1)]);
});

test("a producer whose id the broker has forgotten goes on under a new epoch (KIP-360)", async (t) => {
  for (const code of [ErrorCode.UNKNOWN_PRODUCER_ID, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER]) {
    const bench = await startClientBench(t);
    const producer = bench.kafka.producer({ batchSize: 100 });
    await bench.run(producer.send({ topic: "t", value: "0", partition: 0 }));
    bench.broker.faults.fail({ api: "Produce", errorCode: code });
    const values = numbers(1, 8).map((value) => value.padStart(30, "0"));
    await bench.run(sendAll(producer, values));
    assert.deepEqual(await bench.values("t", 0), ["0", ...values]);
  }
});

test("a leader that has moved is followed, by the answer's hint or by metadata", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 3 } });
  const producer = bench.kafka.producer();
  for (const [i, node] of [2, 3, 1, 3].entries()) {
    await bench.run(producer.send({ topic: "t", value: `${2 * i}`, partition: 0 }));
    bench.broker.faults.moveLeader("t", 0, node);
    await bench.run(producer.send({ topic: "t", value: `${2 * i + 1}`, partition: 0 }));
  }
  assert.deepEqual(await bench.values("t", 0), numbers(0, 8));
});

test("a node that goes down costs no record, and neither does one that comes back", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 2 } });
  const producer = bench.kafka.producer();
  await bench.run(sendAll(producer, ["a"]));
  const sent = sendAll(producer, ["b", "c"]);
  await bench.broker.faults.stop(1);
  await bench.run(sent);
  await bench.broker.faults.start(1);
  await bench.broker.faults.stop(2);
  await bench.run(sendAll(producer, ["d"]));
  assert.deepEqual(await bench.values("t", 0), ["a", "b", "c", "d"]);
});

test("the delivery timeout rejects what was never sent, with the reason", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ deliveryTimeout: 5_000 });
  await bench.run(producer.send({ topic: "t", value: "a", partition: 0 }));
  await bench.broker.faults.stop(1);
  await bench.time.advance(1);
  const start = bench.time.elapsed;
  const error = await bench.failure(producer.send({ topic: "t", value: "b", partition: 0 }));
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.code, "DELIVERY_TIMED_OUT");
  assert.match(error.message, /t\/0 within the delivery timeout of 5000 ms: .*ECONNREFUSED/);
  assert.ok(!error.message.includes("may have it"), error.message);
  assert.equal(bench.time.elapsed - start, 5_000);
  await bench.broker.faults.start(1);
  await bench.run(producer.send({ topic: "t", value: "c", partition: 0 }));
  assert.deepEqual(await bench.values("t", 0), ["a", "c"]);
});

test("the delivery timeout says where the broker may have a record, and nothing behind it is stored twice", async (t) => {
  const bench = await startClientBench(t, { kafka: { requestTimeout: 2_000 } });
  const producer = bench.kafka.producer({ deliveryTimeout: 5_000, batchSize: 160 });
  await bench.run(producer.send({ topic: "t", value: "a", partition: 0 }));
  const mute = bench.broker.faults.drop({ api: "Produce", when: "afterApply", times: Number.POSITIVE_INFINITY });
  const first = bench.failure(producer.send({ topic: "t", value: "b".repeat(40), partition: 0 }));
  await bench.time.advance(4_000);
  const behind = producer.send({ topic: "t", value: "c".repeat(40), partition: 0 });
  const error = await first;
  assert.match(error.message, /the broker may have it all the same/);
  mute.cancel();
  await bench.run(behind);
  const values = await bench.values("t", 0);
  assert.deepEqual(values, ["a", "b".repeat(40), "c".repeat(40)]);
});

test("the delivery timeout holds while a connection does not open, and while no broker tells of the topic", async (t) => {
  const bench = await startClientBench(t);
  const known = bench.kafka.producer({ deliveryTimeout: 3_000 });
  await bench.run(known.partitionsFor("t"));
  bench.transport.isolate();
  const [one, two] = await Promise.all([
    bench.failure(known.send({ topic: "t", value: "x", partition: 0 })),
    bench.failure(bench.kafka.producer({ deliveryTimeout: 3_000 }).send({ topic: "other", value: "x" })),
  ]);
  assert.deepEqual([one.code, two.code], ["DELIVERY_TIMED_OUT", "REQUEST_TIMED_OUT"]);
  assert.equal(bench.time.elapsed, 3_000);
  bench.transport.rejoin();
});

test("a producer id that is refused for good rejects what waits for it", async (t) => {
  const bench = await startClientBench(t);
  // It may be asked for, and refused, before anything waits for it.
  const errorCode = ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
  bench.broker.faults.fail({ api: "InitProducerId", errorCode, times: Number.POSITIVE_INFINITY });
  const producer = bench.kafka.producer();
  assert.equal((await bench.failure(producer.send({ topic: "t", value: "a" }))).code, "CLUSTER_AUTHORIZATION_FAILED");
  bench.broker.faults.clear();
  bench.broker.faults.fail({ api: "InitProducerId", errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, times: 3 });
  await bench.run(producer.send({ topic: "t", value: "b" }));
});

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { inspect } from "node:util";
import { startBroker } from "../../src/broker/mod.ts";
import { LatencyHistogram } from "../../src/client/latency-histogram.ts";
import { type ClientEventName, type ClientEvents, Kafka } from "../../src/client/mod.ts";
import { startClientBench } from "../support/client-bench.ts";

type Noted = { readonly [Name in ClientEventName]: ClientEvents[Name][] };

/** Notes all events of a client. */
function note(kafka: Kafka): Noted {
  const names: readonly ClientEventName[] = [
    "connect",
    "connectFailed",
    "disconnect",
    "request",
    "throttle",
    "metadata",
    "rebalance",
  ];
  const noted = Object.fromEntries(names.map((name) => [name, []])) as unknown as Noted;
  for (const name of names) kafka.on(name, (event) => (noted[name] as unknown[]).push(event));
  return noted;
}

test("a client tells of its connections, requests and of what it knows of the cluster", async (t) => {
  const bench = await startClientBench(t, { latency: 20 });
  const kafka = bench.client({ brokers: ["dead:1", "kafka:9092"] });
  const noted = note(kafka);
  for (let i = 0; i < 20 && noted.connectFailed.length === 0; i++)
    await bench.failure(kafka.cluster.at({ host: "dead", port: 1 }, "general"));
  await bench.run(kafka.producer().send({ topic: "t", value: "v" }));
  assert.equal(noted.connectFailed[0]!.broker, "dead:1");
  assert.match(noted.connectFailed[0]!.error.message, /ECONNREFUSED/);
  assert.deepEqual(noted.connect.map(({ broker, role }) => `${broker} ${role}`).sort(), [
    "kafka:9092 general",
    "kafka:9092 produce",
  ]);
  assert.ok(noted.connect.every(({ duration }) => duration >= 0));
  const produce = noted.request.find(({ api }) => api === "Produce")!;
  assert.ok(produce.duration > 0 && produce.requestBytes > 50 && produce.responseBytes > 10, inspect(produce));
  assert.deepEqual([produce.role, produce.error], ["produce", undefined]);
  assert.ok(noted.metadata.some(({ brokers, topics }) => brokers === 1 && topics === 1));
  bench.broker.faults.disconnect();
  await bench.time.advance(100);
  assert.equal(noted.disconnect.length, 2);
  assert.match(noted.disconnect[0]!.error.message, /kafka:9092 ended/);
});

test("requests that fail are told with their error, and pauses with their length", async (t) => {
  const bench = await startClientBench(t);
  const noted = note(bench.kafka);
  bench.broker.faults.throttle({ api: "Metadata", ms: 700, times: 1 });
  bench.broker.faults.cut({ api: "Produce", when: "beforeApply", times: 1 });
  await bench.run(bench.kafka.producer().send({ topic: "t", value: "v" }));
  assert.deepEqual(
    noted.throttle.map(({ api, duration }) => [api, duration]),
    [["Metadata", 700]],
  );
  const failed = noted.request.filter(({ error }) => error !== undefined);
  assert.deepEqual(
    failed.map(({ api, responseBytes, error }) => [api, responseBytes, error!.code]),
    [["Produce", 0, "CONNECTION_FAILED"]],
  );
  const [broker] = bench.kafka.statistics().brokers;
  assert.deepEqual([broker!.throttles, broker!.throttleTime, broker!.requestsFailed], [1, 700, 1]);
});

test("a group's changes are told", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 2 } });
  const noted = note(bench.kafka);
  const consumer = bench.kafka.consumer({ groupId: "g", topics: ["t"], offsetReset: "earliest" });
  const reading = (async () => {
    for await (const _ of consumer) return;
  })();
  await bench.run(bench.kafka.producer().send({ topic: "t", value: "v" }));
  await bench.run(reading);
  const [first] = noted.rebalance;
  assert.deepEqual([first!.groupId, first!.kind, first!.partitions.length], ["g", "assigned", 2]);
});

test("a listener is removed once, may come twice, and what it throws hurts no request", async (t) => {
  const bench = await startClientBench(t);
  let heard = 0;
  const listener = (): void => void heard++;
  const { kafka } = bench;
  const removers = [kafka.on("metadata", listener), kafka.on("metadata", listener)];
  await bench.run(kafka.cluster.refresh(["t"]));
  assert.equal(heard, 2);
  removers[0]!();
  removers[0]!();
  await bench.run(kafka.cluster.refresh(["t"]));
  assert.equal(heard, 3);
  assert.throws(() => kafka.on("conect" as "connect", listener), /there is no event conect: there are connect,/);
});

test("the same events are on diagnostics channels, on every runtime", async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  const kafka = new Kafka({ brokers: broker.addresses });
  t.after(() => kafka.close());
  const heard: unknown[] = [];
  const listener = (message: unknown): void => void heard.push(message);
  subscribe("ottla:kafka:request", listener);
  await kafka.admin().listTopics();
  unsubscribe("ottla:kafka:request", listener);
  const count = heard.length;
  assert.ok(heard.some((event) => (event as ClientEvents["request"]).api === "Metadata"));
  await kafka.admin().listTopics();
  assert.equal(heard.length, count);
});

test("a snapshot has brokers, and what producers and consumers hold", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 }, latency: 10 });
  const { kafka } = bench;
  const producer = kafka.producer();
  assert.deepEqual(kafka.statistics().brokers, []);
  for (let i = 0; i < 5; i++) await bench.run(producer.send({ topic: "t", value: "v" }));
  const held = producer.send({ topic: "t", value: "x".repeat(1_000) });
  const { producers, timestamp } = kafka.statistics();
  assert.equal(timestamp, bench.clock.now());
  assert.deepEqual(
    producers.map(({ topic, partition, queuedBatches }) => [topic, partition, queuedBatches]),
    [["t", 0, 1]],
  );
  assert.ok(producers[0]!.queuedBytes > 1_000);
  await bench.run(held);
  assert.equal(kafka.statistics().producers[0]!.queuedBytes, 0);
  const consumer = kafka.consumer({ groupId: "g", topics: ["t"], offsetReset: "earliest" });
  const batches = consumer[Symbol.asyncIterator]();
  await bench.run(batches.next());
  const [partition] = kafka.statistics().consumers;
  assert.deepEqual([partition!.topic, partition!.partition, partition!.end], ["t", 0, 6]);
  assert.equal(partition!.lag, 6 - partition!.position);
  const [broker] = kafka.statistics().brokers;
  assert.equal(broker!.broker, "kafka:9092");
  assert.ok(broker!.connections >= 3 && broker!.connects === broker!.connections, inspect(broker));
  assert.ok(broker!.requests >= 8 && broker!.bytesSent > 1_000 && broker!.bytesReceived > 1_000, inspect(broker));
  assert.equal(broker!.latency.count, broker!.requests);
  assert.ok(broker!.latency.p50 > 0 && broker!.latency.p50 <= broker!.latency.max);
  await bench.run(batches.return!());
  await bench.run(producer.close());
  assert.deepEqual([kafka.statistics().producers, kafka.statistics().consumers], [[], []]);
});

test("percentiles are right to about a tenth, whatever the times are", () => {
  const histogram = new LatencyHistogram();
  assert.deepEqual(histogram.summary(), { count: 0, mean: 0, p50: 0, p99: 0, max: 0 });
  for (let ms = 1; ms <= 1_000; ms++) histogram.note(ms);
  const { count, mean, p50, p99, max } = histogram.summary();
  assert.deepEqual([count, mean, max], [1_000, 500.5, 1_000]);
  assert.ok(Math.abs(p50 - 500) < 50 && Math.abs(p99 - 990) < 99, `${p50}, ${p99}`);
  for (const ms of [0, 0.001, 1e9]) histogram.note(ms);
  assert.equal(histogram.summary().max, 1e9);
});

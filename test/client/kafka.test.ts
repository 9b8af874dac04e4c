import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../src/client/address.ts";
import { backoffDelay } from "../../src/client/backoff.ts";
import { InvalidArgumentError } from "../../src/client/errors.ts";
import { Kafka, type KafkaOptions } from "../../src/client/kafka.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { startClientBench } from "../support/client-bench.ts";

test("an address is host:port, with IPv6 in brackets", () => {
  assert.deepEqual(parseAddress("localhost:9092"), { host: "localhost", port: 9092 });
  assert.deepEqual(parseAddress(" [::1]:1 "), { host: "::1", port: 1 });
  for (const text of [
    "localhost",
    "::1:9092",
    ":9092",
    "h:0",
    "h:65536",
    "http://h:9092",
    "h:9092/x",
    "",
    5 as never,
  ]) {
    assert.throws(
      () => parseAddress(text),
      (error: unknown) => error instanceof InvalidArgumentError && error.message.includes(JSON.stringify(text)),
    );
  }
});

test("a wrong option of the client is refused by its name", () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{}, /brokers is empty/],
    [{ brokers: [] }, /brokers is empty/],
    [{ brokers: "h:1" }, /brokers is empty/],
    [{ brokers: ["h"] }, /"h": host:port/],
    [{ brokers: ["h:1"], connectTimeout: 0 }, /connectTimeout is 0/],
    [{ brokers: ["h:1"], requestTimeout: "1s" }, /requestTimeout is 1s/],
    [{ brokers: ["h:1"], broker: "h:1" }, /unknown Kafka option broker/],
  ];
  for (const [options, pattern] of wrong) {
    assert.throws(
      () => new Kafka(options as KafkaOptions),
      (error: unknown) => error instanceof InvalidArgumentError && pattern.test(error.message),
    );
  }
});

test("a backoff doubles from its first wait to its bound, with a fifth of jitter either way", () => {
  const clock = new VirtualClock().instance();
  for (let failures = 1; failures < 50; failures++) {
    const base = Math.min(1_000, 100 * 2 ** (failures - 1));
    const wait = backoffDelay({ initial: 100, max: 1_000 }, failures, clock);
    assert.ok(wait >= 0.8 * base && wait <= 1.2 * base, `${failures}: ${wait}`);
  }
});

test("nothing is connected before the first use", async (t) => {
  const bench = await startClientBench(t);
  let connects = 0;
  const kafka = bench.client({
    transport: {
      connect: (...args) => {
        connects += 1;
        return bench.transport.connect(...args);
      },
    },
  });
  kafka.producer();
  kafka.consumer({ groupId: "g", topics: ["t"] });
  kafka.admin();
  await bench.time.advance(60_000);
  assert.equal(connects, 0);
});

test("close closes producers and consumers first, then the connections, once", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ linger: 60_000 });
  const sent = producer.send({ topic: "t", value: "x", partition: 0 });
  const consumer = bench.kafka.consumer({ groupId: "g", topics: ["t"] });
  const reading = (async () => {
    for await (const _ of consumer);
  })();
  await bench.time.advance(5_000);
  await bench.run(bench.kafka.close());
  assert.equal((await sent).offset, 0);
  await reading;
  assert.deepEqual(bench.broker.groups()[0]!.members, []);
  await bench.run(bench.kafka.close());
  assert.equal((await bench.failure(bench.kafka.admin().listTopics())).code, "CLOSED");
});

test("a client that is closed leaves nothing behind that would fire", async (t) => {
  const bench = await startClientBench(t);
  await bench.run(bench.kafka.producer().send({ topic: "t", value: "x" }));
  await bench.run(bench.kafka.close());
  await bench.time.advance(600_000);
  let requests = 0;
  bench.broker.observe(() => {
    requests += 1;
  });
  await bench.time.advance(3_600_000);
  assert.equal(requests, 0);
});

test("a consumer that was closed is not kept by its client", async (t) => {
  const bench = await startClientBench(t);
  const { kafka } = bench;
  const consumer = kafka.consumer({ assignment: [{ topic: "t", partition: 0 }] });
  await bench.run(consumer.close());
  let isAsked = false;
  consumer.close = async () => {
    isAsked = true;
  };
  await bench.run(kafka.close());
  assert.equal(isAsked, false);
});

test("close waits no longer than it is told to, whatever hangs", async (t) => {
  const bench = await startClientBench(t);
  const { kafka } = bench;
  const producer = kafka.producer();
  await bench.run(producer.send({ topic: "t", value: "x", partition: 0 }));
  const consumer = kafka.consumer({ groupId: "g", topics: ["t"] });
  const reading = (async () => {
    for await (const _ of consumer);
  })();
  await bench.time.advance(5_000);
  bench.broker.faults.drop({ api: "Produce", times: Number.POSITIVE_INFINITY });
  bench.broker.faults.drop({ api: "LeaveGroup", times: Number.POSITIVE_INFINITY });
  const lost = bench.failure(producer.send({ topic: "t", value: "y", partition: 0 }));
  await bench.time.advance(10);
  const before = bench.time.elapsed;
  await bench.run(kafka.close({ timeout: 2_000 }));
  assert.equal(bench.time.elapsed - before, 2_000);
  assert.equal((await lost).code, "CLOSED");
  await bench.run(reading);
});

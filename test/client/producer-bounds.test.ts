import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProduceRequest } from "../../protocol/messages/00-produce.ts";
import { startClientBench } from "../support/client-bench.ts";

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i));

test("calls beyond the buffer's bound wait their turn, in order, and the bound holds", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ maxBufferedBytes: 2_000, batchSize: 500 });
  await bench.run(producer.partitionsFor("t"));
  bench.broker.faults.delay({ api: "Produce", ms: 1_000 });
  const records: number[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api !== "Produce") return;
    for (const topic of (body as ProduceRequest).topicData)
      for (const { records: bytes } of topic.partitionData) records.push(bytes!.length);
  });
  const values = numbers(0, 100).map((value) => value.padStart(100, "0"));
  const sent = Promise.all(values.map((value) => producer.send({ topic: "t", partition: 0, value })));
  await bench.time.advance(900);
  assert.ok(records.reduce((sum, bytes) => sum + bytes, 0) <= 2_600, records.join());
  await bench.run(sent);
  assert.deepEqual(await bench.values("t", 0), values);
});

test("calls that wait for room too long are told so, or of their own timeout", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ maxBufferedBytes: 500, batchSize: 500, deliveryTimeout: 4_000 });
  await bench.run(producer.partitionsFor("t"));
  await bench.broker.faults.stop(1);
  const sends = numbers(0, 20).map((value) =>
    bench.failure(producer.send({ topic: "t", value: value.padStart(100, "0") })),
  );
  for (const send of sends) assert.equal((await send).code, "DELIVERY_TIMED_OUT");
  assert.equal(bench.time.elapsed, 4_000);
  await bench.broker.faults.start(1);
  await bench.run(producer.send({ topic: "t", value: "x" }));
});

test("flush waits for what was sent before it, and not for what is sent meanwhile", async (t) => {
  const bench = await startClientBench(t, { latency: 5 });
  const producer = bench.kafka.producer({ linger: 10_000 });
  let settled = 0;
  const first = producer.send({ topic: "t", value: "a" }).finally(() => {
    settled += 1;
  });
  const variant = producer.with({ acks: "leader", linger: 10_000 });
  const second = variant.send({ topic: "t", value: "b" }).finally(() => {
    settled += 1;
  });
  let going = true;
  const later: Promise<unknown>[] = [];
  const loop = (): void => {
    if (!going) return;
    later.push(producer.send({ topic: "t", value: "c" }));
    bench.clock.timer(1, loop);
  };
  bench.clock.timer(1, loop);
  await bench.run(producer.flush());
  assert.equal(settled, 2);
  going = false;
  await bench.run(Promise.all([first, second, producer.flush()]));
  await Promise.all(later);
});

test("close waits for the verdicts, refuses what comes after, and closes variants with it", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ linger: 60_000 });
  const variant = producer.with({ acks: "leader" });
  const sent = [
    producer.send({ topic: "t", value: "a", partition: 0 }),
    variant.send({ topic: "t", value: "b", partition: 0 }),
  ];
  const closing = producer.close();
  assert.equal(producer.close(), closing);
  assert.equal((await bench.failure(producer.send({ topic: "t", value: "c" }))).code, "CLOSED");
  await bench.run(closing);
  await Promise.all(sent);
  assert.equal((await bench.failure(variant.send({ topic: "t", value: "d" }))).code, "CLOSED");
  const many = await bench.failure(producer.sendMany([{ topic: "t", value: "e" }]));
  assert.equal(many.code, "CLOSED");
  assert.throws(() => producer.with({}), { code: "CLOSED" });
  assert.equal((await bench.values("t", 0)).length, 2);
});

test("a client that is closed leaves no producer's promise open", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ deliveryTimeout: 20_000 });
  await bench.run(producer.partitionsFor("t"));
  await bench.broker.faults.stop(1);
  const sent = bench.failure(producer.send({ topic: "t", value: "a" }));
  await bench.run(bench.kafka.close());
  assert.equal((await sent).code, "DELIVERY_TIMED_OUT");
});

test("calls that wait for room do not wait for batches to linger, be they open already or begun meanwhile", async (t) => {
  const bench = await startClientBench(t);
  const producer = bench.kafka.producer({ linger: 60_000, maxBufferedBytes: 100 });
  const sends = Array.from({ length: 5 }, (_, i) =>
    producer.send({ topic: "t", value: `${i}`.repeat(200), partition: 0 }),
  );
  await bench.run(Promise.all(sends.slice(0, 4)));
  assert.ok(bench.time.elapsed < 1_000, String(bench.time.elapsed));
  await bench.run(Promise.all([producer.flush(), sends[4]]));
});

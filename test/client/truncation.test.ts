import assert from "node:assert/strict";
import { test } from "node:test";
import type { Consumer, ConsumerBatch } from "../../src/client/consumer.ts";
import type { ConsumerEvents } from "../../src/client/consumer-events.ts";
import type { ConsumerOptions } from "../../src/client/consumer-options.ts";
import { LogTruncationError } from "../../src/client/errors.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";
import { startFetcher } from "../support/fetch-bench.ts";

const text = new TextDecoder();

interface Reading {
  readonly bench: ClientBench;
  readonly consumer: Consumer;
  readonly resets: ConsumerEvents["offsetReset"][];
  readonly failures: unknown[];
  came(): string[];
  send(...values: string[]): Promise<void>;
}

/** A consumer of a topic with one partition, which has read what `values` says. */
async function startReading(
  t: { after(fn: () => Promise<void>): void },
  values: readonly string[],
  options: Partial<ConsumerOptions> = {},
): Promise<Reading> {
  const bench = await startClientBench(t, { topics: { t: 1 }, broker: { nodes: 2 } });
  const send = async (...more: string[]): Promise<void> => {
    const producer = bench.client().producer();
    for (const value of more) await bench.run(producer.send({ topic: "t", partition: 0, value }));
  };
  await send(...values);
  const consumer = bench.client().consumer({ groupId: "g", topics: ["t"], ...options });
  const resets: ConsumerEvents["offsetReset"][] = [];
  const failures: unknown[] = [];
  const batches: ConsumerBatch[] = [];
  consumer.on("offsetReset", (event) => void resets.push(event));
  void (async () => {
    for await (const batch of consumer) batches.push(batch);
  })().catch((error: unknown) => failures.push(error));
  await bench.time.advance(5_000);
  resets.length = 0;
  const came = (): string[] => batches.flatMap(({ records }) => records.map(({ value }) => text.decode(value!)));
  return { bench, consumer, resets, failures, came, send };
}

test("a log that was truncated below what was read is read from where it parts, and that is told (KIP-320)", async (t) => {
  const reading = await startReading(t, ["a", "b", "c", "d"]);
  assert.deepEqual(reading.came(), ["a", "b", "c", "d"]);
  reading.bench.broker.faults.truncate("t", 0, 2, 2);
  await reading.send("e", "f");
  await reading.bench.time.advance(5_000);
  assert.deepEqual(reading.came(), ["a", "b", "c", "d", "e", "f"]);
  assert.deepEqual(reading.resets, [{ topic: "t", partition: 0, reason: "truncated", from: 4, to: 2 }]);
});

test('with offsetReset "fail" a truncated log ends the iteration with an error that has the offsets', async (t) => {
  const reading = await startReading(t, ["a", "b", "c", "d"], { offsetReset: "earliest" });
  await reading.bench.run(reading.consumer.commit([{ topic: "t", partition: 0, offset: 4, leaderEpoch: 0 }]));
  await reading.bench.run(reading.consumer.close());
  reading.bench.broker.faults.truncate("t", 0, 2, 2);
  await reading.send("e", "f", "g");
  const consumer = reading.bench.client().consumer({ groupId: "g", topics: ["t"], offsetReset: "fail" });
  const error = await reading.bench.failure(consumer[Symbol.asyncIterator]().next());
  assert.ok(error instanceof LogTruncationError);
  assert.deepEqual(
    [error.code, error.topic, error.partition, error.offset, error.divergingOffset],
    ["LOG_TRUNCATED", "t", 0, 4, 2],
  );
  assert.match(error.message, /t\/0 was truncated from offset 2 on; 4 was next/);
});

test("what was truncated before it was given out is not given, and no more is lost", async (t) => {
  const reading = await startReading(t, ["a", "b", "c", "d"], { partitionMaxBytes: 1 });
  const { bench, consumer } = reading;
  consumer.seek({ topic: "t", partition: 0, offset: 0 });
  consumer.pause([{ topic: "t", partition: 0 }]);
  bench.broker.faults.truncate("t", 0, 2, 2);
  await reading.send("x");
  consumer.resume([{ topic: "t", partition: 0 }]);
  await bench.time.advance(5_000);
  assert.deepEqual(reading.came(), ["a", "b", "c", "d", "a", "b", "x"]);
  assert.deepEqual(reading.resets, []);
});

test("a topic that is deleted and made again is noticed by its id and read from its beginning", async (t) => {
  // Under the other protocol the broker takes the partition away and gives it anew.
  const reading = await startReading(t, ["a", "b", "c"], { groupProtocol: "classic" });
  const { bench } = reading;
  await bench.run(bench.broker.deleteTopic("t"));
  await bench.run(bench.broker.createTopic("t", { partitions: 1 }));
  await reading.send("x", "y", "z", "w");
  await bench.time.advance(20_000);
  assert.deepEqual(reading.failures, []);
  assert.deepEqual(reading.came(), ["a", "b", "c", "x", "y", "z", "w"]);
  assert.deepEqual(
    reading.resets.map(({ reason, to }) => [reason, to]),
    [["recreated", 0]],
  );
});

test("a fetcher whose owner knows nothing of truncation tells of it as a failure that does not pass", async (t) => {
  const bench = await startFetcher(t, { broker: { nodes: 2 } });
  await bench.send(0, "a", "b", "c");
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(1_000);
  bench.broker.faults.truncate("t", 0, 1, 2);
  await bench.send(0, "d", "e", "f");
  await bench.time.advance(10_000);
  assert.deepEqual(bench.came(0), ["a", "b", "c"]);
  assert.deepEqual(
    bench.errors.map(({ code, retriable }) => [code, retriable]),
    [["LOG_TRUNCATED", false]],
  );
});

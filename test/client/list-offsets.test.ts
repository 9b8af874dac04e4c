import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { listOffsets } from "../../src/client/list-offsets.ts";
import type { TopicPartition } from "../../src/client/topic-partition.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";

const of = (...partitions: number[]): TopicPartition[] => partitions.map((partition) => ({ topic: "t", partition }));

function ask(
  bench: ClientBench,
  partitions: readonly TopicPartition[],
  position: "earliest" | "latest",
  timeout = 10_000,
  signal?: AbortSignal,
): Promise<Map<string, number>> {
  return listOffsets(bench.kafka.cluster, partitions, position, timeout, signal);
}

async function fill(bench: ClientBench): Promise<void> {
  const producer = bench.kafka.producer();
  const records = [0, 0, 0, 1, 1].map((partition) => ({ topic: "t", partition, value: "x" }));
  await bench.run(producer.sendMany(records));
}

test("the ends of the logs are asked of each leader", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 3 } });
  await fill(bench);
  await bench.broker.deleteRecords("t", 0, 2);
  assert.deepEqual([...(await bench.run(ask(bench, of(0, 1, 2, 3), "latest")))].sort(), [
    ["t/0", 3],
    ["t/1", 2],
    ["t/2", 0],
    ["t/3", 0],
  ]);
  assert.deepEqual([...(await bench.run(ask(bench, of(0, 1), "earliest")))].sort(), [
    ["t/0", 2],
    ["t/1", 0],
  ]);
});

test("it begins with metadata where nothing is known, and follows leaders that move", async (t) => {
  const bench = await startClientBench(t, { broker: { nodes: 2 } });
  assert.deepEqual([...(await bench.run(ask(bench, of(0), "latest")))], [["t/0", 0]]);
  bench.broker.faults.moveLeader("t", 0, 2);
  bench.broker.faults.moveLeader("t", 1, 2);
  assert.equal((await bench.run(ask(bench, of(0, 1), "latest"))).size, 2);
});

test("what passes is repeated, for the partitions that failed", async (t) => {
  const bench = await startClientBench(t);
  await bench.run(bench.kafka.cluster.topic("t", 1_000));
  bench.broker.faults.fail({ api: "ListOffsets", errorCode: ErrorCode.OFFSET_NOT_AVAILABLE, times: 2 });
  bench.broker.faults.cut({ api: "ListOffsets", when: "beforeApply" });
  assert.equal((await bench.run(ask(bench, of(0, 1, 2), "earliest"))).size, 3);
});

test("what does not pass is told at once, with its partition", async (t) => {
  const bench = await startClientBench(t);
  await bench.run(bench.kafka.cluster.topic("t", 1_000));
  bench.broker.faults.fail({ api: "ListOffsets", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
  const error = await bench.failure(ask(bench, of(2), "earliest"));
  assert.deepEqual([error.code, error.topic, error.partition], ["TOPIC_AUTHORIZATION_FAILED", "t", 2]);
  assert.equal(bench.time.elapsed, 0);
});

test("it ends with the last failure at its timeout, or when its signal aborts", async (t) => {
  const bench = await startClientBench(t);
  const error = await bench.failure(ask(bench, of(99), "earliest", 5_000));
  assert.equal(error.code, "BROKER_NOT_AVAILABLE");
  assert.ok(bench.time.elapsed <= 5_000);
  const abort = new AbortController();
  const waiting = bench.failure(ask(bench, of(99), "earliest", 60_000, abort.signal));
  const start = bench.time.elapsed;
  bench.clock.timer(2_000, () => abort.abort());
  await waiting;
  assert.ok(bench.time.elapsed - start <= 2_000);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { FetchRequest } from "../../protocol/messages/01-fetch.ts";
import type { KafkaError } from "../../src/client/errors.ts";
import { Fetcher } from "../../src/client/fetcher.ts";
import type { Kafka } from "../../src/client/kafka.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";
import { startFetcher } from "../support/fetch-bench.ts";

const text = new TextDecoder();

test("a partition is read from its offset on, and on as records come", async (t) => {
  const bench = await startFetcher(t);
  await bench.send(0, "a", "b", "c");
  bench.fetcher.add("t", 0, 1);
  await bench.time.advance(50);
  assert.deepEqual(bench.came(0), ["b", "c"]);
  const [batch] = bench.batches;
  assert.deepEqual(
    [batch!.nextOffset, batch!.highWatermark, batch!.lastStableOffset, batch!.logStartOffset, batch!.leaderEpoch],
    [3, 3, 3, 0, 0],
  );
  await bench.send(0, "d");
  await bench.time.advance(1);
  assert.deepEqual(bench.came(0), ["b", "c", "d"], "a long poll is answered when records come");
});

test("an idle partition costs one request in each maxWait", async (t) => {
  const bench = await startFetcher(t, { fetcher: { maxWait: 500 } });
  let fetches = 0;
  bench.broker.observe(({ api }) => {
    fetches += Number(api === "Fetch");
  });
  for (const partition of [0, 1, 2, 3]) bench.fetcher.add("t", partition, 0);
  await bench.time.advance(10_000);
  assert.ok(fetches >= 19 && fetches <= 22, `${fetches}`);
});

test("partitions of several leaders are read from each", async (t) => {
  const bench = await startFetcher(t, { broker: { nodes: 3 }, topics: { t: 6 } });
  for (let i = 0; i < 6; i++) {
    await bench.send(i, `${i}`);
    bench.fetcher.add("t", i, 0);
  }
  await bench.time.advance(20);
  for (let i = 0; i < 6; i++) assert.deepEqual(bench.came(i), [`${i}`]);
});

test("a paused partition is not asked for, and comes back beside a long poll of the others", async (t) => {
  const bench = await startFetcher(t, { fetcher: { maxWait: 20_000 } });
  bench.fetcher.add("t", 0, 0);
  bench.fetcher.add("t", 1, 0);
  bench.fetcher.pause("t", 1);
  await bench.time.advance(100);
  await bench.send(1, "a");
  await bench.time.advance(1_000);
  assert.deepEqual(bench.came(1), []);
  bench.fetcher.resume("t", 1);
  await bench.time.advance(10);
  assert.deepEqual(bench.came(1), ["a"], "the other partition's poll is not waited for");
  await bench.send(0, "b");
  await bench.time.advance(10);
  assert.deepEqual(bench.came(0), ["b"]);
  bench.fetcher.pause("t", 9);
  bench.fetcher.resume("t", 9);
});

test("a partition that comes back while others are waited for in a poll and beside it waits for neither", async (t) => {
  const bench = await startFetcher(t, { fetcher: { maxWait: 500 } });
  for (const partition of [0, 1, 2]) bench.fetcher.add("t", partition, 0);
  for (const partition of [1, 2]) bench.fetcher.pause("t", partition);
  await bench.time.advance(50);
  bench.fetcher.resume("t", 1);
  await bench.time.advance(5);
  await bench.send(2, "a");
  bench.fetcher.resume("t", 2);
  await bench.time.advance(15);
  assert.deepEqual(bench.came(2), ["a"]);
  await bench.send(1, "b");
  await bench.time.advance(15);
  assert.deepEqual(bench.came(1), ["b"], "nor do those that came back before");
});

test("what is on its way when a partition is paused still comes, and no more", async (t) => {
  const bench = await startFetcher(t, { fetcher: { maxWait: 20_000 } });
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(10);
  bench.fetcher.pause("t", 0);
  await bench.send(0, "a");
  await bench.send(0, "b");
  await bench.time.advance(30_000);
  assert.deepEqual(bench.came(0), ["a"]);
});

test("nothing comes after a partition was removed, or after close, or of where it was before it was moved", async (t) => {
  const bench = await startFetcher(t, { fetcher: { maxWait: 20_000 } });
  for (const partition of [0, 1]) bench.fetcher.add("t", partition, 0);
  await bench.time.advance(10);
  bench.fetcher.remove("t", 0);
  await bench.send(0, "a");
  await bench.send(0, "b");
  bench.fetcher.add("t", 0, 1);
  await bench.time.advance(100);
  assert.deepEqual(bench.came(0), ["b"]);
  bench.fetcher.close();
  await bench.send(1, "c");
  await bench.time.advance(30_000);
  assert.deepEqual(bench.came(1), []);
  bench.fetcher.add("t", 2, 0);
  await bench.send(2, "d");
  await bench.time.advance(30_000);
  assert.deepEqual(bench.came(2), []);
});

test("a partition that is removed and given again while a fetch is under way is read once", async (t) => {
  const bench = await startFetcher(t, { latency: 20 });
  await bench.send(0, "a", "b");
  for (let i = 0; i < 20; i++) {
    bench.fetcher.add("t", 0, 0);
    await bench.time.advance(3);
    bench.fetcher.remove("t", 0);
  }
  bench.batches.length = 0;
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(5_000);
  assert.deepEqual(bench.came(0), ["a", "b"]);
});

test("a leader that moves is followed without loss or repetition", async (t) => {
  const bench = await startFetcher(t, { broker: { nodes: 3 } });
  bench.fetcher.add("t", 0, 0);
  const values: string[] = [];
  for (const [i, node] of [2, 3, 1, 2].entries()) {
    values.push(`${i}`);
    await bench.send(0, `${i}`);
    bench.broker.faults.moveLeader("t", 0, node);
    await bench.time.advance(2_000);
  }
  assert.deepEqual(bench.came(0), values);
  assert.deepEqual(bench.errors, []);
});

test("a node that goes down and comes back costs time only, and is told of as passing", async (t) => {
  const bench = await startFetcher(t);
  await bench.send(0, "a");
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(100);
  await bench.broker.faults.stop(1);
  await bench.time.advance(20_000);
  await bench.broker.faults.start(1);
  await bench.send(0, "b");
  await bench.time.advance(3_000);
  assert.deepEqual(bench.came(0), ["a", "b"]);
  assert.ok(bench.errors.length > 0 && bench.errors.every(({ retriable }) => retriable));
  assert.ok(bench.errors.length < 60, `${bench.errors.length} errors`);
});

test("a broker that hangs is given up, and others are asked again", async (t) => {
  const bench = await startFetcher(t, { kafka: { requestTimeout: 3_000 } });
  await bench.send(0, "a");
  bench.broker.faults.drop({ api: "Fetch" });
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(10_000);
  assert.deepEqual(bench.came(0), ["a"]);
  assert.ok(bench.errors.every(({ retriable }) => retriable));
});

test("an offset that the log does not have is told once, and the partition stands still until it is moved", async (t) => {
  const bench = await startFetcher(t);
  await bench.send(0, "a", "b", "c");
  await bench.broker.deleteRecords("t", 0, 2);
  bench.fetcher.add("t", 0, 0);
  bench.fetcher.add("t", 1, 7);
  await bench.time.advance(10_000);
  assert.deepEqual(bench.outOfRange.sort(), ["t/0 at 0", "t/1 at 7"]);
  bench.fetcher.add("t", 0, 2);
  await bench.time.advance(100);
  assert.deepEqual(bench.came(0), ["c"]);
  assert.deepEqual(bench.errors, []);
});

test("refusals that pass are repeated, and those of brokers that were just made leaders are told only when they last", async (t) => {
  const bench = await startFetcher(t);
  await bench.send(0, "a");
  const fail = (errorCode: number, times: number): unknown =>
    bench.broker.faults.fail({ api: "Fetch", errorCode, times });
  fail(ErrorCode.UNKNOWN_LEADER_EPOCH, 2);
  fail(ErrorCode.OFFSET_NOT_AVAILABLE, 1);
  fail(ErrorCode.NOT_LEADER_OR_FOLLOWER, 1);
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(10_000);
  assert.deepEqual(bench.came(0), ["a"]);
  assert.deepEqual(bench.errors, []);
  const lasting = await startFetcher(t);
  lasting.broker.faults.fail({
    api: "Fetch",
    errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
    times: Number.POSITIVE_INFINITY,
  });
  lasting.fetcher.add("t", 0, 0);
  await lasting.time.advance(60_000);
  assert.ok(lasting.errors.length > 2 && lasting.errors.length < 30, `${lasting.errors.length}`);
  assert.match(lasting.errors[0]!.message, /t\/0.*KAFKA_STORAGE_ERROR/);
});

test("a refusal that does not pass is told once, and the partition stands still", async (t) => {
  const bench = await startFetcher(t);
  await bench.send(0, "a");
  bench.broker.faults.fail({ api: "Fetch", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, times: 5 });
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(20_000);
  assert.deepEqual(
    bench.errors.map(({ code, topic, partition }) => [code, topic, partition]),
    [["TOPIC_AUTHORIZATION_FAILED", "t", 0]],
  );
  assert.deepEqual(bench.came(0), []);
});

test("a partition without a leader is asked for in moderation, and told of", async (t) => {
  const bench = await startFetcher(t);
  let asked = 0;
  bench.broker.observe(({ api }) => {
    asked += Number(api === "Metadata");
  });
  for (let partition = 4; partition < 300; partition++) bench.fetcher.add("t", partition, 0);
  await bench.time.advance(10_000);
  assert.ok(asked <= 105, `${asked} questions`);
  assert.ok(bench.errors.length > 0);
  assert.match(bench.errors[0]!.message, /LEADER_NOT_AVAILABLE/);
});

/** A client whose incoming bytes may be damaged: where a record's value has `from`, it gets `to`. */
function damagedBy(change: (chunk: Uint8Array) => Uint8Array): (bench: ClientBench) => Kafka {
  return (bench) => {
    const clock = bench.time.instance();
    const transport = bench.network.transport(clock);
    return bench.client({
      clock,
      transport: {
        connect: (address, handlers, signal) =>
          transport.connect(
            address,
            {
              ...handlers,
              data: (chunk) => handlers.data(change(chunk)),
              drain: () => {},
              close: (cause) => handlers.close(cause),
            },
            signal,
          ),
      },
    });
  };
}

/** Damages the byte after `mark` for as long as `lasts`. */
function damage(mark: string, lasts: () => boolean): (chunk: Uint8Array) => Uint8Array {
  const bytes = new TextEncoder().encode(mark);
  return (chunk) => {
    const at = chunk.findIndex((_, i) => bytes.every((byte, j) => chunk[i + j] === byte));
    if (at < 0 || !lasts()) return chunk;
    const copy = chunk.slice();
    copy[at]! ^= 1;
    return copy;
  };
}

test("a partition that nobody led while it was paused is read on as soon as it is resumed", async (t) => {
  const bench = await startFetcher(t, { broker: { nodes: 2 } });
  const { kafka, fetcher } = bench;
  const { faults } = bench.broker;
  await bench.broker.createTopic("u", { partitions: 2, replicationFactor: 1 });
  const producer = bench.client().producer();
  const send = (value: string) => bench.run(producer.send({ topic: "u", partition: 1, value }));
  await bench.run(kafka.cluster.topic("u", 1_000));
  const leader = kafka.cluster.metadata.partition("u", 1)!.leader;
  fetcher.add("u", 1, 0);
  await send("a");
  await bench.time.advance(1_000);
  fetcher.pause("u", 1);
  await bench.run(faults.stop(leader));
  await bench.time.advance(10_000);
  await bench.run(kafka.cluster.refresh(["u"]));
  assert.equal(kafka.cluster.metadata.partition("u", 1)!.leader, -1);
  await bench.run(faults.start(leader));
  await send("b");
  fetcher.resume("u", 1);
  await bench.time.advance(3_000);
  assert.deepEqual(bench.came(1), ["a", "b"]);
});

test("a batch that is damaged on its way is an error by name and offset, and is read once it comes whole", async (t) => {
  let broken = true;
  const bench = await startFetcher(t, { reader: damagedBy(damage("BROKEN", () => broken)) });
  await bench.send(0, "a");
  await bench.send(0, "b BROKEN");
  await bench.send(0, "c");
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(10_000);
  assert.deepEqual(bench.came(0), ["a"], "what comes before it is handed out");
  const [error] = bench.errors;
  assert.deepEqual([error!.code, error!.retriable, error!.topic, error!.partition], ["CORRUPT_MESSAGE", true, "t", 0]);
  assert.match(error!.message, /cannot read t\/0 at offset 1: .*corrupt: CRC/);
  assert.ok(bench.errors.length < 20, `the waits grow: ${bench.errors.length} errors`);
  broken = false;
  await bench.time.advance(2_000);
  assert.deepEqual(bench.came(0), ["a", "b BROKEN", "c"]);
});

test("a handler that throws stops its partition with an error, and no other", async (t) => {
  const bench = await startClientBench(t);
  await bench.run(bench.kafka.cluster.topic("t", 1_000));
  const errors: KafkaError[] = [];
  const seen: number[] = [];
  const options = { isolation: "readCommitted", maxWait: 500, maxBytes: 1 << 24, partitionMaxBytes: 1 << 20 } as const;
  const fetcher = new Fetcher(bench.kafka.cluster, options, {
    fetched: ({ partition }) => {
      seen.push(partition);
      if (partition === 0) throw new TypeError("bad handler");
    },
    outOfRange: () => {},
    failed: (_partition, error) => void errors.push(error),
  });
  const producer = bench.kafka.producer();
  for (const partition of [0, 1]) await bench.run(producer.send({ topic: "t", partition, value: "x" }));
  for (const partition of [0, 1]) fetcher.add("t", partition, 0);
  await bench.time.advance(5_000);
  assert.deepEqual(seen.sort(), [0, 1]);
  assert.deepEqual(
    errors.map(({ code, partition, retriable }) => [code, partition, retriable]),
    [["INTERNAL", 0, false]],
  );
  fetcher.close();
});

test("two fetchers of one client do not wait for each other's long polls", async (t) => {
  const bench = await startFetcher(t, { fetcher: { maxWait: 20_000 } });
  const came: string[] = [];
  const options = {
    isolation: "readCommitted",
    maxWait: 20_000,
    maxBytes: 1 << 24,
    partitionMaxBytes: 1 << 20,
  } as const;
  const other = new Fetcher(bench.kafka.cluster, options, {
    fetched: (chunk) => void came.push(...other.read(chunk)!.records.map(({ value }) => text.decode(value!))),
    outOfRange: () => {},
    failed: () => {},
  });
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(10);
  await bench.send(1, "a");
  other.add("t", 1, 0);
  await bench.time.advance(100);
  assert.deepEqual(came, ["a"]);
  other.close();
});

test("a fetch asks with the settings it was given, and below the versions with topic ids by name", async (t) => {
  const bench = await startFetcher(t, {
    fetcher: { isolation: "readUncommitted", maxWait: 77, maxBytes: 1_000, partitionMaxBytes: 100 },
  });
  const request = bench.broker.nextRequest({ api: "Fetch" });
  bench.fetcher.add("t", 2, 0);
  await bench.time.advance(1);
  const { body, version } = await request;
  const { maxWaitMs, minBytes, maxBytes, isolationLevel, topics } = body as FetchRequest;
  assert.deepEqual([maxWaitMs, minBytes, maxBytes, isolationLevel], [77, 1, 1_000, 0]);
  assert.ok(version > 12);
  assert.deepEqual(topics[0]!.topicId, bench.broker.topics()[0]!.id);
  assert.deepEqual(
    topics[0]!.partitions.map(({ partition, partitionMaxBytes }) => [partition, partitionMaxBytes]),
    [[2, 100]],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Consumer, ConsumerBatch } from "../../src/client/consumer.ts";
import type { ConsumerEvents } from "../../src/client/consumer-events.ts";
import type { ConsumerOptions } from "../../src/client/consumer-options.ts";
import { type ClientBench, startClientBench } from "../support/client-bench.ts";

const text = new TextDecoder();
const at = (partition: number): { topic: string; partition: number } => ({ topic: "t", partition });

function valuesOf(batches: readonly ConsumerBatch[]): string[] {
  return batches.flatMap(({ records }) => records.map(({ value }) => text.decode(value!)));
}

async function send(bench: ClientBench, partition: number, ...values: string[]): Promise<void> {
  const producer = bench.client().producer();
  for (const value of values) await bench.run(producer.send({ topic: "t", partition, value }));
}

function consume(bench: ClientBench, options: Partial<ConsumerOptions> = {}): Consumer {
  return bench.client().consumer({ groupId: "g", topics: ["t"], sessionTimeout: 10_000, ...options });
}

/** Iterates, each batch in its own record batch; `taken` fills up. What ends the iteration is kept. */
function iterate(consumer: Consumer): { readonly taken: ConsumerBatch[]; readonly ended: Promise<unknown> } {
  const taken: ConsumerBatch[] = [];
  const ended = (async () => {
    for await (const batch of consumer) taken.push(batch);
  })().catch((error: unknown) => error);
  return { taken, ended };
}

test("a paused partition gives nothing until it is resumed, and others go on", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 2 } });
  const consumer = consume(bench);
  const { taken } = iterate(consumer);
  await bench.time.advance(5_000);
  consumer.pause([at(0)]);
  assert.deepEqual(consumer.paused(), [at(0)]);
  await send(bench, 0, "a", "b");
  await send(bench, 1, "c");
  await bench.time.advance(5_000);
  assert.deepEqual(valuesOf(taken), ["c"]);
  consumer.resume([at(0)]);
  await bench.time.advance(100);
  assert.deepEqual(valuesOf(taken), ["c", "a", "b"]);
  assert.deepEqual(consumer.paused(), []);
  assert.throws(() => consumer.pause([at(7)]), { code: "NOT_OWNED" });
});

test("a partition that is paused in the midst of its batches gives no more of what was fetched", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a", "b", "c");
  const consumer = consume(bench, { partitionMaxBytes: 1 });
  const taken: ConsumerBatch[] = [];
  void (async () => {
    for await (const batch of consumer) {
      taken.push(batch);
      if (taken.length === 1) consumer.pause([at(0)]);
    }
  })();
  await bench.time.advance(10_000);
  assert.deepEqual(valuesOf(taken), ["a"]);
  assert.equal(consumer.position(at(0)), 1);
  consumer.resume([at(0)]);
  await bench.time.advance(1_000);
  assert.deepEqual(valuesOf(taken), ["a", "b", "c"]);
});

test("a seek drops what was fetched before, in either direction", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 }, latency: 5 });
  await send(bench, 0, "a", "b", "c", "d", "e");
  const consumer = consume(bench, { partitionMaxBytes: 1 });
  const taken: ConsumerBatch[] = [];
  void (async () => {
    for await (const batch of consumer) {
      taken.push(batch);
      if (taken.length === 2) consumer.seek({ ...at(0), offset: 4 });
      if (taken.length === 3) consumer.seek({ ...at(0), offset: 0 });
    }
  })();
  await bench.time.advance(20_000);
  assert.deepEqual(valuesOf(taken), ["a", "b", "e", "a", "b", "c", "d", "e"]);
  assert.throws(() => consumer.seek({ ...at(0), offset: -1 }), { code: "INVALID_ARGUMENT" });
  assert.throws(() => consumer.seek({ ...at(3), offset: 0 }), { code: "NOT_OWNED" });
});

test("a listener of assigned may seek: that counts for more than what was committed", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a", "b", "c");
  const first = consume(bench);
  const { taken } = iterate(first);
  await bench.time.advance(5_000);
  await bench.run(first.commit(taken.at(-1)!));
  await bench.run(first.close());
  const second = consume(bench);
  second.on("assigned", ({ partitions }) => {
    for (const partition of partitions) second.seek({ ...partition, offset: 1 });
  });
  const again = iterate(second);
  await bench.time.advance(5_000);
  assert.deepEqual(valuesOf(again.taken), ["b", "c"]);
});

test("seekTo goes to an end of the log, or to a time, and to the end where no record is as late", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  const producer = bench.client().producer();
  for (const [value, timestamp] of [
    ["a", 1_000],
    ["b", 2_000],
    ["c", 3_000],
  ] as const)
    await bench.run(producer.send({ topic: "t", partition: 0, value, timestamp }));
  const consumer = consume(bench, { offsetReset: "latest" });
  const { taken } = iterate(consumer);
  await bench.time.advance(5_000);
  await bench.run(consumer.seekTo({ time: new Date(1_500) }));
  await bench.time.advance(100);
  assert.deepEqual(valuesOf(taken), ["b", "c"]);
  await bench.run(consumer.seekTo("earliest", [at(0)]));
  await bench.time.advance(1_000);
  assert.deepEqual(valuesOf(taken), ["b", "c", "a", "b", "c"]);
  await bench.run(consumer.seekTo({ time: 9_000 }));
  assert.equal(consumer.position(at(0)), 3);
  await bench.run(consumer.seekTo("latest"));
  await bench.time.advance(1_000);
  assert.equal(valuesOf(taken).length, 5);
  assert.equal((await bench.failure(consumer.seekTo("start" as "latest"))).code, "INVALID_ARGUMENT");
});

test("without a commit it begins at the time that offsetReset says, and tells so", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  const producer = bench.client().producer();
  for (const [value, timestamp] of [
    ["a", 1_000],
    ["b", 2_000],
  ] as const)
    await bench.run(producer.send({ topic: "t", partition: 0, value, timestamp }));
  const consumer = consume(bench, { offsetReset: { time: 2_000 } });
  const resets: ConsumerEvents["offsetReset"][] = [];
  consumer.on("offsetReset", (event) => void resets.push(event));
  const { taken } = iterate(consumer);
  await bench.time.advance(5_000);
  assert.deepEqual(valuesOf(taken), ["b"]);
  assert.deepEqual(resets, [{ ...at(0), reason: "noCommit", from: undefined, to: 1 }]);
});

test("position and lag tell how far a consumer is, against the ends that the leaders know", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 2 } });
  await send(bench, 0, "a", "b", "c");
  const consumer = consume(bench, { partitionMaxBytes: 1 });
  assert.equal(consumer.position(at(0)), undefined);
  const batches = consumer[Symbol.asyncIterator]();
  await bench.run(batches.next());
  assert.deepEqual(consumer.assignment(), [at(0), at(1)]);
  assert.equal(consumer.position(at(0)), 1);
  const lag = await bench.run(consumer.lag());
  assert.deepEqual(
    lag.filter(({ partition }) => partition === 0),
    [{ ...at(0), position: 1, endOffset: 3, lag: 2 }],
  );
});

test("a consumer without a group reads the partitions it gave itself, from where it says", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 3 } });
  for (const partition of [0, 1, 2]) await send(bench, partition, "a", "b", "c");
  const assignment = [
    { ...at(0), offset: 2 },
    { ...at(1), offset: "earliest" },
    { ...at(2), offset: "latest" },
  ] as const;
  const consumer = bench.client().consumer({ assignment });
  const { taken } = iterate(consumer);
  await bench.time.advance(5_000);
  await send(bench, 2, "d");
  await bench.time.advance(1_000);
  const of = (partition: number): string[] => valuesOf(taken.filter((batch) => batch.partition === partition));
  assert.deepEqual([of(0), of(1), of(2)], [["c"], ["a", "b", "c"], ["d"]]);
  assert.deepEqual(bench.broker.groups(), []);
  assert.equal((await bench.failure(consumer.commit(taken[0]!))).code, "INVALID_ARGUMENT");
  await bench.run(consumer.close());
});

test("with a groupId it commits, and goes on from there", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 2 } });
  await send(bench, 0, "a", "b", "c");
  const first = bench.client().consumer({ groupId: "own", assignment: [at(0)] });
  const { taken } = iterate(first);
  await bench.time.advance(5_000);
  await bench.run(first.commit([{ ...at(0), offset: 2, metadata: "m" }]));
  const [committed] = await bench.run(first.committed());
  assert.deepEqual([committed!.offset, committed!.metadata], [2, "m"]);
  assert.equal((await bench.failure(first.commit([{ ...at(1), offset: 2 }]))).code, "NOT_OWNED");
  await bench.run(first.close());
  assert.deepEqual(valuesOf(taken), ["a", "b", "c"]);
  const again = iterate(bench.client().consumer({ groupId: "own", assignment: [at(0)] }));
  await bench.time.advance(5_000);
  assert.deepEqual(valuesOf(again.taken), ["c"]);
});

test("a batch of a partition that went and came back is not committed: others may have got further", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a", "b");
  const consumer = consume(bench);
  let times = 0;
  consumer.on("assigned", () => void times++);
  const { taken } = iterate(consumer);
  await bench.time.advance(5_000);
  const [early] = taken;
  consumer.pause([at(0)]);
  const other = consume(bench);
  const others = iterate(other);
  await bench.time.advance(1_000);
  // The first one's session ends, the second one reads and commits, and leaves.
  const { members } = bench.broker.groups().find(({ groupId }) => groupId === "g")!;
  bench.broker.faults.expireSession("g", members[0]!.memberId);
  await send(bench, 0, "c");
  for (let waited = 0; valuesOf(others.taken).length < 3 && waited < 60; waited++) await bench.time.advance(500);
  if (others.taken.length > 0) await bench.run(other.commit(others.taken.at(-1)!));
  await bench.run(other.close());
  for (let waited = 0; times < 2 && waited < 60; waited++) await bench.time.advance(500);
  assert.deepEqual([times, valuesOf(taken), valuesOf(others.taken)], [2, ["a", "b"], ["a", "b", "c"]]);
  assert.equal((await bench.failure(consumer.commit(early!))).code, "NOT_OWNED");
  const pool = bench.client().transactionPool({ transactionalIdPrefix: "p" });
  const offsets = { consumer, offsets: [{ ...at(0), offset: early!.nextOffset }] };
  assert.equal((await bench.failure(pool.sendTransaction({ offsets }))).code, "NOT_OWNED");
  assert.equal((await bench.run(consumer.committed()))[0]!.offset, 3);
});

test("events tell of partitions that come and go, and of trouble that passes", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 2 } });
  const first = consume(bench);
  const told: string[] = [];
  for (const name of ["assigned", "revoked", "lost"] as const)
    first.on(name, ({ partitions }) => void told.push(`${name} ${partitions.map(({ partition }) => partition)}`));
  const forget = first.on("error", ({ error, during }) => void told.push(`${error.code} ${during}`));
  iterate(first);
  await bench.time.advance(5_000);
  assert.deepEqual(told, ["assigned 0,1"]);
  const second = consume(bench);
  iterate(second);
  await bench.time.advance(20_000);
  assert.equal(told.length, 2);
  assert.match(told[1]!, /^revoked [01]$/);
  bench.broker.faults.fail({ api: "Fetch", errorCode: ErrorCode.CORRUPT_MESSAGE, times: 10 });
  await bench.time.advance(5_000);
  assert.match(told[2]!, /^CORRUPT_MESSAGE reading t\/[01]$/);
  forget();
  assert.throws(() => first.on("gone" as "lost", () => {}), { code: "INVALID_ARGUMENT" });
});

test("close is bounded whatever the broker does, and the pending next ends", async (t) => {
  const bench = await startClientBench(t, { topics: { t: 1 } });
  await send(bench, 0, "a");
  const consumer = consume(bench);
  const { taken, ended } = iterate(consumer);
  await bench.time.advance(5_000);
  for (const api of ["Fetch", "OffsetCommit", "LeaveGroup", "Heartbeat", "ConsumerGroupHeartbeat"])
    bench.broker.faults.drop({ api, times: Number.POSITIVE_INFINITY });
  const commit = consumer.commit(taken[0]!).catch((error: unknown) => error);
  await bench.time.advance(100);
  const start = bench.time.elapsed;
  await bench.run(consumer.close());
  assert.ok(bench.time.elapsed - start <= 11_000, `${bench.time.elapsed - start}`);
  assert.equal(await ended, undefined);
  assert.ok((await bench.run(commit)) instanceof Error);
});

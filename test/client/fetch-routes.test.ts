import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { FetchRequest } from "../../protocol/messages/01-fetch.ts";
import { type FetchBench, startFetcher } from "../support/fetch-bench.ts";

/** The partitions that each fetch names, as they come. */
function watchFetches(
  bench: FetchBench,
): { readonly epoch: number; readonly asked: number; readonly forgotten: number }[] {
  const seen: { epoch: number; asked: number; forgotten: number }[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api !== "Fetch") return;
    const { sessionEpoch: epoch, topics, forgottenTopicsData } = body as FetchRequest;
    const count = (list: readonly { readonly partitions: readonly unknown[] }[]): number =>
      list.reduce((sum, { partitions }) => sum + partitions.length, 0);
    seen.push({ epoch, asked: count(topics), forgotten: count(forgottenTopicsData) });
  });
  return seen;
}

test("partitions that have nothing new are named once (KIP-227)", async (t) => {
  const bench = await startFetcher(t, { topics: { t: 100 } });
  const seen = watchFetches(bench);
  for (let i = 0; i < 100; i++) bench.fetcher.add("t", i, 0);
  await bench.time.advance(5_000);
  assert.deepEqual(seen[0], { epoch: 0, asked: 100, forgotten: 0 });
  assert.ok(seen.slice(1).every(({ epoch, asked }) => epoch > 0 && asked === 0));
  const before = seen.length;
  await bench.send(7, "a");
  await bench.time.advance(10);
  assert.deepEqual(bench.came(7), ["a"]);
  assert.deepEqual(seen[before], { epoch: before, asked: 1, forgotten: 0 }, "the partition that moved on");
  bench.fetcher.remove("t", 8);
  await bench.time.advance(600);
  assert.deepEqual(seen[before + 1], { epoch: before + 1, asked: 0, forgotten: 1 });
});

test("a session that the broker forgot, or never kept, costs a full fetch and no record", async (t) => {
  const bench = await startFetcher(t);
  const seen = watchFetches(bench);
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(1_200);
  bench.broker.faults.forgetFetchSessions();
  await bench.send(0, "a");
  await bench.time.advance(1_000);
  assert.deepEqual(bench.came(0), ["a"]);
  assert.equal(seen.filter(({ epoch }) => epoch === 0).length, 2);
  assert.deepEqual(bench.errors, []);
  const without = await startFetcher(t, { broker: { fetchSessionSlots: 0 } });
  without.fetcher.add("t", 0, 0);
  for (const value of ["a", "b", "c"]) {
    await without.send(0, value);
    await without.time.advance(100);
  }
  assert.deepEqual(without.came(0), ["a", "b", "c"]);
});

test("a fetch whose answer is lost leaves neither a gap nor a repetition", async (t) => {
  const bench = await startFetcher(t);
  for (const partition of [0, 1]) bench.fetcher.add("t", partition, 0);
  await bench.time.advance(100);
  for (let i = 0; i < 10; i++) {
    bench.broker.faults.cut({ api: "Fetch", when: i % 2 === 0 ? "afterApply" : "beforeApply" });
    await bench.send(i % 2, `${i}`);
    await bench.time.advance(2_000);
  }
  assert.deepEqual(
    [bench.came(0), bench.came(1)],
    [
      ["0", "2", "4", "6", "8"],
      ["1", "3", "5", "7", "9"],
    ],
  );
});

test("partitions that came back beside a long poll return to its session", async (t) => {
  const bench = await startFetcher(t);
  const seen = watchFetches(bench);
  for (const partition of [0, 1]) bench.fetcher.add("t", partition, 0);
  bench.fetcher.pause("t", 1);
  await bench.time.advance(100);
  bench.fetcher.resume("t", 1);
  await bench.time.advance(5_000);
  const beside = seen.filter(({ epoch }) => epoch === -1).length;
  assert.ok(beside > 0 && beside <= 50, `${beside} fetches beside the first poll, and none beside others`);
  assert.ok(seen.length - beside < 13, `${seen.length - beside} polls`);
  await bench.send(1, "a");
  await bench.time.advance(10);
  assert.deepEqual(bench.came(1), ["a"]);
});

test("a broker that throttles is left alone for as long as it says (KIP-219)", async (t) => {
  const bench = await startFetcher(t, { fetcher: { maxWait: 100 } });
  const seen = watchFetches(bench);
  bench.fetcher.add("t", 0, 0);
  await bench.time.advance(150);
  bench.broker.faults.throttle({ api: "Fetch", ms: 3_000 });
  await bench.time.advance(150);
  const before = seen.length;
  await bench.time.advance(2_500);
  assert.equal(seen.length, before);
  await bench.send(0, "a");
  await bench.time.advance(1_000);
  assert.deepEqual(bench.came(0), ["a"]);
  assert.deepEqual(bench.errors, []);
});

test("one broker that hangs does not hold up what others lead (KafkaJS #370)", async (t) => {
  const bench = await startFetcher(t, { broker: { nodes: 3 }, topics: { t: 3 } });
  const leaderOf = (partition: number): number => bench.broker.topics()[0]!.partitions[partition]!.leaderId;
  bench.broker.faults.drop({ api: "Fetch", node: leaderOf(0), times: Number.POSITIVE_INFINITY });
  for (const partition of [0, 1, 2]) bench.fetcher.add("t", partition, 0);
  for (const partition of [0, 1, 2]) await bench.send(partition, "x");
  await bench.time.advance(50);
  assert.deepEqual([bench.came(0), bench.came(1), bench.came(2)], [[], ["x"], ["x"]]);
});

test("nothing is asked for while the fetcher is held, and all of it after that", async (t) => {
  const bench = await startFetcher(t);
  bench.fetcher.hold(true);
  const seen = watchFetches(bench);
  bench.fetcher.add("t", 0, 0);
  await bench.send(0, "a");
  await bench.time.advance(5_000);
  assert.deepEqual(seen, []);
  bench.fetcher.hold(false);
  await bench.time.advance(10);
  assert.deepEqual(bench.came(0), ["a"]);
});

test("refusals by topic id and epoch pass with fresh metadata, without loss or repetition", async (t) => {
  const codes = [
    ErrorCode.UNKNOWN_TOPIC_ID,
    ErrorCode.INCONSISTENT_TOPIC_ID,
    ErrorCode.FENCED_LEADER_EPOCH,
    ErrorCode.UNKNOWN_LEADER_EPOCH,
    ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
  ];
  for (const errorCode of codes) {
    const bench = await startFetcher(t);
    await bench.send(0, "a");
    bench.broker.faults.fail({ api: "Fetch", errorCode, times: 2 });
    bench.fetcher.add("t", 0, 0);
    await bench.time.advance(10_000);
    assert.deepEqual(bench.came(0), ["a"], `${errorCode}`);
  }
});

test("a batch that grows beyond what is allowed stops its partition, by name, and is not asked for again", async (t) => {
  const bench = await startFetcher(t, { fetcher: { maxDecompressedBytes: 1_000 } });
  const producer = bench.client().producer({ compression: "gzip" });
  await bench.run(producer.send({ topic: "t", partition: 0, value: "x".repeat(10_000) }));
  await bench.send(1, "a");
  const seen = watchFetches(bench);
  for (const partition of [0, 1]) bench.fetcher.add("t", partition, 0);
  await bench.time.advance(3_000);
  assert.deepEqual(
    bench.errors.map(({ code, retriable, partition }) => [code, retriable, partition]),
    [["UNREADABLE_BATCH", false, 0]],
  );
  assert.match(bench.errors[0]!.message, /cannot read t\/0 at offset 0/);
  assert.deepEqual(bench.came(1), ["a"]);
  assert.ok(seen.length < 10);
});

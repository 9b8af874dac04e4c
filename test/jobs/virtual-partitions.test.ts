import assert from "node:assert/strict";
import { test } from "node:test";
import { Discard, RetryLater } from "../../src/jobs/job-controls.ts";
import { apart, drained, lanes, produce, range, watched } from "../support/lane-bench.ts";
import { startWorkerBench } from "../support/worker-bench.ts";

test("S5.2 lanes run beside each other, and each runs its jobs in offset order", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w");
  const seen = watched(process);
  await produce(
    bench,
    range(40).map((i) => ({ key: `k${i % 8}`, takes: 10 + (i % 3) })),
  );
  await process.work();
  await bench.until(() => drained(bench));
  assert.equal(seen.most, 4);
  assert.deepEqual(seen.together, []);
  for (const key of range(8).map((i) => `k${i}`)) {
    const offsets = bench.starts.filter((start) => start.key === key).map(({ offset }) => offset);
    assert.deepEqual(
      offsets,
      [...offsets].sort((a, b) => a - b),
    );
  }
  assert.equal(bench.starts.length, 40);
});

test("S5.1 jobs without a key are spread over all lanes", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w");
  const seen = watched(process);
  await produce(
    bench,
    range(12).map(() => ({})),
  );
  await process.work();
  await bench.until(() => drained(bench));
  assert.equal(seen.most, 4);
});

test("S5.1 where the partitioner throws the batch runs in one lane, and an event says why", async (t) => {
  const bench = await startWorkerBench(t);
  const partitioner = (): string => {
    throw new Error("no such field");
  };
  const process = lanes(bench, "w", { virtualPartitions: { max: 4, partitioner } });
  const seen = watched(process);
  await produce(
    bench,
    range(6).map((i) => ({ key: `k${i}` })),
  );
  await process.work();
  await bench.until(() => drained(bench));
  assert.equal(seen.most, 1);
  assert.deepEqual(bench.ran("q", 0), range(6));
  const [{ error, during }] = process.seen("error") as [{ error: Error; during: string }];
  assert.deepEqual([error.message, during], ["no such field", "spreading jobs over lanes"]);
});

test("S5.1 a batch has at most maxBatchJobs jobs, and the next one begins when it has ended", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w", { virtualPartitions: apart });
  watched(process);
  // The first is slow: the others of its batch end, and nothing of the next one starts.
  await produce(bench, [{ key: "slow", takes: 1_000 }, ...range(11).map((i) => ({ key: `k${i}` }))]);
  await process.work({ maxBatchJobs: 6 });
  await bench.until(() => bench.starts.length === 6);
  await bench.time.advance(900);
  assert.equal(bench.starts.length, 6);
  await bench.until(() => drained(bench));
  assert.equal(bench.starts.length, 12);
});

test("S5.3 the committed offset moves only when the whole batch has ended, and metadata says what has by then", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w", { virtualPartitions: apart });
  watched(process);
  await produce(bench, [{ key: "slow", takes: 10_000 }, ...range(9).map((i) => ({ key: `k${i}` }))]);
  await process.work({ commitInterval: "1s" });
  await bench.until(() => bench.starts.length === 10);
  await bench.time.advance(3_000);
  assert.equal(bench.committed("q", 0)!.offset, 0);
  assert.deepEqual(bench.commits.at(-1)!.metadata!.finished, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.commits.at(-1)!.metadata!.finished, []);
  assert.ok(bench.commits.every(({ offset }) => offset === 0 || offset === 10));
});

test("S5.3 what has ended does not run again with the next owner, who died without a word", async (t) => {
  const bench = await startWorkerBench(t);
  const first = lanes(bench, "first", { virtualPartitions: apart });
  watched(first);
  await produce(bench, [{ key: "slow", takes: 60_000 }, ...range(9).map((i) => ({ key: `k${i}` }))]);
  await first.work({ commitInterval: "500ms" });
  await bench.until(() => bench.starts.length === 10);
  await bench.time.advance(2_000);
  first.crash();
  const second = lanes(bench, "second", { virtualPartitions: apart });
  watched(second);
  await second.work();
  await bench.until(() => drained(bench), 300_000);
  assert.deepEqual(bench.ran("q", 0, "second"), [0]);
});

test("S5.3 what is said to have ended is left out by a queue without lanes, too", async (t) => {
  const bench = await startWorkerBench(t);
  const first = lanes(bench, "first");
  watched(first);
  await produce(bench, [{ key: "slow", takes: 60_000 }, ...range(9).map((i) => ({ key: `k${i % 3}` }))]);
  await first.work({ commitInterval: "500ms" });
  await bench.until(() => bench.starts.length === 10);
  await bench.time.advance(2_000);
  first.crash();
  const second = bench.process("second").job("q");
  await second.work();
  await produce(bench, [{ key: "k" }]);
  await bench.until(() => drained(bench), 300_000);
  assert.deepEqual(bench.ran("q", 0, "second"), [0, 10]);
});

test("S5.4 an error holds every lane until the backoff is over, and only what has not ended runs again", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w");
  watched(process, ({ does }, attempt) => {
    if (does === "fails" && attempt <= 2) throw new Error("as planned");
  });
  await produce(bench, [{ key: "bad", does: "fails" }, ...range(20).map((i) => ({ key: `k${i}`, takes: 10 }))]);
  await process.work();
  await bench.until(() => process.seen("failed").length === 1);
  const started = bench.starts.length;
  assert.ok(started < 21, `${started}`);
  await bench.time.advance(950);
  assert.equal(bench.starts.length, started, "nothing starts meanwhile");
  await bench.until(() => drained(bench));
  const times = (offset: number): number[] => bench.starts.filter((s) => s.offset === offset).map(({ at }) => at);
  const [one, two, three] = times(0) as [number, number, number];
  assert.ok(two - one >= 1_000 && three - two >= 2_000);
  for (const offset of range(20)) assert.equal(times(offset + 1).length, 1);
});

test("S5.4 a wait that a rule asks for holds its own lane only", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w", { virtualPartitions: apart });
  watched(process, ({ does }, attempt) => {
    if (does === "later" && attempt === 1 && process.seen("retried").length === 0)
      throw new RetryLater({ wait: "30s" });
  });
  await produce(bench, [{ key: "bad", does: "later" }, { key: "bad" }, ...range(20).map((i) => ({ key: `k${i}` }))]);
  await process.work();
  await bench.until(() => bench.starts.length >= 18);
  await bench.time.advance(5_000);
  assert.ok(!drained(bench), "the batch cannot end before it");
  assert.deepEqual(
    bench.starts.filter(({ offset }) => offset <= 1).map(({ offset }) => offset),
    [0],
    "what is behind it in its lane waits",
  );
  await bench.until(() => drained(bench));
  assert.equal(bench.starts.length, 23);
});

test("S5.4 S4.4 a job that fails for good goes, and the others of its batch go on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = lanes(bench, "w", { deadLetterQueue: { topic: "d", maxRetries: 1 } });
  watched(process, ({ does }) => {
    if (does === "fails") throw new Error("never works");
    if (does === "goes") throw new Discard("not wanted");
  });
  await produce(
    bench,
    range(20).map((i) => ({ key: `k${i % 10}`, does: i === 3 || i === 11 ? "fails" : i === 7 ? "goes" : "" })),
  );
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.records("d", 0).length, 2);
  for (const offset of range(20))
    assert.equal(bench.ran("q", 0).filter((each) => each === offset).length, offset === 3 || offset === 11 ? 2 : 1);
});

test("S5.5 memory does not grow while a batch fails for ever, and each failure is told in metadata", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w", { virtualPartitions: { max: 8 } });
  watched(process, ({ does }) => {
    if (does === "fails") throw new Error("never works");
  });
  await produce(
    bench,
    range(8).map((i) => ({ key: `k${i}`, does: i < 3 ? "fails" : "" })),
  );
  const worker = await process.work();
  await bench.until(() => bench.committed("q", 0) !== undefined && process.seen("failed").length >= 30, 600_000);
  const status = worker.status().partitions[0]!;
  assert.equal(status.waiting + status.running.length, 3);
  const { failing, finished } = bench.commits.at(-1)!.metadata!;
  assert.deepEqual(
    failing.map(({ offset }) => offset),
    [0, 1, 2],
  );
  assert.deepEqual(finished, [3, 4, 5, 6, 7]);
});

test("S3.8 of jobs that have failed or run there are never more than metadata can tell of", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w", { virtualPartitions: { max: 64 } });
  const seen = watched(process, ({ does }, attempt) => {
    if (does === "waits" && attempt === 1 && !allow) throw new RetryLater({ wait: "5m" });
  });
  let allow = false;
  await produce(
    bench,
    range(300).map((i) => ({ key: `k${i}`, does: "waits" })),
  );
  await process.work({ concurrency: 200 });
  await bench.until(() => process.seen("retried").length === 64);
  await bench.time.advance(60_000);
  assert.equal(bench.starts.length, 64);
  assert.ok(seen.most <= 64);
  allow = true;
  await bench.until(() => drained(bench), 8_000_000);
  assert.equal(bench.starts.length, 364);
});

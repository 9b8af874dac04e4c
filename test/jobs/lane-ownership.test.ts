import assert from "node:assert/strict";
import { test } from "node:test";
import { stateOf } from "../../src/jobs/app.ts";
import { encodeCommitMetadata, type FailingJob } from "../../src/jobs/commit-metadata.ts";
import { RetryLater } from "../../src/jobs/job-controls.ts";
import { drained, lanes, produce, range, type Work, watched } from "../support/lane-bench.ts";
import { startWorkerBench, type WorkerBench } from "../support/worker-bench.ts";

test("S4.8 each job of a dead owner's successor is noted before it starts, and whatever ran then runs alone", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const queue = { deadLetterQueue: { topic: "d", maxRetries: 2 } };
  await produce(
    bench,
    range(16).map((i) => ({ key: `k${i}`, does: i === 6 ? "kills" : "" })),
  );
  const counts = new Map<string, number>();
  let alone = true;
  for (let n = 0; !drained(bench); n++) {
    assert.ok(n < 12, "it goes on and on");
    const process = lanes(bench, `w${n}`, queue);
    const running = new Set<number>();
    process.job("q", async (payload, { offset }) => {
      if (running.size > 0 && n >= 2 && (payload as Work).does === "kills") alone = false;
      running.add(offset);
      await process.sleep(10);
      running.delete(offset);
      if ((payload as Work).does !== "kills") return;
      counts.set(process.name, (counts.get(process.name) ?? 0) + 1);
      process.crash();
      await new Promise(() => {});
    });
    await process.work();
    await bench.until(() => process.clock.frozen || drained(bench), 600_000);
  }
  assert.ok(alone);
  assert.equal(bench.records("d", 0).length, 1);
  assert.ok([...counts.values()].every((count) => count === 1));
  assert.ok(
    bench.starts.every(({ offset, attempt }) => offset === 6 || attempt === 1),
    "its neighbours inherit nothing",
  );
});

test("S6.4 a worker that closes finishes the batch in hand, and begins no other", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w");
  watched(process);
  await produce(
    bench,
    range(60).map((i) => ({ key: `k${i}`, takes: 100 })),
  );
  const worker = await process.work({ maxBatchJobs: 20 });
  await bench.until(() => bench.starts.length === 4);
  await bench.run(worker.close());
  assert.equal(bench.starts.length, 20);
  assert.equal(bench.committed("q", 0)!.offset, 20);
  assert.deepEqual([bench.commits.at(-1)!.metadata!.finished, bench.commits.at(-1)!.metadata!.open], [[], false]);
});

test("S6.4 a batch with an error, and one that waits, is left as it is when the worker closes", async (t) => {
  for (const does of ["fails", "later"]) {
    const bench = await startWorkerBench(t);
    const process = lanes(bench, "w");
    watched(process, (work) => {
      if (work.does === "fails") throw new Error("never works");
      if (work.does === "later") throw new RetryLater({ wait: "5m" });
    });
    await produce(bench, [{ key: "bad", does }, { key: "bad" }, ...range(6).map((i) => ({ key: `k${i}`, takes: 50 }))]);
    const worker = await process.work();
    await bench.until(() => process.seen("retried").length === 1);
    await bench.run(worker.close());
    const { offset, metadata } = bench.commits.at(-1)!;
    assert.equal(offset, 0);
    assert.ok(!metadata!.finished.includes(0) && !metadata!.finished.includes(1));
    assert.equal(metadata!.finished.length, does === "later" ? 6 : bench.starts.length - 1);
    const next = lanes(bench, "next");
    watched(next);
    await next.work();
    await bench.until(() => drained(bench), 8_000_000);
    const ran = bench.ran("q", 0).filter((each) => each !== 0);
    assert.deepEqual(
      [...ran].sort((a, b) => a - b),
      range(7).map((i) => i + 1),
      `each once: ${ran}`,
    );
  }
});

test("S6.1 when a partition of lanes is revoked nothing of it starts any more, and what ends within the grace is kept", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const [process, other] = [lanes(bench, "w"), lanes(bench, "other")];
  const aborted: string[] = [];
  process.job("q", async (payload, { topic, partition, offset, signal }, { sleep }) => {
    signal.addEventListener("abort", () => aborted.push(`${topic}/${partition}/${offset}`));
    await sleep((payload as Work).takes ?? 10);
  });
  other.job("q");
  const jobs = [
    ...range(3).map((i) => ({ key: `k${i}`, takes: 12_000 })),
    { key: "slow", takes: 90_000 },
    ...range(12).map((i) => ({ key: `k${i}`, takes: 10 })),
  ];
  for (const partition of [0, 1]) await produce(bench, jobs, partition);
  await process.work();
  await bench.until(() => bench.starts.length === 8);
  await other.work();
  await bench.until(() => process.seen("revoked").length > 0);
  const { partition } = process.seen("revoked")[0]!.partitions[0]!;
  const before = bench.ran("q", partition, "w");
  await bench.until(() => bench.ran("q", partition, "other").length > 0);
  assert.deepEqual(bench.ran("q", partition, "w"), before);
  const released = bench.commits.findLast((commit) => commit.by === "w" && commit.partition === partition)!;
  const { finished, open } = released.metadata!;
  const ended = before.filter((offset) => !aborted.includes(`q/${partition}/${offset}`));
  assert.deepEqual([released.offset, finished, open], [0, ended, false]);
  await bench.until(() => bench.lag("q")[partition] === 0);
  assert.deepEqual(bench.ran("q", partition, "other").length, 16 - ended.length);
});

test("S3.9 two jobs of one partition that hand over at once are both finished, whoever commits last", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
  const process = lanes(bench, "w");
  const next = process.app.job<number>({ name: "next", queue: "next", perform() {} });
  process.job("q", async (_payload, job) => {
    await job.transaction(async (tx) => {
      await tx.performLater(next.of(job.offset));
    });
    await process.sleep(job.offset === 0 ? 5_000 : 60_000);
  });
  await produce(
    bench,
    range(4).map((i) => ({ key: `k${i}` })),
  );
  await process.work({ queues: ["q"] });
  await bench.until(() => bench.records("next", 0).length === 4);
  await bench.time.advance(2_000);
  process.crash();
  const second = lanes(bench, "second");
  second.job("q");
  await second.work({ queues: ["q"] });
  await bench.until(() => drained(bench), 300_000);
  assert.deepEqual(bench.ran("q", 0, "second"), [], "each has handed over");
});

test("S4.4 a job that holds up a batch can be skipped, here and from outside", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w");
  watched(process, ({ does }) => {
    if (does === "fails") throw new Error("never works");
  });
  await produce(bench, [
    { key: "a" },
    { key: "bad", does: "fails" },
    { key: "bad" },
    { key: "worse", does: "fails" },
    { key: "b" },
  ]);
  const worker = await process.work();
  await bench.until(() => process.seen("blocked").length >= 2, 600_000);
  await assert.rejects(bench.run(process.app.skip({ topic: "q", partition: 0, offset: 4 })), {
    name: "NotBlockedError",
  });
  await bench.run(process.app.skip({ topic: "q", partition: 0, offset: 1 }));
  await bench.until(() => bench.ran("q", 0).includes(2), 600_000);
  await bench.run(worker.close());
  await bench.run(process.app.skip({ topic: "q", partition: 0, offset: 3 }));
  assert.ok(drained(bench));
  assert.equal(process.seen("discarded").length, 2);
});

test("S3.10 what waits in lanes is bounded, and its bytes are given back as its jobs end", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w");
  watched(process);
  const value = "x".repeat(10_000);
  await bench.produceRecords(
    range(2_000).map((i) => ({
      ...{ topic: "q", partition: 0, key: `k${i}`, headers: { "ottla-job": "work" } },
      value: JSON.stringify({ value, takes: 1_000 }),
    })),
  );
  const maxBufferedBytes = 2_000_000;
  const worker = await process.work({ maxBufferedBytes });
  let most = 0;
  await bench.until(() => {
    most = Math.max(most, worker.status().bufferedBytes);
    return bench.starts.length >= 100;
  });
  assert.ok(most > 0 && most <= maxBufferedBytes, `${most}`);
  await bench.until(() => drained(bench), 1_000_000);
  assert.equal(worker.status().bufferedBytes, 0);
});

/** A commit as an owner leaves it that dies. */
function left(bench: WorkerBench, failing: readonly Partial<FailingJob>[]): void {
  const topicId = bench.broker.topics().find(({ name }) => name === "q")!.id;
  const jobs = failing.map((job) => ({ offset: 0, attempt: 0, counters: [], nextRetryAt: 0, suspect: false, ...job }));
  bench.commit("q", 0, 0, encodeCommitMetadata(0, { topicId, open: true, finished: [], failing: jobs }));
}

test("S4.8 S8.3 a suspect does not start in a lane in which another waits, as a rule asked for", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w", { virtualPartitions: { max: 1 } });
  await produce(bench, [{ key: "a", does: "fails" }, { key: "b", takes: 5_000 }, { key: "a" }]);
  left(bench, [
    { offset: 0, suspect: true },
    { offset: 1, suspect: true },
  ]);
  const running = new Set<number>();
  let most = 0;
  process.job(
    "q",
    async (payload, { attempt, offset }) => {
      const { takes = 10, does } = payload as Work;
      most = Math.max(most, running.add(offset).size);
      await process.sleep(takes);
      running.delete(offset);
      if (does === "fails" && attempt === 1) throw new RangeError();
    },
    { retryOn: [{ errors: [RangeError], wait: "1s", jitter: 0 }] },
  );
  await process.work();
  await bench.until(() => drained(bench));
  assert.equal(most, 1);
  assert.deepEqual(bench.ran("q", 0), [0, 1, 0, 2]);
});

test("S4.4 S4.8 a suspect that waits before it is tried alone can be skipped", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w").job("q");
  await produce(bench, [{ key: "a" }, { key: "a" }, { key: "b" }]);
  left(bench, [{ offset: 0, attempt: 5, nextRetryAt: bench.time.instance().now() + 60_000, suspect: true }]);
  await process.work();
  await bench.time.advance(5_000);
  await bench.run(process.app.skip({ topic: "q", partition: 0, offset: 0 }));
  await bench.until(() => drained(bench), 10_000);
  assert.deepEqual(bench.ran("q", 0).sort(), [1, 2]);
});

test("S4.8 S3.8 a job that failed under a dead owner waits on, though what is in other lanes is noted", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w").job("q");
  await produce(bench, [{ key: "a" }, { key: "b" }, { key: "c" }]);
  const [now, nextRetryAt] = [bench.time.elapsed, bench.time.instance().now() + 20_000];
  left(bench, [{ offset: 1, attempt: 1, nextRetryAt }]);
  await process.work();
  await bench.until(() => drained(bench));
  assert.ok(bench.starts.every(({ offset, at }) => at - now >= 20_000 === (offset === 1)));
  assert.equal(bench.starts.find(({ offset }) => offset === 1)!.attempt, 2);
});

test("S3.8 a successor notes no more jobs than metadata can tell of, whichever lane they are in", async (t) => {
  const bench = await startWorkerBench(t);
  await produce(
    bench,
    range(192).map((i) => ({ key: `k${i}`, takes: 500 })),
  );
  const topicId = bench.broker.topics()[0]!.id;
  // Two that failed share a lane of 64 for their successor: with what the other lanes begin, they are one too many.
  const failing = [63, 127].map((offset) => ({ offset, attempt: 1, counters: [], nextRetryAt: 0, suspect: false }));
  bench.commit("q", 0, 0, encodeCommitMetadata(0, { topicId, open: true, finished: [], failing }));
  const process = lanes(bench, "w", { virtualPartitions: { max: 64 } });
  watched(process);
  await process.work({ concurrency: 200 });
  await bench.until(() => drained(bench));
  assert.deepEqual(process.seen("error"), []);
  assert.equal(bench.starts.length, 192);
});

test("S3.8 more failing jobs than metadata can tell of stop nothing: it tells of the first ones", async (t) => {
  const bench = await startWorkerBench(t);
  await produce(
    bench,
    range(80).map((i) => ({ key: `k${i}`, does: i === 1 ? "fails" : "" })),
  );
  const topicId = bench.broker.topics()[0]!.id;
  const failing = range(64).map((i) => ({
    ...{ offset: 16 + i, attempt: 1, counters: [], nextRetryAt: 0, suspect: false },
  }));
  bench.commit("q", 0, 0, encodeCommitMetadata(0, { topicId, open: false, finished: [], failing }));
  const process = lanes(bench, "w");
  watched(process, ({ does }, attempt) => {
    if (does === "fails" && attempt < 3) throw new Error("not yet");
  });
  await process.work({ maxBatchJobs: 4 });
  await bench.until(() => drained(bench));
  assert.deepEqual(process.seen("error"), []);
  assert.ok(
    bench.commits.some(({ metadata }) => metadata!.failing.length === 64 && metadata!.failing[0]!.offset === 1),
  );
});

test("S8.4 S5.4 of a batch whose partition is revoked nothing starts any more", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const first = lanes(bench, "first");
  watched(first);
  for (const partition of range(2)) {
    const jobs = range(40).map((i) => ({ key: `k${i}`, takes: 1_000 }));
    await produce(bench, jobs, partition);
  }
  await first.work();
  await bench.until(() => bench.starts.length >= 16);
  const second = lanes(bench, "second");
  watched(second);
  await second.work();
  await bench.until(() => second.seen("assigned").length > 0);
  const { at } = first.events.find(({ name }) => name === "revoked")!;
  const { partition } = first.seen("revoked")[0]!.partitions[0]!;
  const after = bench.starts.filter((start) => start.by === "first" && start.partition === partition && start.at > at);
  assert.deepEqual(after, []);
  await bench.until(() => drained(bench));
});

test("S8.9 S6.4 a batch that does not end takes no more than the time that closing has", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w");
  watched(process, ({ does }) => (does === "hangs" ? new Promise(() => {}) : undefined));
  await produce(bench, [{ key: "a", does: "hangs" }, { key: "b" }]);
  const worker = await process.work();
  await bench.until(() => bench.starts.length === 2);
  const began = bench.time.elapsed;
  await assert.rejects(bench.run(worker.close()), { name: "ShutdownTimeoutError" });
  assert.ok(bench.time.elapsed - began <= 11_000, `it took ${bench.time.elapsed - began} ms of 10,000`);
});

test("S3.8 a batch spans no more offsets than metadata can tell of, however far its jobs lie apart", async (t) => {
  const bench = await startWorkerBench(t);
  const process = lanes(bench, "w");
  let isFixed = false;
  watched(process, ({ does }) => {
    if (does === "fails" && !isFixed) throw new RetryLater({ wait: "5s" });
  });
  await produce(bench, [{ key: "a", does: "fails" }]);
  const { kafka } = stateOf(process.app).slot.use();
  const aborted = await bench.run(kafka.producer({ transactionalId: "somebody" }).begin());
  const records = range(9_000).map(() => ({ topic: "q", partition: 0, value: "" }));
  await bench.run(aborted.sendMany(records));
  await bench.run(aborted.abort());
  await produce(bench, [{ key: "b" }]);
  await process.work();
  await bench.until(() => process.seen("retried").length >= 2);
  isFixed = true;
  await bench.until(() => drained(bench));
  assert.deepEqual(process.seen("error"), []);
  assert.deepEqual([...new Set(bench.ran("q", 0))], [0, 9_002]);
});

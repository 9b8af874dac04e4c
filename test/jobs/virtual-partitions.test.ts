import assert from "node:assert/strict";
import { test } from "node:test";
import { Discard, RetryLater } from "../../src/jobs/job-controls.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const backoff = { initial: "1s", max: "10s", jitter: 0 } as const;

/** A job as these tests enqueue it: what it is of, and what it does. */
interface Work {
  readonly key?: string;
  readonly takes?: number;
  readonly does?: string;
}

async function produce(bench: WorkerBench, jobs: readonly Work[], partition = 0): Promise<void> {
  await bench.produceRecords(
    jobs.map(({ key, ...payload }) => ({
      ...{ topic: "q", partition, value: JSON.stringify(payload), headers: { "ottla-job": "work" } },
      ...(key === undefined ? {} : { key }),
    })),
  );
}

function lanes(bench: WorkerBench, name: string, options: Partial<QueueOptions> = {}): WorkerProcess {
  return bench.process(name, { queues: { q: { virtualPartitions: { max: 4 }, backoff, ...options } } });
}

/** Keeps a lane for those that hold others up. */
const apart = {
  max: 4,
  reducer: (key: string): number => (key === "slow" || key === "bad" ? 0 : 1 + (key.charCodeAt(1) % 3)),
};

/** How many jobs were running whenever one started, and what each key's were. */
function watched(process: WorkerProcess, perform: (work: Work, attempt: number, offset: number) => unknown = () => {}) {
  const running = new Map<number, string | undefined>();
  const seen = { most: 0, together: [] as string[] };
  process.job("q", async (payload, { attempt, key, offset }, { sleep }) => {
    const work = payload as Work;
    if (key !== undefined && [...running.values()].includes(key)) seen.together.push(key);
    running.set(offset, key);
    seen.most = Math.max(seen.most, running.size);
    try {
      await sleep(work.takes ?? 10);
      await perform(work, attempt, offset);
    } finally {
      running.delete(offset);
    }
  });
  return seen;
}

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
    if (does === "waits" && attempt === 1 && !allow) throw new RetryLater({ wait: "1h" });
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
      if (work.does === "later") throw new RetryLater({ wait: "1h" });
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

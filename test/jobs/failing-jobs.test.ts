import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorkerBench, type WorkerBench } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);

function waits(bench: WorkerBench): number[] {
  const times = bench.starts.map(({ at }) => at);
  return times.slice(1).map((at, i) => at - times[i]!);
}

test("S4.1 the waits begin with initial, double, and stop at max; the attempts count up", async (t) => {
  const bench = await startWorkerBench(t);
  const backoff = { initial: "1s", max: "10s", jitter: 0 } as const;
  const process = bench.process("w", { queues: { q: { backoff } } }).job("q", (payload, { attempt }) => {
    if (payload === "a" && attempt <= 7) throw new Error(`attempt ${attempt}`);
  });
  await process.work();
  await bench.produce("q", 0, ["a", "b"]);
  await bench.until(() => drained(bench));
  assert.deepEqual(waits(bench), [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 0]);
  assert.deepEqual(bench.ran("q", 0), [0, 0, 0, 0, 0, 0, 0, 0, 1], "nothing overtakes it");
  assert.deepEqual(
    bench.starts.map(({ attempt }) => attempt),
    [1, 2, 3, 4, 5, 6, 7, 8, 1],
  );
  const failures = process.seen("failed");
  assert.deepEqual(
    failures.map(({ job, error }) => [job.attempt, (error as Error).message]),
    range(7).map((i) => [i + 1, `attempt ${i + 1}`]),
  );
  assert.deepEqual(
    process.seen("retried").map(({ job, wait }) => [job.attempt, wait]),
    [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000].map((wait, i) => [i + 1, wait]),
  );
  assert.equal(process.seen("completed").length, 2);
});

test("S4.1 the default waits are from 1 s to 30 s with a jitter of a fifth", async (t) => {
  const bench = await startWorkerBench(t);
  await bench
    .process("w")
    .job("q", (_payload, { attempt }) => {
      if (attempt <= 9) throw new Error("as planned");
    })
    .work();
  await bench.produce("q", 0, ["a"]);
  await bench.until(() => drained(bench), 300_000);
  const bases = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000];
  for (const [i, wait] of waits(bench).entries()) {
    const base = bases[i]!;
    assert.ok(wait >= base * 0.8 && wait <= base * 1.2 + 1, `wait ${i + 1} is ${wait} ms`);
  }
  assert.ok(
    waits(bench).some((wait, i) => wait !== bases[i]),
    "chance has its part",
  );
});

test("S4.1 a failing job holds its own partition and no other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 3 } });
  const process = bench.process("w").job("q", (payload) => {
    if (payload === "bad") throw new Error("never works");
  });
  await process.work();
  await bench.produce("q", 1, [0, "bad", 2, 3]);
  for (const partition of [0, 2]) await bench.produce("q", partition, range(30));
  await bench.until(() => process.seen("failed").length === 5);
  for (const partition of [0, 2]) assert.deepEqual(bench.ran("q", partition), range(30));
  assert.deepEqual([...new Set(bench.ran("q", 1))], [0, 1]);
  await bench.until(() => bench.committed("q", 1)?.offset === 1);
  assert.ok(
    bench.commits.every(({ partition, offset }) => partition !== 1 || offset <= 1),
    "no commit passes it",
  );
});

test("S4.1 each failed attempt is committed at once", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q", () => {
    throw new Error("never works");
  });
  await process.work({ commitInterval: "1h" });
  await bench.produce("q", 0, ["a"]);
  await bench.until(() => process.seen("failed").length === 3);
  const failures = () => bench.commits.filter(({ metadata }) => metadata!.failing.length > 0);
  await bench.until(() => failures().length === 3);
  assert.deepEqual(
    failures().map(({ offset, metadata }) => [offset, metadata!.failing[0]!.attempt]),
    [
      [0, 1],
      [0, 2],
      [0, 3],
    ],
  );
});

const UNRUNNABLE = [
  {
    what: "an unknown job name",
    record: { value: "1", headers: { "ottla-job": "misspelt" } },
    error: "UnknownJobError",
    says: /misspelt.*work/,
    attempts: [1, 1, 1, 1],
  },
  {
    what: "a value that is not JSON",
    record: { value: "{", headers: { "ottla-job": "work" } },
    error: "UnreadableRecordError",
    says: /JSON/,
    attempts: [1, 2, 3, 4],
  },
  {
    what: "bytes that are not UTF-8",
    record: { value: Uint8Array.of(0x22, 0xff, 0x22), headers: { "ottla-job": "work" } },
    error: "UnreadableRecordError",
    says: /UTF-8/,
    attempts: [1, 2, 3, 4],
  },
  {
    what: "a tombstone",
    record: { value: null, headers: { "ottla-job": "work" } },
    error: "UnreadableRecordError",
    says: /value/,
    attempts: [1, 2, 3, 4],
  },
] as const;

for (const { what, record, error, says, attempts } of UNRUNNABLE) {
  test(`S4.1 ${what} is tried again in place, with events, and holds up no other partition`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    const process = bench.process("w").job("q");
    await process.work();
    await bench.produceRecords([{ topic: "q", partition: 0, ...record }]);
    await bench.produce("q", 0, [1]);
    await bench.produce("q", 1, range(10));
    await bench.until(() => process.seen("failed").length === 4);
    assert.equal(bench.lag("q")[1], 0);
    assert.deepEqual(bench.ran("q", 0), []);
    assert.equal(bench.committed("q", 0)!.offset, 0);
    for (const [i, failed] of process.seen("failed").entries()) {
      assert.equal((failed.error as Error).name, error);
      assert.match((failed.error as Error).message, says);
      assert.deepEqual([failed.job.partition, failed.job.offset, failed.job.attempt], [0, 0, attempts[i]]);
    }
  });
}

test("S4.1 a record that names no job is tried again in place, with events, and holds up no other partition", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w").job("q");
  await process.work();
  await bench.produceRecords([{ topic: "q", partition: 0, value: "1" }]);
  await bench.produce("q", 0, [1]);
  await bench.produce("q", 1, range(10));
  await bench.until(() => process.seen("error").length === 4);
  assert.equal(bench.lag("q")[1], 0);
  assert.deepEqual(bench.ran("q", 0), []);
  assert.equal(bench.committed("q", 0)!.offset, 0);
  for (const { error, during, topic, partition } of process.seen("error")) {
    assert.equal((error as Error).name, "UnreadableRecordError");
    assert.match((error as Error).message, /ottla-job/);
    assert.match(during, /offset 0/);
    assert.deepEqual([topic, partition], ["q", 0]);
  }
});

test("S4.1 a job that this process does not know runs once a process that knows it takes over", async (t) => {
  const bench = await startWorkerBench(t);
  const old = bench.process("old");
  old.app.job({ name: "other", queue: "q", perform: () => {} });
  await old.work();
  await bench.produce("q", 0, range(3));
  await bench.until(() => old.seen("failed").length === 2);
  await bench.run(old.app.close());
  await bench.process("new").job("q").work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0), range(3));
});

test("S4.1 whatever a handler throws is an error of its job alone", async (t) => {
  const bench = await startWorkerBench(t);
  const thrown: unknown[] = [undefined, null, "text", Object.create(null), new Error("at once")];
  const process = bench.process("w").job("q", (payload, { attempt }) => {
    if (attempt === 1) throw thrown[payload as number];
  });
  await process.work();
  await bench.produce("q", 0, range(thrown.length));
  await bench.until(() => drained(bench));
  assert.deepEqual(
    process.seen("failed").map(({ error }) => error),
    thrown,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Discard, RetryLater } from "../../src/jobs/job-controls.ts";
import type { JobOptions } from "../../src/jobs/job-options.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import { startWorkerBench, type WorkerBench } from "../support/worker-bench.ts";

const backoff = { initial: "1s", max: "10s", jitter: 0 } as const;
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const DEAD: AppOptions = { queues: { q: { backoff, deadLetterQueue: { topic: "d", maxRetries: 2 } } } };
const attempts = (bench: WorkerBench): number[][] => bench.starts.map(({ offset, attempt }) => [offset, attempt]);

function letters(bench: WorkerBench): { headers: Record<string, string>; key: string; value: string }[] {
  const decoder = new TextDecoder();
  return bench.records("d", 0).map(({ headers, key, value }) => ({
    headers: Object.fromEntries(headers.map(([name, bytes]) => [name, decoder.decode(bytes!)])),
    key: decoder.decode(key!),
    value: decoder.decode(value!),
  }));
}

test("S4.3 a job that discards itself, or that a rule discards, ends; afterDiscard is told once", async (t) => {
  const bench = await startWorkerBench(t);
  const told: unknown[][] = [];
  const options: Partial<JobOptions<unknown>> = {
    discardOn: [{ errors: [RangeError] }],
    afterDiscard: ({ id, offset, attempt, payload }, error) =>
      void told.push([id, offset, attempt, payload, (error as Error).name]),
  };
  const process = bench.process("w", { queues: { q: { backoff } } }).job(
    "q",
    (payload, { attempt }) => {
      if (payload === "itself") throw new Discard("the user is gone");
      if (payload === "rule" && attempt === 2) throw new RangeError();
      if (payload === "rule") throw new Error("first");
    },
    options,
  );
  await process.work();
  await bench.produce("q", 0, ["itself", "rule", "well"]);
  await bench.until(() => drained(bench));
  assert.deepEqual(attempts(bench), [
    [0, 1],
    [1, 1],
    [1, 2],
    [2, 1],
  ]);
  assert.deepEqual(told, [
    ["q/0/0", 0, 1, "itself", "Discard"],
    ["q/0/1", 1, 2, "rule", "RangeError"],
  ]);
  assert.deepEqual(
    process.seen("discarded").map(({ job, error }) => [job.offset, (error as Error).message]),
    [
      [0, "the user is gone"],
      [1, ""],
    ],
  );
  assert.equal(process.seen("failed").length, 1, "what is discarded has not failed");
});

test("S4.3 an afterDiscard that throws is told of, and the job has ended all the same", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job(
    "q",
    () => {
      throw new Discard();
    },
    {
      afterDiscard: () => Promise.reject(new Error("no")),
    },
  );
  await process.work();
  await bench.produce("q", 0, ["a"]);
  await bench.until(() => drained(bench));
  assert.match(process.seen("error")[0]!.during, /afterDiscard of job "work"/);
});

test("S4.3 a job that asks to be tried later waits so long in place, and its attempts are not counted", async (t) => {
  const bench = await startWorkerBench(t);
  let times = 0;
  const process = bench.process("w").job("q", (payload) => {
    if (payload === "a" && times++ < 3) throw new RetryLater({ wait: "7s" });
  });
  await process.work();
  await bench.produce("q", 0, ["a", "b"]);
  await bench.until(() => drained(bench));
  assert.deepEqual(attempts(bench), [
    [0, 1],
    [0, 1],
    [0, 1],
    [0, 1],
    [1, 1],
  ]);
  const [first, second] = bench.starts;
  assert.equal(second!.at - first!.at, 7_000);
  assert.deepEqual(process.seen("failed"), []);
});

test("S4.2 an ordered job waits in place by its rule, holds its partition, and is final when the rule is exhausted", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = bench.process("w", DEAD).job(
    "q",
    (payload) => {
      if (payload === "bad") throw new TypeError("no");
    },
    { retryOn: [{ errors: [TypeError], attempts: 3, wait: "2s", jitter: 0 }] },
  );
  await process.work();
  await bench.produce("q", 0, ["bad", "good"]);
  await bench.until(() => drained(bench));
  assert.deepEqual(attempts(bench), [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 1],
  ]);
  assert.equal(bench.starts[2]!.at - bench.starts[0]!.at, 4_000);
  assert.equal(letters(bench).length, 1);
});

test("S4.2 a job without a key that need not wait is re-enqueued behind the others, with its attempts", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job(
    "q",
    (payload, { attempt }) => {
      if (payload === "bad" && attempt < 3) throw new TypeError("no");
    },
    { retryOn: [{ errors: [TypeError], wait: 0 }] },
  );
  await process.work();
  const headers = { "ottla-job": "work", "ottla-id": "one", "x-tenant": "7", "ottla-new": "carried" };
  await bench.produceRecords([
    { topic: "q", partition: 0, value: '"bad"', headers },
    { topic: "q", partition: 0, value: '"good"', headers: { "ottla-job": "work" } },
  ]);
  await bench.until(() => drained(bench));
  assert.deepEqual(
    attempts(bench).map(([, attempt]) => attempt),
    [1, 1, 2, 3],
  );
  const last = bench.records("q", 0).at(-1)!;
  const decoder = new TextDecoder();
  const sent = Object.fromEntries(last.headers.map(([name, value]) => [name, decoder.decode(value!)]));
  assert.deepEqual(sent, { ...headers, "ottla-origin": "q/0/0", "ottla-attempt": "2", "ottla-retries": "2" });
  assert.equal(bench.records("q", 0).length, 4);
});

test("S4.5 a job that fails for good goes to its dead letter topic with all that it has, and the next one runs", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 2 } });
  const told: unknown[] = [];
  const process = bench.process("w", DEAD).job(
    "q",
    (payload) => {
      if (payload === "bad") throw new TypeError("never works");
    },
    { afterDiscard: ({ offset }) => void told.push(offset) },
  );
  await process.work();
  const headers = { "ottla-job": "work", "ottla-id": "the-id", "x-tenant": "7" };
  await bench.produceRecords([{ topic: "q", partition: 0, key: "the-key", value: '"bad"', headers }]);
  await bench.produce("q", 0, ["good"]);
  await bench.until(() => drained(bench));
  assert.deepEqual(attempts(bench), [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 1],
  ]);
  assert.deepEqual(letters(bench), [
    {
      headers: { ...headers, "ottla-origin": "q/0/0", "ottla-error": "TypeError: never works" },
      ...{ key: "the-key", value: '"bad"' },
    },
  ]);
  const [dead] = process.seen("dead");
  assert.deepEqual([dead!.job.id, dead!.job.attempt, dead!.to], ["the-id", 3, { topic: "d", partition: 0 }]);
  assert.deepEqual(told, [0]);
  assert.deepEqual(process.seen("blocked"), []);
});

test("S4.7 what can never be read is dead at once, with or without a name", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = bench.process("w", DEAD).job("q");
  await process.work();
  await bench.produceRecords([
    { topic: "q", partition: 0, key: "a", value: "{", headers: { "ottla-job": "work" } },
    { topic: "q", partition: 0, key: "b", value: "1" },
  ]);
  await bench.until(() => drained(bench));
  const errors = letters(bench).map(({ key, headers }) => [key, headers["ottla-error"]!.slice(0, 22)]);
  assert.deepEqual(errors, [
    ["a", "UnreadableRecordError:"],
    ["b", "UnreadableRecordError:"],
  ]);
  assert.deepEqual(
    process.seen("dead").map(({ job }) => job.name),
    ["work", ""],
  );
});

test("S4.4 a queue without a dead letter topic tells of what blocks it, from the third failure on and each minute", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: { backoff } } }).job("q", () => {
    throw new Error("never works");
  });
  await process.work();
  await bench.produce("q", 0, ["bad", "next"]);
  await bench.until(() => process.seen("failed").length === 2);
  assert.deepEqual(process.seen("blocked"), []);
  await bench.until(() => process.seen("blocked").length === 3, 300_000);
  const told = process.events.filter(({ name }) => name === "blocked");
  const [third] = process.events.filter(({ name, event }) => name === "failed" && "job" in event && event.job);
  assert.ok(third !== undefined);
  for (const [i, { at }] of told.entries()) {
    if (i > 0) assert.ok(at - told[i - 1]!.at >= 60_000 && at - told[i - 1]!.at <= 66_000, `${at - told[i - 1]!.at}`);
  }
  assert.deepEqual([...new Set(process.seen("blocked").map(({ since }) => since.getTime()))].length, 1);
  const [found] = await bench.run(process.app.blocked());
  assert.deepEqual([found!.topic, found!.partition, found!.offset], ["q", 0, 0]);
  assert.ok(found!.attempt >= 3 && found!.nextRetryAt instanceof Date);
});

test("S4.4 app.skip lets the job go that blocks its partition, to nowhere or into a topic, and no other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = bench.process("w", { queues: { q: { backoff } } }).job("q", (payload) => {
    if (payload !== "good") throw new Error("never works");
  });
  await process.work();
  await bench.produce("q", 0, ["bad", "worse", "good"]);
  const at = (offset: number) => ({ topic: "q", partition: 0, offset });
  await bench.until(() => process.seen("blocked").length === 1);
  await assert.rejects(bench.run(process.app.skip(at(1))), { name: "NotBlockedError" });
  await assert.rejects(bench.run(process.app.skip({ ...at(0), partition: 7 })), { name: "NotBlockedError" });
  await assert.rejects(bench.run(process.app.skip(at(0), { deadLetter: "q" })), { name: "InvalidOptionError" });
  await bench.run(process.app.skip(at(0)));
  await bench.until(() => process.seen("failed").some(({ job }) => job.offset === 1));
  await bench.run(process.app.skip(at(1), { deadLetter: "d" }));
  await bench.until(() => drained(bench));
  assert.deepEqual(
    process.seen("discarded").map(({ job }) => job.offset),
    [0],
  );
  assert.deepEqual(
    letters(bench).map(({ value }) => value),
    ['"worse"'],
  );
  await assert.rejects(bench.run(process.app.skip(at(2))), { name: "NotBlockedError" });
});

test("S4.4 a job is skipped once everybody sees so: what is finished is committed, and its transaction over", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const process = bench.process("w", { queues: { q: { backoff } } }).job("q", () => {
    throw new Error("never works");
  });
  await process.work({ commitInterval: "1h" });
  await bench.produce("q", 0, ["bad", "worse"]);
  const { app } = process;
  await bench.until(() => process.seen("blocked").some(({ job }) => job.offset === 0));
  await bench.run(app.skip({ topic: "q", partition: 0, offset: 0 }));
  assert.equal(bench.committed("q", 0)!.offset, 1);

  await bench.until(() => process.seen("blocked").some(({ job }) => job.offset === 1));
  const release = bench.broker.faults.holdMarkers();
  let isSkipped = false;
  const skipped = app.skip({ topic: "q", partition: 0, offset: 1 }, { deadLetter: "d" }).then(() => {
    isSkipped = true;
  });
  await bench.until(() => process.seen("dead").length === 1);
  await bench.time.advance(1_000);
  assert.equal(isSkipped, false);
  release();
  await bench.run(skipped);
  assert.deepEqual(await bench.run(app.blocked()), []);
});

for (const [how, options] of Object.entries({ "": {}, ", in lanes": { virtualPartitions: { max: 2 } } })) {
  test(`S4.4 S8.1 a job that is skipped twice at once is let go once, and no other with it${how}`, async (t) => {
    const bench = await startWorkerBench(t);
    const process = bench.process("w", { queues: { q: { backoff, ...options } } }).job("q", (payload) => {
      if (payload === "bad") throw new Error("never works");
    });
    await process.work();
    await bench.produce("q", 0, ["bad", 1, 2, 3]);
    await bench.until(() => process.seen("failed").length > 0);
    const skip = () => process.app.skip({ topic: "q", partition: 0, offset: 0 });
    const results = await bench.run(Promise.allSettled([skip(), skip()]));
    await bench.until(() => drained(bench));
    assert.deepEqual([...new Set(bench.ran("q", 0))], [0, 1, 2, 3]);
    assert.equal(process.seen("discarded").length, 1);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected"],
    );
  });
}

test("S4.4 a job that runs on as its partition is lost is not skipped any more, and whoever asked hears so", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: { backoff } } }).job("q", async (_payload, { attempt }) => {
    if (attempt === 1) throw new Error("not yet");
    await process.sleep(60_000);
  });
  await process.work();
  await bench.produce("q", 0, ["bad"]);
  await bench.until(() => bench.starts.length === 2);
  const skipped = assert.rejects(process.app.skip({ topic: "q", partition: 0, offset: 0 }), {
    name: "NotBlockedError",
  });
  await bench.time.advance(100);
  bench.broker.faults.expireSession("workers");
  await bench.until(() => process.seen("lost").length > 0);
  await bench.run(skipped);
});

test("S4 an attempt that takes longer than its timeout is told by its signal, and fails when it settles", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: { backoff } } }).job(
    "q",
    async (payload, { attempt, signal }, { sleep }) => {
      if (payload === "slow" && attempt === 1) {
        await sleep(5_000);
        signal.throwIfAborted();
      }
      if (payload === "deaf") await sleep(5_000);
    },
    { timeout: "2s", retryOn: [{ errors: [{ name: "TimeoutError" }], wait: "1s", jitter: 0 }] },
  );
  await process.work();
  await bench.produce("q", 0, ["slow", "deaf", "quick"]);
  await bench.until(() => drained(bench));
  assert.deepEqual(attempts(bench), [
    [0, 1],
    [0, 2],
    [1, 1],
    [2, 1],
  ]);
  assert.equal(bench.starts[1]!.at - bench.starts[0]!.at, 6_000, "it ends when its promise settles, not before");
  const [failed] = process.seen("failed");
  assert.match((failed!.error as Error).message, /"work" had not ended after its timeout, 2000 ms/);
});

test("S4.5 a dead letter topic that would lose letters is refused at the start, and says what to do", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, few: 1, loop: 2 } });
  await bench.broker.createTopic("compacted", { partitions: 2, configs: { "cleanup.policy": "compact" } });
  const cases: readonly [string, RegExp][] = [
    ["few", /"few" has 1 partitions, its queue has 2/],
    ["compacted", /is compacted/],
    ["loop", /is a queue of the app/],
  ];
  for (const [topic, problem] of cases) {
    const process = bench.process(topic, { queues: { q: { deadLetterQueue: { topic } } } }).job("q");
    process.app.job({ name: "looping", queue: "loop", perform: () => {} });
    await assert.rejects(process.work({ queues: ["q"] }), { name: "InvalidOptionError", message: problem });
  }
});

test("S4.9 a job that has waited for most of its topic's retention is told of, once", async (t) => {
  const bench = await startWorkerBench(t, { topics: { forever: 1 } });
  await bench.broker.createTopic("q", { partitions: 1, configs: { "retention.ms": "100000" } });
  const process = bench.process("w").job("q", () => {
    throw new Error("never works");
  });
  process.app.job({
    name: "other",
    queue: "forever",
    perform: () => {
      throw new Error("never works");
    },
  });
  await process.work();
  await bench.produce("q", 0, ["a"]);
  await bench.produceRecords([{ topic: "forever", partition: 0, value: "1", headers: { "ottla-job": "other" } }]);
  await bench.time.advance(75_000);
  assert.deepEqual(process.seen("retentionAtRisk"), []);
  await bench.time.advance(20_000);
  const told = process.seen("retentionAtRisk");
  assert.deepEqual(
    told.map(({ topic, partition, retention }) => [topic, partition, retention]),
    [["q", 0, 100_000]],
  );
  assert.ok(told[0]!.age >= 80_000 && told[0]!.age < 90_000);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { App } from "../../src/jobs/app.ts";
import {
  JOIN_API,
  startWorkerBench,
  underBoth,
  type WorkerBench,
  type WorkerProcess,
} from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const INTERVAL = 5_000;
const PATTERN = { queuePatterns: [{ match: /^tenant-\d+-jobs$/ }] } as const;
const work = { patternInterval: INTERVAL } as const;

const topicsOf = (process: WorkerProcess, name: "assigned" | "revoked" | "lost"): string[] =>
  process.seen(name).flatMap(({ partitions }) => partitions.map(({ topic, partition }) => `${topic}/${partition}`));
const done = (bench: WorkerBench, ...topics: string[]): boolean =>
  topics.every((topic) => bench.lag(topic).every((lag) => lag === 0));

underBoth("S6.5 a worker works on the topics that a pattern matches, and on no other", async (t) => {
  const topics = { q: 1, "tenant-1-jobs": 2, "tenant-2-jobs": 1, "tenant-x-jobs": 1, "__tenant-3-jobs": 1 };
  const bench = await startWorkerBench(t, { topics });
  const process = bench.process("w", PATTERN).job("q");
  await process.work(work);
  for (const topic of Object.keys(topics)) await bench.produce(topic, 0, range(3));
  await bench.until(() => done(bench, "q", "tenant-1-jobs", "tenant-2-jobs"));
  await bench.time.advance(3 * INTERVAL);
  const assigned = ["q/0", "tenant-1-jobs/0", "tenant-1-jobs/1", "tenant-2-jobs/0"];
  assert.deepEqual(topicsOf(process, "assigned").sort(), assigned);
  assert.deepEqual(bench.ran("tenant-x-jobs", 0), []);
  assert.deepEqual(process.seen("error"), []);
});

underBoth(
  "S6.5 a topic that appears is taken up live, and one that is deleted let go, without disturbing others",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1-jobs": 1 } });
    const slow = (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> => sleep(50);
    const first = bench.process("first", PATTERN).job("q", slow);
    await first.work(work);
    const second = bench.process("second", PATTERN).job("q", slow);
    await second.work(work);
    await bench.until(() => topicsOf(second, "assigned").length === 1);
    await bench.time.advance(INTERVAL);
    const revoked = topicsOf(first, "revoked").length;
    const busy = ["q", "tenant-1-jobs"];
    for (const topic of busy) await bench.produce(topic, 0, range(1_000));
    await bench.broker.createTopic("tenant-2-jobs", { partitions: 1 });
    await bench.produce("tenant-2-jobs", 0, range(3));
    const createdAt = bench.time.elapsed;
    await bench.until(() => done(bench, "tenant-2-jobs"));
    assert.ok(bench.time.elapsed - createdAt <= 2 * INTERVAL + 2_500, `${bench.time.elapsed - createdAt} ms`);
    const owner = [first, second].find((each) => topicsOf(each, "assigned").includes("tenant-2-jobs/0"))!;
    await bench.broker.deleteTopic("tenant-2-jobs");
    await bench.until(() => topicsOf(owner, "revoked").includes("tenant-2-jobs/0"));
    await bench.time.advance(3 * INTERVAL);
    assert.equal([first, second].flatMap((each) => topicsOf(each, "revoked")).length, revoked + 1);
    for (const each of [first, second]) {
      assert.deepEqual(each.seen("error"), []);
      assert.deepEqual(each.seen("lost"), []);
    }
    for (const topic of busy) {
      const times = bench.starts.filter((start) => start.topic === topic).map(({ at }) => at);
      const pauses = times.slice(1).map((at, i) => at - times[i]!);
      assert.ok(Math.max(...pauses) <= 60, `${topic} paused for ${Math.max(...pauses)} ms`);
    }
  },
);

underBoth("S6.5 the jobs of a topic that is deleted are told, and one made again begins anew", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1-jobs": 1 } });
  const process = bench
    .process("w", PATTERN)
    .job("q", (payload, _job, { sleep }) => sleep(payload === "long" ? 30_000 : 1));
  await process.work(work);
  await bench.produce("tenant-1-jobs", 0, [0, 1, "long"]);
  await bench.until(() => bench.starts.length === 3);
  await bench.broker.deleteTopic("tenant-1-jobs");
  await bench.until(() => bench.starts[2]!.signal.aborted);
  await bench.time.advance(2 * INTERVAL);
  await bench.broker.createTopic("tenant-1-jobs", { partitions: 1 });
  await bench.produce("tenant-1-jobs", 0, range(2));
  await bench.until(() => done(bench, "tenant-1-jobs"));
  assert.deepEqual(bench.ran("tenant-1-jobs", 0), [0, 1, 2, 0, 1]);
});

underBoth("S6.5 a topic that is gone and there again before the group hears of it is taken up again", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1-jobs": 1 } });
  const process = bench.process("w", PATTERN).job("q");
  await process.work({ patternInterval: 500 });
  await bench.produce("tenant-1-jobs", 0, range(3));
  await bench.until(() => done(bench, "tenant-1-jobs"));
  const mute = bench.broker.faults.drop({ api: JOIN_API[t.protocol], times: Number.POSITIVE_INFINITY });
  await bench.broker.deleteTopic("tenant-1-jobs");
  await bench.time.advance(2_000);
  await bench.broker.createTopic("tenant-1-jobs", { partitions: 1 });
  await bench.time.advance(1_000);
  mute.cancel();
  await bench.produce("tenant-1-jobs", 0, range(2));
  await bench.until(() => done(bench, "tenant-1-jobs"));
  assert.deepEqual(bench.ran("tenant-1-jobs", 0), [0, 1, 2, 0, 1]);
});

underBoth("S6.5 a topic that is deleted while its jobs run is let go, and nothing of it fails for long", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1-jobs": 1, "tenant-2-jobs": 1 } });
  const slow = (_payload: unknown, _job: unknown, { sleep }: WorkerProcess): Promise<void> => sleep(100);
  const process = bench.process("w", PATTERN).job("q", slow);
  const worker = await process.work({ patternInterval: "1h" });
  for (const topic of ["tenant-1-jobs", "tenant-2-jobs"]) await bench.produce(topic, 0, range(600));
  await bench.until(() => bench.starts.length > 10);
  await bench.broker.deleteTopic("tenant-1-jobs");
  await bench.until(() => worker.status().partitions.every(({ topic }) => topic !== "tenant-1-jobs"), 20_000);
  await bench.time.advance(20_000);
  assert.deepEqual(process.seen("error"), []);
  assert.deepEqual(topicsOf(process, "lost"), []);
  await bench.until(() => done(bench, "tenant-2-jobs"));
});

test("S6.5 a queue of its own settings wins over a pattern, and is worked on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1-jobs": 1, "tenant-2-jobs": 1 } });
  const fails = (): never => {
    throw new Error("as planned");
  };
  const pattern = { match: /^tenant-/, backoff: { initial: "10s", max: "10s", jitter: 0 } } as const;
  const queues = { "tenant-1-jobs": { backoff: { initial: "3s", max: "3s", jitter: 0 } } } as const;
  const process = bench.process("w", { queuePatterns: [pattern], queues }).job("q", fails);
  await process.work(work);
  for (const topic of ["tenant-1-jobs", "tenant-2-jobs"]) await bench.produce(topic, 0, [0]);
  await bench.until(() => process.seen("retried").length >= 2);
  const waits = new Map(process.seen("retried").map(({ job, wait }) => [job.topic, wait]));
  assert.deepEqual([waits.get("tenant-1-jobs"), waits.get("tenant-2-jobs")], [3_000, 10_000]);
});

test("S6.5 a topic of another purpose is not worked on though options name it, as for its partitions", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "workers-state": 1, "workers-jobs": 1 } });
  const options = { queuePatterns: [{ match: /^workers-/ }], queues: { "workers-state": { partitions: 1 } } };
  const process = bench.process("w", options).job("q");
  await process.work(work);
  await bench.until(() => topicsOf(process, "assigned").length >= 2);
  await bench.time.advance(2 * INTERVAL);
  assert.deepEqual(topicsOf(process, "assigned").sort(), ["q/0", "workers-jobs/0"]);
});

const TWO = { queuePatterns: [{ match: /^tenant-/ }, { match: /-jobs$/ }] } as const;

test("S6.5 a topic that two patterns match is refused at the start", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1-jobs": 1 } });
  const process = bench.process("w", TWO).job("q");
  await assert.rejects(process.work(), { name: "OverlappingPatternsError", topic: "tenant-1-jobs" });
  const named = bench.process("named", { ...TWO, queues: { "tenant-1-jobs": {} } }).job("q");
  await named.work();
  await bench.until(() => topicsOf(named, "assigned").length === 2);
});

test("S6.5 a topic that appears and that two patterns match is told once, and left alone", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1": 1 } });
  const process = bench.process("w", TWO).job("q");
  await process.work(work);
  await bench.until(() => topicsOf(process, "assigned").length === 2);
  await bench.broker.createTopic("tenant-2-jobs", { partitions: 1 });
  await bench.produce("tenant-2-jobs", 0, [0]);
  await bench.time.advance(4 * INTERVAL);
  const errors = process.seen("error");
  assert.equal(errors.length, 1);
  assert.equal(errors[0]!.topic, "tenant-2-jobs");
  assert.match(String(errors[0]!.error), /tenant-2-jobs.*\/\^tenant-\/ and \/-jobs\$\//);
  assert.deepEqual(topicsOf(process, "assigned").sort(), ["q/0", "tenant-1/0"]);
  assert.deepEqual(topicsOf(process, "revoked"), []);
});

test("S2.7 a pattern's topic with other partitions than declared is refused at the start, and told where it appears", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1-jobs": 1 } });
  const patterns = (partitions: number): object => ({ queuePatterns: [{ match: /^tenant-/, partitions }] });
  await assert.rejects(bench.process("other", patterns(2)).job("q").work(), (error: Error) => {
    assert.equal(error.name, "PartitionMismatchError");
    assert.match(error.message, /tenant-1-jobs has 1 partitions, the queue pattern \/\^tenant-\/ says 2/);
    return true;
  });
  const process = bench.process("w", patterns(1)).job("q");
  await process.work(work);
  await bench.broker.createTopic("tenant-2-jobs", { partitions: 3 });
  await bench.until(() => process.seen("error").length > 0);
  assert.equal((process.seen("error")[0]!.error as Error).name, "PartitionMismatchError");
  await bench.broker.createTopic("tenant-3-jobs", { partitions: 1 });
  await bench.until(() => topicsOf(process, "assigned").includes("tenant-3-jobs/0"));
  assert.deepEqual(
    topicsOf(process, "assigned").filter((each) => each.startsWith("tenant-2")),
    [],
  );
});

test("S4.5 a topic that appears and whose dead letters have no place is told of, and worked on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, dead: 1 } });
  const queuePatterns = [{ match: /^tenant-/, deadLetterQueue: { topic: "dead" } }];
  const process = bench.process("w", { queuePatterns }).job("q");
  await process.work(work);
  await bench.broker.createTopic("tenant-1-jobs", { partitions: 1 });
  await bench.broker.createTopic("tenant-2-jobs", { partitions: 2 });
  await bench.until(() => topicsOf(process, "assigned").length === 4);
  await bench.until(() => process.seen("error").length > 0);
  const { error, topic } = process.seen("error")[0]!;
  assert.deepEqual([topic, (error as Error).name], ["tenant-2-jobs", "InvalidOptionError"]);
  assert.match((error as Error).message, /"dead" has 1 partitions, its queue has 2/);
  await bench.time.advance(4 * INTERVAL);
  assert.equal(process.seen("error").length, 1);
});

test("S6.5 a job whose queue is set at the call has the pattern's settings, and runs", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-7-jobs": 2 } });
  const process = bench.process("w", { queuePatterns: [{ match: /^tenant-/, partitions: 3 }] });
  const job = process.app.job<number>({ name: "n", queue: "q", perform: () => {} });
  await assert.rejects(bench.run(job.set({ queue: "tenant-7-jobs" }).performLater(1)), {
    name: "PartitionMismatchError",
  });
  const other = bench.process("other", PATTERN);
  const ran: string[] = [];
  const fine = other.app.job<number>({ name: "n", queue: "q", perform: (_n, { topic }) => void ran.push(topic) });
  await other.work(work);
  const sent = await bench.run(fine.set({ queue: "tenant-7-jobs" }).performLater(1));
  assert.equal(sent.topic, "tenant-7-jobs");
  await bench.until(() => ran.length === 1);
  assert.deepEqual(ran, ["tenant-7-jobs"]);
  const overlapping = bench.process("overlapping", TWO).app;
  const refused = overlapping.job<number>({ name: "n", queue: "q", perform: () => {} });
  await assert.rejects(bench.run(refused.set({ queue: "tenant-7-jobs" }).performLater(1)), {
    name: "OverlappingPatternsError",
  });
});

test("S6.5 topics.plan leaves what patterns match alone, and queues can be named out of them", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, "tenant-1-jobs": 1, "tenant-2-jobs": 1 } });
  const process = bench.process("w", PATTERN).job("q");
  const plan = await bench.run(process.app.topics.plan());
  assert.deepEqual(
    plan.map(({ topic, action }) => [topic, action]),
    [["q", "none"]],
  );
  await process.work({ ...work, queues: ["tenant-2-jobs"] });
  await bench.until(() => process.seen("assigned").length > 0);
  await bench.time.advance(2 * INTERVAL);
  assert.deepEqual(topicsOf(process, "assigned"), ["tenant-2-jobs/0"]);
  const jobless: App = bench.process("jobless", PATTERN).app;
  await assert.rejects(bench.run(jobless.work()), { name: "InvalidOptionError", option: "work.queues" });
});

underBoth("S6.5 a worker of patterns that match nothing yet waits for what they match", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1 } });
  const process = bench.process("w", PATTERN).job("q");
  await process.work(work);
  await bench.time.advance(INTERVAL);
  await bench.broker.createTopic("tenant-9-jobs", { partitions: 1 });
  await bench.produce("tenant-9-jobs", 0, range(2));
  await bench.until(() => bench.committed("tenant-9-jobs", 0)?.offset === 2);
  assert.deepEqual(bench.ran("tenant-9-jobs", 0), [0, 1]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPartition } from "../../src/client/default-partitioner.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import { ORIGIN_HEADER } from "../../src/jobs/headers.ts";
import { NoScheduleTopicError, ScheduleTopicError } from "../../src/jobs/schedule-errors.ts";
import { headersOf, SCHEDULE, ScheduleScene, startScheduleScene } from "../support/schedule-scene.ts";
import { BENCH_START, startWorkerBench, underBoth } from "../support/worker-bench.ts";

underBoth("S7.1 S8.7 a job with a wait is run once that is over, once, and not before", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  const worker = await process.work();
  const before = bench.time.elapsed;
  const job = await scene.remind(process, 1, { wait: "5m" });
  assert.deepEqual([job.topic, job.queue, job.partition, job.offset], ["later", "q", 0, 0]);
  const due = job.dueAt.getTime() - BENCH_START;
  assert.ok(due >= before + 300_000 && due < before + 301_000, `${due}`);
  await bench.until(() => worker.status().schedules[0]?.entries === 1);
  assert.deepEqual(worker.status().schedules[0], {
    ...{ topic: "later", partition: 0, state: "running", entries: 1, nextDueAt: job.dueAt, apart: [] },
    bufferedBytes: 0,
  });
  await bench.until(() => scene.ran.length === 1, 400_000);
  const [run] = scene.ran;
  assert.ok(run!.at >= due, `due at ${due}, ran at ${run!.at}`);
  assert.ok(run!.at < due + 1_000, `due at ${due}, ran at ${run!.at}`);
  assert.equal(run!.job.id, job.id);
  assert.equal(scene.left().size, 0);
  await bench.until(() => bench.lag("q").every((behind) => behind === 0));
  const [sent] = process.seen("dispatched");
  assert.deepEqual([sent!.entry, sent!.id, sent!.name, sent!.dueAt], [job.entry, job.id, "remind", job.dueAt]);
  assert.deepEqual(sent!.to, { topic: "q", partition: 0, offset: 0 });
  assert.deepEqual(process.seen("error"), []);
  assert.deepEqual(process.seen("assigned"), [{ partitions: [{ topic: "q", partition: 0 }] }], "jobs' partitions only");
});

test("S7.1 zero, or an instant that is past, goes to the queue at once, with no schedule topic", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w", {}, { scheduledMessagesTopic: undefined });
  const job = scene.job(process);
  const jobs = await bench.run(
    process.app.performAllLater([
      job.set({ wait: 0 }).of({ n: 1 }),
      job.set({ waitUntil: new Date(BENCH_START - 1) }).of({ n: 2 }),
      job.set({ wait: "0s" }).of({ n: 3 }),
    ]),
  );
  assert.deepEqual(
    jobs.map(({ state, topic }) => [state, topic]),
    [1, 2, 3].map(() => ["enqueued", "q"]),
  );
  await assert.rejects(bench.run(job.set({ wait: 1 }).performLater({ n: 4 })), (error) => {
    assert.ok(error instanceof NoScheduleTopicError);
    assert.match(error.message, /"remind".*scheduledMessagesTopic/);
    return true;
  });
  assert.equal(scene.left().size, 0);
});

test("S7.1 a schedule topic that is not compacted alone is refused, by who schedules and by the worker", async (t) => {
  const bench = await startWorkerBench(t);
  await bench.broker.createTopic(SCHEDULE, { partitions: 1, configs: { "cleanup.policy": "compact,delete" } });
  await bench.broker.createTopic(`${SCHEDULE}-dead`, { partitions: 1 });
  const scene = new ScheduleScene(bench);
  const process = scene.process("w");
  const refused = (error: unknown): true => {
    assert.ok(error instanceof ScheduleTopicError);
    assert.match(error.message, /later has cleanup\.policy=compact,delete: set it to "compact"/);
    return true;
  };
  await assert.rejects(bench.run(scene.job(process).set({ wait: "1m" }).performLater({ n: 1 })), refused);
  await assert.rejects(process.work(), refused);
  assert.equal(bench.records(SCHEDULE, 0).length, 0);
});

test("S7.1 a schedule topic that is missing, or nobody knows of, is refused by name", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new ScheduleScene(bench);
  const process = scene.process("w");
  const missing = { name: "TopicMissingError", message: /later/ };
  await assert.rejects(bench.run(scene.job(process).set({ wait: "1m" }).performLater({ n: 1 })), missing);
  await assert.rejects(process.work(), missing);
  assert.throws(
    () => scene.process("x", { scheduledMessagesTopics: ["others"] }),
    (error) => {
      assert.ok(error instanceof InvalidOptionError);
      assert.equal(error.option, 'job "remind".scheduledMessagesTopic');
      assert.match(error.message, /"later" is not among .*known: others/);
      return true;
    },
  );
  assert.throws(
    () => scene.process("y", { queues: { later: {} } }),
    (error) => error instanceof InvalidOptionError && error.option === "scheduledMessagesTopics",
  );
});

test("S7.2 an entry has an id of its own, its target partition, and all that makes the job; its dispatch says where it waited", async (t) => {
  const { bench, scene } = await startScheduleScene(t, { topics: { q: 4 } }, 3);
  const process = scene.process("w");
  await process.work();
  const job = await scene.remind(process, 1, { wait: "1s", headers: { source: "test" }, id: "order-7" }, "ada");
  assert.equal(job.id, "order-7");
  assert.notEqual(job.entry, job.id);
  assert.equal(job.partition, defaultPartition("ada", 3));
  const [entry] = [...scene.left(job.partition).values()];
  const headers = headersOf(entry!);
  assert.deepEqual(
    [headers["ottla-at"], headers["ottla-target"], headers["ottla-target-partition"], headers["ottla-record-key"]],
    [job.dueAt.toISOString(), "q", String(defaultPartition("ada", 4)), "ada"],
  );
  assert.equal(new TextDecoder().decode(entry!.value!), '{"n":1,"key":"ada"}');
  await bench.until(() => scene.ran.length === 1);
  const [{ job: run }] = scene.ran as [(typeof scene.ran)[number]];
  assert.deepEqual(
    [run.key, run.id, run.headers, run.partition],
    ["ada", "order-7", { source: "test" }, defaultPartition("ada", 4)],
  );
  const [record] = bench.records("q", run.partition);
  const dispatched = headersOf(record!);
  assert.equal(dispatched[ORIGIN_HEADER], `later/${job.partition}/${job.offset}`);
  assert.deepEqual(Object.keys(dispatched).sort(), [
    "ottla-enqueued-at",
    "ottla-id",
    "ottla-job",
    "ottla-origin",
    "source",
  ]);
});

test("S7.2 a job without a key waits and goes anywhere, and both are spread", async (t) => {
  const { bench, scene } = await startScheduleScene(t, { topics: { q: 4 } }, 3);
  const process = scene.process("w", {}, { partitioner: undefined });
  await process.work();
  for (let n = 0; n < 60; n++) await scene.remind(process, n, { wait: "1s" });
  await bench.until(() => scene.ran.length === 60);
  assert.deepEqual(
    [...scene.numbers].sort((a, b) => a - b),
    Array.from({ length: 60 }, (_, i) => i),
  );
  const places = new Set(scene.ran.map(({ job }) => job.partition));
  assert.equal(places.size, 4);
  for (const partition of [0, 1, 2]) assert.ok(bench.records(SCHEDULE, partition).length > 0, `${partition}`);
});

test("S7.2 entries of one key that are due at one instant leave in the order of enqueueing, others in that of their times", async (t) => {
  const { bench, scene } = await startScheduleScene(t, { topics: { q: 2 } }, 2);
  const process = scene.process("w");
  const job = scene.job(process);
  const at = new Date(BENCH_START + 60_000);
  const prepared = Array.from({ length: 1_200 }, (_, n) => {
    const waitUntil = n % 3 === 0 ? at : new Date(at.getTime() + 10_000 - n);
    return job.set({ waitUntil }).of({ n, key: `k${n % 2}` });
  });
  await bench.run(process.app.performAllLater(prepared));
  await process.work();
  await bench.until(() => scene.ran.length === prepared.length, 200_000);
  for (const key of ["k0", "k1"]) {
    const ran = scene.ran.filter(({ job }) => job.key === key).map(({ n }) => n);
    const due = (n: number): number => (n % 3 === 0 ? 0 : 10_000 - n);
    assert.deepEqual(
      ran,
      [...ran].sort((a, b) => due(a) - due(b) || a - b),
    );
  }
});

test("S7.4 what fell due while nobody worked goes out in the order in which it was due", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  const job = scene.job(process);
  const waits = Array.from({ length: 300 }, (_, n) => 1_000 + ((n * 7_919) % 60_000));
  await bench.run(process.app.performAllLater(waits.map((wait, n) => job.set({ wait }).of({ n, key: "k" }))));
  await bench.time.advance(120_000);
  await process.work();
  await bench.until(() => scene.ran.length === waits.length);
  assert.deepEqual(
    scene.numbers,
    waits.map((_, n) => n).sort((a, b) => waits[a]! - waits[b]! || a - b),
  );
});

test("S7.4 nothing goes out early when the wall clock is set back, and nothing waits for ever when it is set on", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  await process.work();
  await scene.remind(process, 1, { wait: "1m" });
  await bench.until(() => bench.time.elapsed > 30_000);
  process.clock.skew(-600_000);
  await bench.time.advance(120_000);
  assert.deepEqual(scene.numbers, []);
  process.clock.skew(600_000);
  await bench.until(() => scene.ran.length === 1, 5_000);
  await scene.remind(process, 2, { wait: "50m" });
  await bench.time.advance(60_000);
  // No more than brokers believe: a record of a later time than that is refused.
  process.clock.skew(3_000_000);
  await bench.until(() => scene.ran.length === 2, 5_000);
});

test("S7.3 who only enqueues dispatches nothing; a worker with scheduler: false neither, one without queues does", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  const worker = await process.work({ scheduler: false });
  await scene.remind(process, 1, { wait: "1s" });
  await bench.time.advance(60_000);
  assert.deepEqual([scene.numbers, worker.status().schedules], [[], []]);
  const other = scene.process("scheduler");
  const scheduler = await other.work({ queues: [] });
  await bench.until(() => scene.ran.length === 1);
  assert.deepEqual([scene.ran[0]!.by, scheduler.status().partitions], ["w", []]);
  assert.equal(scheduler.status().schedules.length, 1);
});

test("S7.3 a schedule is loaded with progress, and told of when it is", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  const job = scene.job(process);
  await bench.run(process.app.performAllLater(Array.from({ length: 50 }, (_, n) => job.set({ wait: "1h" }).of({ n }))));
  // Each fetch takes its time, so that reading takes long.
  bench.broker.faults.delay({ api: "Fetch", ms: 1_500 });
  const progress: number[] = [];
  process.app.on("scheduleLoading", ({ read, left }) => void progress.push(read, left));
  await process.work({ queues: [] });
  await bench.until(() => process.seen("scheduleLoaded").length === 1);
  const [{ entries, duration, topic }] = process.seen("scheduleLoaded") as [
    ReturnType<typeof process.seen<"scheduleLoaded">>[number],
  ];
  assert.deepEqual([topic, entries], ["later", 50]);
  assert.ok(duration >= 1_500, `${duration}`);
  assert.deepEqual(progress, [50, 0]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ListOffsetsRequest } from "../../protocol/messages/02-list-offsets.ts";
import type { AppOptions } from "../../src/jobs/options.ts";
import { startWorkerBench, underBoth, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const MINUTE = 60_000;
const OPTIONS: AppOptions = { queues: { q: { dedupe: { window: "1m" } } } };
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const told = (process: WorkerProcess): number[][] =>
  process.seen("duplicate").map(({ job, first }) => [job.offset, first]);

/** Writes jobs of these ids. `at`: their time, in milliseconds since the bench began. */
async function write(
  bench: WorkerBench,
  ids: readonly string[],
  at = bench.time.elapsed,
  partition = 0,
): Promise<void> {
  const timestamp = bench.time.time - bench.time.elapsed + at;
  await bench.produceRecords(
    ids.map((id) => ({
      ...{ topic: "q", partition, key: "k", value: "null", timestamp },
      headers: { "ottla-job": "work", "ottla-id": id },
    })),
  );
}

/** Has a worker run what there is, and leave. */
async function runAll(bench: WorkerBench, name: string, options = OPTIONS): Promise<void> {
  const process = bench.process(name, options).job("q");
  const worker = await process.work();
  await bench.until(() => drained(bench));
  await bench.run(worker.close());
}

/** Notes how often a first offset as late as a time is asked for. */
function timeQuestions(bench: WorkerBench): { count: number } {
  const seen = { count: 0 };
  bench.broker.observe(({ api, body }) => {
    if (api !== "ListOffsets") return;
    const { topics } = body as ListOffsetsRequest;
    if (topics.some(({ partitions }) => partitions.some(({ timestamp }) => timestamp >= 0))) seen.count++;
  });
  return seen;
}

test("S2.9 a new owner knows the ids of what was finished before, back to its first job's time less the window", async (t) => {
  const bench = await startWorkerBench(t);
  await write(bench, ["old"], 0);
  await write(bench, ["a", "b"], 10_000);
  await runAll(bench, "first");
  await write(bench, ["old", "a", "b", "c"], 10_000 + MINUTE);
  const second = bench.process("second", OPTIONS).job("q");
  await second.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0, "second"), [3, 6]);
  assert.deepEqual(told(second), [
    [4, 1],
    [5, 2],
  ]);
});

test("S2.9 records that come up to two minutes after their time are judged by it, by a new owner too", async (t) => {
  const bench = await startWorkerBench(t);
  await bench.time.advance(4 * MINUTE);
  await write(bench, ["a", "b"], 0);
  await write(bench, ["x"], 2 * MINUTE);
  await runAll(bench, "first");
  await write(bench, ["y"], 3 * MINUTE);
  await write(bench, ["a"], MINUTE);
  await write(bench, ["b"], MINUTE + 1);
  const second = bench.process("second", OPTIONS).job("q");
  await second.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0, "second"), [3, 5]);
  assert.deepEqual(told(second), [[4, 0]]);
});

test("S2.9 a producer's clock that is ahead hides nothing from a new owner", async (t) => {
  const bench = await startWorkerBench(t);
  await write(bench, ["a"]);
  await runAll(bench, "first");
  await write(bench, ["x"], 60 * MINUTE);
  await write(bench, ["a"]);
  const second = bench.process("second", OPTIONS).job("q");
  await second.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(told(second), [[2, 0]]);
});

test("S2.9 where the brokers give records their time, it is that time", async (t) => {
  const bench = await startWorkerBench(t, { topics: { other: 1 } });
  await bench.broker.createTopic("q", { partitions: 1, configs: { "message.timestamp.type": "LogAppendTime" } });
  await write(bench, ["a"], 0);
  await runAll(bench, "first");
  await bench.time.advance(30_000);
  await write(bench, ["a"], 60 * MINUTE);
  const second = bench.process("second", OPTIONS).job("q");
  await second.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(told(second), [[1, 0]]);
});

underBoth("S2.9 after a kill, what runs again was no duplicate, and what was one is told of again", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first", OPTIONS).job("q");
  await first.work({ commitInterval: "1h" });
  await write(bench, ["a", "a", "b"]);
  await bench.until(() => first.seen("completed").length === 2);
  first.crash();
  const second = bench.process("second", OPTIONS).job("q");
  await second.work();
  await write(bench, ["b"]);
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0, "second"), [0, 2]);
  assert.deepEqual(told(second), [
    [1, 0],
    [3, 2],
  ]);
});

test("S2.9 S5.3 a job that was finished ahead in its lane makes duplicates, though it is not run again", async (t) => {
  const bench = await startWorkerBench(t);
  const queues = { q: { dedupe: {}, virtualPartitions: { max: 2, partitioner: ({ id }: { id: string }) => id } } };
  const first = bench.process("first", { queues }).job("q", (_payload, { offset }, { sleep }) => {
    return offset === 0 ? sleep(60 * MINUTE) : undefined;
  });
  await first.work({ commitInterval: 0 });
  await write(bench, ["slow", "a"]);
  await bench.until(() => bench.commits.at(-1)?.metadata?.finished[0] === 1);
  first.crash();
  await write(bench, ["a"]);
  const second = bench.process("second", { queues }).job("q");
  await second.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0, "second"), [0]);
  assert.deepEqual(told(second), [[2, 1]]);
});

test("S2.9 S8.10 nothing is read back for a partition without jobs, nor from before the log's beginning", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const questions = timeQuestions(bench);
  await write(bench, ["a", "a"]);
  await runAll(bench, "first");
  assert.equal(questions.count, 0, "its log was read from its beginning");
  const worker = await bench.process("second", OPTIONS).job("q").work();
  await bench.time.advance(5_000);
  assert.equal(questions.count, 0, "there are no jobs");
  await write(bench, ["a", "b"]);
  await bench.until(() => drained(bench));
  await write(bench, ["c"]);
  await bench.until(() => drained(bench));
  assert.equal(questions.count, 1);
  await bench.run(worker.close());
});

test("S2.9 nothing starts before the ids are read: what fails is told, and tried again", async (t) => {
  const bench = await startWorkerBench(t);
  await write(bench, ["a"]);
  await runAll(bench, "first");
  await write(bench, ["b", "a"]);
  const { faults } = bench.broker;
  const broken = { times: Number.POSITIVE_INFINITY, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
  faults.fail({ api: "ListOffsets", ...broken });
  const second = bench.process("second", OPTIONS).job("q");
  const worker = await second.work({ stuckAfter: "30s" });
  await bench.time.advance(45_000);
  assert.deepEqual([second.seen("started"), second.seen("duplicate")], [[], []]);
  const errors = second.seen("error");
  assert.ok(errors.length > 0);
  for (const { during, topic, partition } of errors)
    assert.deepEqual([during, topic, partition], ["finding the jobs whose ids are to be known", "q", 0]);
  assert.deepEqual(
    worker.health().problems.map(({ kind }) => kind),
    ["stuck"],
  );
  faults.clear();
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0, "second"), [1]);
  assert.deepEqual(told(second), [[2, 0]]);
  assert.ok(worker.health().ok);
});

test("S2.9 a question about the log that cannot pass stops its partition, and no other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  for (const partition of [0, 1]) await write(bench, ["a"], 0, partition);
  await runAll(bench, "first");
  await write(bench, ["a"]);
  bench.broker.faults.fail({ api: "ListOffsets", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, times: 1 });
  const second = bench.process("second", OPTIONS).job("q");
  const worker = await second.work();
  await bench.until(() => second.seen("error").length > 0);
  await write(bench, ["b"], bench.time.elapsed, 1);
  await bench.until(() => bench.lag("q")[1] === 0);
  assert.deepEqual(
    worker.status().partitions.map(({ partition, state }) => [partition, state]),
    [
      [0, "stopped"],
      [1, "running"],
    ],
  );
  assert.deepEqual(bench.ran("q", 0, "second"), []);
});

/** Lets `happen` come about when it is known from where to read, and before that is read. */
async function whileReadingBack(bench: WorkerBench, happen: () => Promise<void>): Promise<void> {
  const { faults } = bench.broker;
  const questions = timeQuestions(bench);
  const asked = faults.delay({ api: "ListOffsets", ms: 10 });
  await bench.until(() => asked.used > 0 && questions.count > 0);
  const fetches = faults.delay({ api: "Fetch", ms: 1_000, times: Number.POSITIVE_INFINITY });
  await bench.until(() => fetches.used > 0);
  await happen();
  fetches.cancel();
}

test("S2.9 what is deleted while it is about to be read back is passed over", async (t) => {
  const bench = await startWorkerBench(t);
  await write(bench, ["a", "b"]);
  await runAll(bench, "first");
  await write(bench, ["a", "b"]);
  const second = bench.process("second", OPTIONS).job("q");
  await second.work();
  await whileReadingBack(bench, () => bench.broker.deleteRecords("q", 0, 1));
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0, "second"), [2]);
  assert.deepEqual(told(second), [[3, 1]]);
  assert.deepEqual(second.seen("error"), []);
});

test("S4.9 jobs that are deleted while ids are read back stop their partition, or are passed over", async (t) => {
  for (const onDataLoss of ["stop", "continue"] as const) {
    const bench = await startWorkerBench(t);
    await write(bench, ["a", "b"]);
    await runAll(bench, "first");
    await write(bench, ["a", "b", "c"]);
    const second = bench.process("second", { queues: { q: { dedupe: {}, onDataLoss } } }).job("q");
    const worker = await second.work();
    await whileReadingBack(bench, () => bench.broker.deleteRecords("q", 0, 3));
    await bench.until(() => second.seen("error").length > 0);
    const { name, from, to } = second.seen("error")[0]!.error as Error & { from: number; to: number };
    assert.deepEqual([name, from, to], ["JobsExpiredError", 2, 3]);
    if (onDataLoss === "stop") assert.equal(worker.status().partitions[0]!.state, "stopped");
    else {
      await bench.until(() => drained(bench));
      assert.deepEqual(bench.ran("q", 0, "second"), [3, 4], "what it had to be compared with is gone, too");
    }
  }
});

test("S2.9 a topic that is made again while ids are read back has other jobs", async (t) => {
  const bench = await startWorkerBench(t);
  await write(bench, ["a", "b"]);
  await runAll(bench, "first");
  await write(bench, ["a"]);
  const second = bench.process("second", OPTIONS).job("q");
  await second.work();
  await whileReadingBack(bench, async () => {
    await bench.broker.deleteTopic("q");
    await bench.broker.createTopic("q", { partitions: 1 });
  });
  await write(bench, ["a", "b", "a"]);
  await bench.until(() => drained(bench), 600_000);
  assert.deepEqual(bench.ran("q", 0, "second"), [0, 1]);
  assert.deepEqual(told(second), [[2, 0]]);
});

underBoth("S2.9 S6.1 a partition that moves while ids are read back is read back by its next owner", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  for (const partition of range(2)) await write(bench, ["a"], 0, partition);
  await runAll(bench, "before");
  for (const partition of range(2)) await write(bench, ["a", "b"], 0, partition);
  const first = bench.process("first", OPTIONS).job("q");
  await first.work();
  const second = bench.process("second", OPTIONS).job("q");
  await whileReadingBack(bench, async () => {
    await second.work();
    await bench.until(() => second.seen("assigned").length > 0);
  });
  await bench.until(() => drained(bench));
  for (const partition of range(2)) assert.deepEqual(bench.ran("q", partition), [0, 2]);
  assert.equal(told(first).length + told(second).length, 2);
  assert.deepEqual([first.seen("error"), second.seen("error")], [[], []]);
});

type Step =
  | { readonly do: "enqueue"; readonly ids: readonly number[]; readonly late: number; readonly partition: number }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "crash" | "close"; readonly who: number }
  | { readonly do: "start" };

const PARTITIONS = 2;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("enqueue" as const),
      ids: fc.array(fc.nat(4), { minLength: 1, maxLength: 6 }),
      late: fc.oneof(fc.constant(0), fc.nat(2 * MINUTE)),
      partition: fc.nat(PARTITIONS - 1),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.nat(MINUTE) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("crash" as const, "close" as const), who: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("start" as const) }) },
);

/** Offsets of a partition's duplicates, as the log has them. */
function duplicatesOf(bench: WorkerBench, partition: number): number[] {
  const jobs = bench.records("q", partition).map(({ offset, timestamp, headers }) => {
    return { offset, timestamp, id: new TextDecoder().decode(headers.find(([name]) => name === "ottla-id")![1]!) };
  });
  const isRepeated = (job: (typeof jobs)[number]): boolean =>
    jobs.some(
      ({ offset, id, timestamp }) => offset < job.offset && id === job.id && job.timestamp - timestamp <= MINUTE,
    );
  return jobs.filter(isRepeated).map(({ offset }) => offset);
}

const RUNS = 40;
for (const virtualPartitions of [undefined, { max: 3, partitioner: ({ offset }: { offset: number }) => offset }]) {
  const lanes = virtualPartitions === undefined ? "" : ", in lanes";
  test(`S2.9 within the window an id runs once, and outside again, through crashes and rebalances${lanes}`, async (t) => {
    const options: AppOptions = { queues: { q: { dedupe: { window: "1m" }, virtualPartitions } } };
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      const bench = await startWorkerBench(t, { topics: { q: PARTITIONS } });
      const living: { readonly process: WorkerProcess; readonly close: () => Promise<void> }[] = [];
      const all: WorkerProcess[] = [];
      const start = async (): Promise<void> => {
        const process = bench.process(`w${all.length}`, options).job("q", (_payload, _job, { sleep }) => sleep(50));
        all.push(process);
        const worker = await process.work({ maxBatchJobs: 8 });
        living.push({ process, close: () => worker.close() });
      };
      // So that times before the first job's are times.
      await bench.time.advance(3 * MINUTE);
      for (const each of steps) {
        if (each.do === "enqueue") {
          const ids = each.ids.map((id) => `id-${id}`);
          await write(bench, ids, bench.time.elapsed - each.late, each.partition);
        } else if (each.do === "advance") await bench.time.advance(each.ms);
        else if (each.do === "start") {
          if (living.length < 3) await start();
        } else if (living.length > 0) {
          const [{ process, close }] = living.splice(each.who % living.length, 1) as [(typeof living)[number]];
          if (each.do === "crash") process.crash();
          else await bench.run(close());
        }
      }
      await start();
      await bench.until(() => drained(bench), 600_000);
      for (const partition of range(PARTITIONS)) {
        const repeated = duplicatesOf(bench, partition);
        const seen = all.flatMap((process) => process.seen("duplicate"));
        const ended = seen.filter(({ job }) => job.partition === partition).map(({ job }) => job.offset);
        assert.deepEqual([...new Set(ended)].sort(), [...repeated].sort());
        const others = bench.records("q", partition).map(({ offset }) => offset);
        assert.deepEqual(
          [...new Set(bench.ran("q", partition))].sort(),
          others.filter((offset) => !repeated.includes(offset)).sort(),
        );
      }
      await bench.close();
    });
    await fc.assert(property, { numRuns: RUNS });
  });
}

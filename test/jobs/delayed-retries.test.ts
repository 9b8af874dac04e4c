import assert from "node:assert/strict";
import { test } from "node:test";
import { RetryLater } from "../../src/jobs/job-controls.ts";
import type { JobOptions, RunningJob } from "../../src/jobs/job-options.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { headersOf, SCHEDULE, ScheduleScene } from "../support/schedule-scene.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

class Flaky extends Error {
  override readonly name = "Flaky";
}
class Shaky extends Error {
  override readonly name = "Shaky";
}

interface Seen {
  readonly payload: string;
  readonly at: number;
  readonly job: RunningJob<string>;
}

const RULES: JobOptions<string>["retryOn"] = [
  { errors: [Flaky], wait: "10s", jitter: 0, attempts: 3 },
  { errors: [Shaky], wait: "20s", jitter: 0, attempts: 3 },
];

async function start(
  bench: WorkerBench,
  perform: (payload: string, job: RunningJob<string>) => void,
  options: Partial<JobOptions<string>> = {},
  queue: QueueOptions = {},
): Promise<{ readonly process: WorkerProcess; readonly seen: Seen[]; enqueue(payload: string): Promise<unknown> }> {
  const seen: Seen[] = [];
  const process = bench.process("w", { scheduledMessagesTopics: [SCHEDULE], queues: { q: queue } });
  const job = process.app.job<string>({
    name: "work",
    queue: "q",
    scheduledMessagesTopic: SCHEDULE,
    retryOn: RULES,
    perform(payload, running) {
      seen.push({ payload, at: bench.time.elapsed, job: running });
      perform(payload, running);
    },
    ...options,
  });
  await process.work();
  await bench.until(() => process.seen("assigned").length > 0);
  return { process, seen, enqueue: (payload) => bench.run(job.performLater(payload)) };
}

const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);

test("S4.2 an unordered job that has to wait waits in its schedule topic, and holds up nobody", async (t) => {
  const bench = await startWorkerBench(t);
  await ScheduleScene.topics(bench);
  const { process, seen, enqueue } = await start(bench, (payload, { attempt }) => {
    if (payload === "flaky" && attempt === 1) throw new Flaky();
  });
  await enqueue("flaky");
  await enqueue("well");
  await bench.until(() => seen.length === 2);
  await bench.until(() => drained(bench));
  assert.deepEqual(
    seen.map(({ payload }) => payload),
    ["flaky", "well"],
  );
  await bench.until(() => seen.length === 3, 20_000);
  const [first, , again] = seen as [Seen, Seen, Seen];
  assert.ok(again.at - first.at >= 10_000 && again.at - first.at < 11_500, `${again.at - first.at}`);
  assert.deepEqual([again.job.id, again.job.attempt, again.job.offset > first.job.offset], [first.job.id, 2, true]);
  const record = bench.committedRecords("q", 0).find(({ offset }) => offset === again.job.offset)!;
  const { "ottla-attempt": attempt, "ottla-retries": retries, "ottla-origin": origin } = headersOf(record);
  assert.deepEqual([attempt, retries, origin], ["1", "1", "q/0/0"]);
  const [retried] = process.seen("retried");
  assert.deepEqual([retried!.wait, retried!.job.attempt], [10_000, 1]);
});

test("S4.2 each rule's count, and the attempts, go with the job; what is exhausted is final", async (t) => {
  const bench = await startWorkerBench(t);
  await ScheduleScene.topics(bench);
  await bench.broker.createTopic("d", { partitions: 1 });
  const { seen, enqueue } = await start(
    bench,
    (_, { attempt }) => {
      throw attempt % 2 === 1 ? new Flaky() : new Shaky();
    },
    {},
    { deadLetterQueue: { topic: "d" } },
  );
  await enqueue("never");
  await bench.until(() => bench.committedRecords("d", 0).length === 1, 200_000);
  assert.deepEqual(
    seen.map(({ job }) => job.attempt),
    [1, 2, 3, 4, 5],
  );
  const waits = seen.slice(1).map(({ at }, i) => Math.floor((at - seen[i]!.at) / 1_000));
  assert.deepEqual(waits, [10, 20, 10, 20]);
  const headers = headersOf(bench.committedRecords("d", 0)[0]!);
  assert.match(headers["ottla-error"]!, /^Flaky/);
  assert.deepEqual(
    [headers["ottla-attempt"], headers["ottla-retries"], headers["ottla-origin"]],
    ["4", "2,2", "q/0/0"],
  );
});

test("S4.2 S4.3 RetryLater waits there too, and counts no attempt", async (t) => {
  const bench = await startWorkerBench(t);
  await ScheduleScene.topics(bench);
  let times = 0;
  const { seen, enqueue } = await start(bench, () => {
    if (times++ < 2) throw new RetryLater({ wait: "30s" });
  });
  await enqueue("later");
  await bench.until(() => seen.length === 3, 100_000);
  assert.deepEqual(
    seen.map(({ job }) => job.attempt),
    [1, 1, 1],
  );
  assert.ok(seen[1]!.at - seen[0]!.at >= 30_000);
});

for (const [what, options] of [
  ["an ordered job", { partitioner: () => "key" }],
  ["one without a schedule topic", { scheduledMessagesTopic: undefined }],
] as const satisfies readonly (readonly [string, Partial<JobOptions<string>>])[]) {
  test(`S4.2 ${what} waits in place`, async (t) => {
    const bench = await startWorkerBench(t);
    await ScheduleScene.topics(bench);
    const { seen, enqueue } = await start(
      bench,
      (payload, { attempt }) => {
        if (payload === "flaky" && attempt === 1) throw new Flaky();
      },
      options,
    );
    await enqueue("flaky");
    await enqueue("well");
    await bench.until(() => seen.length === 3, 20_000);
    assert.deepEqual(
      seen.map(({ payload }) => payload),
      ["flaky", "flaky", "well"],
    );
    assert.equal(bench.records(SCHEDULE, 0).length, 0);
  });
}

test("S3.9 the entry and the mark are one: whoever dies in between loses and doubles nothing", async (t) => {
  const bench = await startWorkerBench(t);
  await ScheduleScene.topics(bench);
  const { seen, enqueue, process } = await start(bench, (_, { attempt }) => {
    if (attempt === 1) throw new Flaky();
  });
  // The first two tries at the move fail, and of the third nobody says how it ended.
  bench.broker.faults.fail({ api: "TxnOffsetCommit", errorCode: 14, times: 2 });
  bench.broker.faults.drop({ api: "EndTxn", when: "afterApply", times: 1 });
  await enqueue("once");
  await bench.until(() => seen.filter(({ job }) => job.attempt === 2).length === 1, 300_000);
  await bench.until(() => drained(bench), 60_000);
  await bench.time.advance(60_000);
  assert.equal(seen.filter(({ job }) => job.attempt === 2).length, 1);
  assert.equal(process.seen("completed").length, 1);
});

for (const [partitionKeyType, given] of [
  ["partitionKey", "k"],
  ["partition", 0],
] as const) {
  test(`S4.2 S8.2 a job whose key is not its record's is ordered all the same: a rule has it wait in its place (${partitionKeyType})`, async (t) => {
    const bench = await startWorkerBench(t);
    await ScheduleScene.topics(bench);
    const options = {
      ...{ partitionKeyType, partitioner: () => given },
      retryOn: [{ errors: [Flaky], wait: 0, jitter: 0 }],
    };
    const fails = (payload: string, { attempt }: RunningJob<string>): void => {
      if (payload === "flaky" && attempt === 1) throw new Flaky();
    };
    const { seen, enqueue } = await start(bench, fails, options);
    await enqueue("flaky");
    await enqueue("good");
    await bench.until(() => drained(bench));
    assert.deepEqual(
      seen.map(({ payload, job }) => [payload, job.offset, job.attempt]),
      [
        ["flaky", 0, 1],
        ["flaky", 0, 2],
        ["good", 1, 1],
      ],
    );
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import type { HealthProblem } from "../../src/jobs/worker-health.ts";
import type { Clock } from "../../src/net/clock.ts";
import type { InstanceClock } from "../../src/testing/virtual-clock.ts";
import { startWorkerBench, underBoth, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const SESSION = 6_000;
const FOREVER = { times: Number.POSITIVE_INFINITY };

const problems = (worker: Worker): HealthProblem[] => [...worker.health().problems];
function assertFine(worker: Worker): void {
  assert.deepEqual(worker.health(), { ok: true, problems: [] });
}
function theProblem(worker: Worker): HealthProblem {
  const { ok, problems: found } = worker.health();
  assert.equal(ok, false);
  assert.equal(found.length, 1, JSON.stringify(found));
  return found[0]!;
}

underBoth("S3.11 a worker that runs, waits for jobs, or has no partition is well", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(60_000));
  const worker = await process.work({ stuckAfter: "10s" });
  assertFine(worker);
  await bench.time.advance(70_000);
  assertFine(worker);
  const spare = await bench.process("spare").job("q").work({ stuckAfter: "10s" });
  await bench.produce("q", 0, range(3));
  await bench.time.advance(70_000);
  assertFine(spare);
  assertFine(worker);
});

underBoth("S3.11 a worker that its group does not hear of is not well after the session timeout", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  const worker = await process.work();
  await bench.until(() => process.seen("assigned").length > 0);
  process.network.isolate();
  await bench.time.advance(SESSION);
  assertFine(worker);
  await bench.time.advance(SESSION + 1_000);
  const { kind, message } = theProblem(worker);
  assert.equal(kind, "notPolling");
  assert.match(message, /group has not heard of the worker for \d+ s/);
  process.network.rejoin();
  await bench.until(() => worker.health().ok);
});

test("S3.11 a worker whose fetches nobody answers is not well, one that has read enough is", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q", (_payload, _job, { sleep }) => sleep(200_000));
  const worker = await process.work({ maxBatchJobs: 2, shutdownTimeout: 0 });
  await bench.produce("q", 0, range(10));
  await bench.until(() => bench.starts.length === 1);
  await bench.time.advance(90_000);
  assertFine(worker);
  const idle = bench.process("idle").job("q");
  await bench.broker.createTopic("r", { partitions: 1 });
  idle.app.job({ name: "r", queue: "r", perform: () => {} });
  const reader = await idle.work({ queues: ["r"] });
  await bench.until(() => idle.seen("assigned").length > 0);
  await bench.time.advance(90_000);
  assertFine(reader);
  const mute = bench.broker.faults.drop({ api: "Fetch", ...FOREVER });
  await bench.time.advance(30_000);
  assertFine(reader);
  await bench.time.advance(40_000);
  assert.match(theProblem(reader).message, /no broker has answered a fetch for \d+ s/);
  mute.cancel();
  await bench.until(() => reader.health().ok);
});

test("S3.11 a worker that is closed polls nothing", async (t) => {
  const bench = await startWorkerBench(t);
  const worker = await bench.process("w").job("q").work();
  await bench.run(worker.close());
  assert.deepEqual(problems(worker), [{ kind: "notPolling", message: "the worker is closed" }]);
});

test("S3.11 a partition that was stopped, or cannot be loaded, is named after stuckAfter", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w").job("q");
  for (const partition of range(2)) await bench.produce("q", partition, range(3));
  bench.commit("q", 0, 2, "9unreadable");
  const worker = await process.work({ stuckAfter: "30s" });
  await bench.until(() => process.seen("error").length > 0);
  await bench.time.advance(29_000);
  assertFine(worker);
  await bench.time.advance(2_000);
  const stopped = theProblem(worker);
  assert.deepEqual([stopped.kind, stopped.topic, stopped.partition], ["stuck", "q", 0]);
  assert.match(stopped.message, /q\/0 has started nothing for 3\d s: it was stopped/);
  await bench.run(worker.close());

  bench.broker.faults.fail({ api: "OffsetFetch", errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT, ...FOREVER });
  const second = await bench.process("second").job("q").work({ stuckAfter: "30s" });
  await bench.time.advance(40_000);
  assert.deepEqual(
    problems(second).map(({ kind, partition }) => [kind, partition]),
    [
      ["stuck", 0],
      ["stuck", 1],
    ],
  );
});

test("S3.11 a partition in a timed wait, of a paused queue or of a quiet worker is not stuck", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, r: 1 } });
  const backoff = { initial: "1h", max: "1h" } as const;
  const process = bench.process("w", { queues: { q: { backoff } } }).job("q", () => {
    throw new Error("as planned");
  });
  process.app.job({ name: "work-r", queue: "r", perform: () => {} });
  const worker = await process.work({ stuckAfter: "30s" });
  await bench.until(() => process.seen("assigned").length > 0);
  worker.pause("r");
  await bench.produce("q", 0, range(3));
  await bench.produce("r", 0, range(3));
  await bench.until(() => worker.status().partitions.every(({ waiting }) => waiting === 3));
  await bench.time.advance(60_000);
  assertFine(worker);
  await bench.run(worker.quiet());
  await bench.time.advance(60_000);
  assertFine(worker);
});

test("S3.11 a partition whose jobs wait for a slot that never comes is stuck, and well once it starts", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  let settle: (() => void) | undefined;
  const process = bench.process("w").job("q", () => {
    if (settle !== undefined) return;
    return new Promise<void>((resolve) => {
      settle = resolve;
    });
  });
  const worker = await process.work({ concurrency: 1, stuckAfter: "30s" });
  await bench.produce("q", 0, [0]);
  await bench.until(() => settle !== undefined);
  await bench.produce("q", 1, [0]);
  await bench.time.advance(29_000);
  assertFine(worker);
  await bench.time.advance(5_000);
  const { kind, topic, partition, message } = theProblem(worker);
  assert.deepEqual([kind, topic, partition], ["stuck", "q", 1]);
  assert.match(message, /jobs wait, and nothing runs/);
  settle!();
  await bench.until(() => bench.ran("q", 1).length === 1);
  assertFine(worker);
});

/** A clock whose process stands still at will. */
function blockable(clock: InstanceClock): Clock & { block(ms: number): void } {
  let blocked = 0;
  return {
    now: () => clock.now() + blocked,
    monotonic: () => clock.monotonic() + blocked,
    timer: (ms, fire) => clock.timer(ms, fire),
    soon: (fire) => clock.soon(fire),
    random: () => clock.random(),
    uuid: () => clock.uuid(),
    block: (ms) => {
      blocked += ms;
    },
  };
}

underBoth(
  "S3.11 an event loop that was blocked past a third of the session is told, with the job that ran",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    let clock: ReturnType<typeof blockable> | undefined;
    const wrap = (instance: InstanceClock): Clock => {
      clock = blockable(instance);
      return clock;
    };
    const process = bench.process("w", {}, wrap).job("q", (payload) => clock!.block(payload as number));
    const worker = await process.work();
    await bench.until(() => process.seen("assigned").length > 0);
    await bench.produce("q", 1, [SESSION / 3 - 600]);
    await bench.time.advance(2_000);
    assertFine(worker);
    assert.deepEqual(process.seen("eventLoopBlocked"), []);
    await bench.produce("q", 0, [SESSION / 3 + 600]);
    await bench.until(() => process.seen("eventLoopBlocked").length > 0);
    const [{ duration, jobs }] = process.seen("eventLoopBlocked") as [{ duration: number; jobs: readonly object[] }];
    assert.ok(duration > SESSION / 3 && duration < SESSION / 3 + 1_100, `${duration} ms`);
    assert.deepEqual(
      jobs.map((job) => ({ ...job, since: 0 })),
      [{ job: "work", topic: "q", partition: 0, offset: 0, since: 0 }],
    );
    const { kind, message } = theProblem(worker);
    assert.equal(kind, "blocked");
    assert.match(message, /blocked for 2\d\d\d ms: meanwhile ran work \(q\/0\/0\)/);
    await bench.time.advance(61_000);
    assertFine(worker);
  },
);

underBoth("S3.6 S3.11 health names the handlers left over from a partition that was taken away", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q", (_payload, _job, { sleep }: WorkerProcess) => sleep(20_000));
  const worker = await process.work();
  await bench.produce("q", 0, [0]);
  await bench.until(() => bench.starts.length === 1);
  bench.broker.faults.expireSession("workers");
  await bench.until(() => process.seen("assigned").length === 2);
  const { kind, topic, partition, message, jobs } = theProblem(worker);
  assert.deepEqual([kind, topic, partition, jobs?.length], ["leftover", "q", 0, 1]);
  assert.match(message, /work \(q\/0\/0\) still runs/);
  await bench.until(() => bench.starts.length === 2);
  assertFine(worker);
});

test("S6.4 jobs that hold up a shutdown are named while they do so, and logged where nobody listens", async (t) => {
  for (const isHeard of [true, false]) {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    const logged: unknown[] = [];
    const logger = { debug() {}, info() {}, warn: (...line: unknown[]) => void logged.push(line), error() {} };
    const process = bench.process("w", { logger }).job("q", (payload, _job, { sleep }) => sleep(payload as number));
    if (!isHeard) process.unlisten("shutdownDelayed");
    const worker = await process.work({ shutdownTimeout: "40s" });
    await bench.produce("q", 0, [2_000, 0]);
    await bench.produce("q", 1, [22_000, 0]);
    await bench.until(() => bench.starts.length === 2);
    const calledAt = bench.time.elapsed;
    await bench.run(worker.close());
    const told = process.events.filter(({ name }) => name === "shutdownDelayed");
    if (isHeard) {
      assert.deepEqual(
        told.map(({ at, event }) => [at - calledAt, event]),
        [5_000, 15_000].map((after) => {
          const since = calledAt + after - bench.starts.find(({ partition }) => partition === 1)!.at;
          const jobs = [{ job: "work", topic: "q", partition: 1, offset: 0, since }];
          return [after, { jobs, left: 40_000 - after }];
        }),
      );
    } else {
      assert.equal(logged.length, 2);
      assert.match(JSON.stringify(logged[0]), /work \(q\/1\/0\)/);
    }
  }
});

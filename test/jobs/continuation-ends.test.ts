import assert from "node:assert/strict";
import { test } from "node:test";
import { Discard } from "../../src/jobs/job-controls.ts";
import type { JobOptions, RunningJob } from "../../src/jobs/job-options.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { drained, overRows, produceKeys, QUEUE, STATE, savedProgress, saves } from "../support/steps-scene.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

/** How a job ends that has saved progress, and is interrupted once. */
interface Ending {
  readonly what: string;
  readonly queue?: QueueOptions;
  readonly options?: Partial<JobOptions<unknown>>;
  readonly end: (job: RunningJob, process: WorkerProcess) => unknown;
  /** What has to be done from outside. */
  readonly outside?: (bench: WorkerBench, process: WorkerProcess) => Promise<void>;
  readonly seen: "completed" | "discarded" | "dead" | "expired";
}

const fails = (): never => {
  throw new RangeError("for good");
};
const DEAD = { topic: "dead", maxRetries: 0 };

const ENDINGS: readonly Ending[] = [
  { what: "it completes", end: () => {}, seen: "completed" },
  {
    what: "it discards itself",
    end: () => {
      throw new Discard("enough");
    },
    seen: "discarded",
  },
  { what: "a rule discards it", options: { discardOn: [{ errors: [RangeError] }] }, end: fails, seen: "discarded" },
  { what: "it becomes a dead letter", queue: { deadLetterQueue: DEAD }, end: fails, seen: "dead" },
  {
    what: "it expires",
    queue: { expire: "4s", backoff: { initial: "5s", max: "5s", jitter: 0 } },
    end: fails,
    seen: "expired",
  },
  {
    what: "somebody skips it",
    end: fails,
    outside: async (bench, { app, events }) => {
      await bench.until(() => events.some(({ name }) => name === "blocked"));
      await bench.run(app.skip({ topic: "q", partition: 0, offset: 0 }));
    },
    seen: "discarded",
  },
  {
    what: "it is parked, and let go of",
    queue: { whenExhausted: "park", maxRetries: 0 },
    end: fails,
    outside: async (bench, { app, events }) => {
      await bench.until(() => events.some(({ name }) => name === "parked"));
      await bench.run(app.parked.discard({ queue: "q" }));
    },
    seen: "discarded",
  },
  {
    what: "it hands over",
    end: (job) => job.transaction(() => {}),
    seen: "completed",
  },
];

for (const lanes of [false, true]) {
  for (const { what, queue, options, end, outside, seen } of ENDINGS) {
    test(`S7.9 where ${what}, its saved progress ends with it${lanes ? ", in lanes" : ""}`, async (t) => {
      const bench = await startWorkerBench(t);
      await bench.broker.createTopic("dead", { partitions: 1 });
      const virtualPartitions = lanes ? { max: 2 } : undefined;
      const process = bench.process("w", { queues: { q: { ...QUEUE, virtualPartitions, ...queue } } });
      process.job(
        "q",
        async (_payload, job, own) => {
          if (job.key !== "a") return;
          await job.step("first", () => {});
          await job.step("second", () => {}, { isolated: true });
          if (job.resumptions > 0) await end(job, own);
        },
        options,
      );
      await produceKeys(bench, ["a", "b"]);
      const worker = await process.work();
      await outside?.(bench, process);
      await bench.until(() => drained(bench) && process.seen(seen).some(({ job }) => job.key === "a"));
      await bench.time.advance(2_000);
      assert.equal((await savedProgress(bench)).size, 0);
      assert.ok(
        (await bench.run(saves(bench))).some(({ progress }) => progress !== null),
        "something was saved",
      );
      await bench.run(worker.close());
    });
  }
}

test("S7.9 the end of a job and that of its progress are one: whoever dies between leaves both", async (t) => {
  for (const when of ["beforeApply", "afterApply"] as const) {
    const bench = await startWorkerBench(t);
    const ran: string[] = [];
    const make = (name: string) =>
      bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job) => {
        await job.step("a", () => void ran.push(`${name} a`));
        await job.step("b", () => void ran.push(`${name} b`), { isolated: true });
      });
    const first = make("first");
    await produceKeys(bench, ["a"]);
    let ends = 0;
    bench.broker.observe(({ api, clientId }) => {
      if (api === "EndTxn" && clientId === "first" && ++ends === 2) {
        if (when === "beforeApply") bench.broker.faults.cut({ api, when });
        first.crash();
      }
    });
    await first.work();
    await bench.until(() => first.clock.frozen);
    await make("second").work();
    await bench.until(() => drained(bench), 300_000);
    assert.deepEqual(ran, when === "beforeApply" ? ["first a", "first b", "second b"] : ["first a", "first b"]);
    assert.equal((await savedProgress(bench)).size, 0);
  }
});

test("S7.9 progress of a job that was finished from outside is dropped by the next owner", async (t) => {
  const bench = await startWorkerBench(t);
  const rows: number[] = [];
  const make = (name: string) =>
    bench.process(name, { queues: { q: QUEUE } }).job("q", async (payload, job, own) => {
      if (payload === 0) await overRows(job, own, 1_000, (row) => void rows.push(row));
      else rows.push(-1);
    });
  const first = make("first");
  await produceKeys(bench, ["a", "a"]);
  const worker = await first.work();
  await bench.until(() => rows.length > 3);
  await bench.run(worker.close());
  assert.equal((await savedProgress(bench)).size, 1);
  bench.commit("q", 0, 1, "");
  await make("second").work();
  await bench.until(() => drained(bench));
  await bench.time.advance(1_000);
  assert.equal(rows.at(-1), -1);
  assert.equal((await savedProgress(bench)).size, 0);
});

test("S4.9 S7.9 progress is void with a topic that was deleted and made again", async (t) => {
  const bench = await startWorkerBench(t);
  const seen: string[] = [];
  const make = (name: string) =>
    bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job, own) => {
      seen.push(`${name} ${job.resumptions}`);
      await overRows(job, own, 50, (row) => void seen.push(`${name}:${row}`));
    });
  await produceKeys(bench, ["a"]);
  const worker = await make("first").work();
  await bench.until(() => seen.includes("first:3"));
  await bench.run(worker.close());
  await bench.broker.deleteTopic("q");
  await bench.broker.createTopic("q", { partitions: 1 });
  await produceKeys(bench, ["a"]);
  await make("second").work();
  await bench.until(() => drained(bench) && seen.includes("second:49"));
  assert.ok(seen.includes("second 0") && seen.includes("second:0"), "it begins anew");
  assert.equal((await savedProgress(bench)).size, 0);
});

test("S7.9 a partition with progress that cannot be read here stands still, and says so", async (t) => {
  const bench = await startWorkerBench(t);
  const seen: number[] = [];
  const make = (name: string) =>
    bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job, own) => {
      await overRows(job, own, 50, (row) => void seen.push(row));
    });
  await produceKeys(bench, ["a"]);
  const worker = await make("first").work();
  await bench.until(() => seen.length > 3);
  await bench.run(worker.close());
  const { partitions } = bench.broker.topics().find(({ name }) => name === STATE)!;
  for (const { index } of partitions)
    for (const { key, headers } of bench.records(STATE, index))
      await bench.produceRecords([
        {
          topic: STATE,
          partition: index,
          key: key!,
          value: "from the future",
          headers: headers as [string, Uint8Array][],
        },
      ]);
  const before = seen.length;
  const second = make("second");
  const late = await second.work();
  await bench.until(() => second.seen("error").length > 0);
  assert.match(String(second.seen("error")[0]!.error), /progress of the job at offset 0 cannot be read here/);
  assert.equal(late.status().partitions[0]!.state, "stopped");
  assert.equal(seen.length, before);
});

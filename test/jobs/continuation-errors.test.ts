import assert from "node:assert/strict";
import { test } from "node:test";
import { Discard, RetryLater } from "../../src/jobs/job-controls.ts";
import { drained, Gate, overRows, produceKeys, QUEUE, savedProgress } from "../support/steps-scene.ts";
import { startWorkerBench } from "../support/worker-bench.ts";

test("S7.7 an error after progress resumes from it after the first backoff, each time, and counts no attempt", async (t) => {
  for (const key of ["a", undefined]) {
    const bench = await startWorkerBench(t);
    const process = bench.process("w", { queues: { q: QUEUE } });
    const rows: number[] = [];
    process.job(
      "q",
      async (_payload, job, own) => {
        await overRows(job, own, 6, (row) => {
          rows.push(row);
          if (rows.length % 2 === 1) throw new Error(`at ${row}`);
        });
      },
      { retryOn: [{ errors: [Error], attempts: 1 }] },
    );
    await produceKeys(bench, [key]);
    await process.work();
    await bench.until(() => drained(bench));
    // The first run fails before it got anywhere: that one counts, by the rule that lets it be tried once.
    const failed = process.seen("failed").map(({ job }) => job.attempt);
    assert.deepEqual(rows, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    assert.deepEqual(failed, [1, 2, 2, 2, 2, 2]);
    const waits = process.seen("retried").map(({ wait }) => wait);
    assert.deepEqual(waits.slice(1), [100, 100, 100, 100, 100]);
    assert.equal((await savedProgress(bench)).size, 0);
  }
});

test("S7.7 what fails after progress as its worker closes, and does not hold its place, takes along what it has done", async (t) => {
  const bench = await startWorkerBench(t);
  const gate = new Gate();
  const rows: number[] = [];
  const make = (name: string) =>
    bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job) => {
      await job.step("rows", async (step) => {
        for (let row = step.cursor ?? 0; row < 5; row++) {
          rows.push(row);
          if (row === 3 && job.resumptions === 0) {
            await gate.pass();
            throw new Error("as it closes");
          }
          await step.advance({ from: row });
        }
      });
    });
  await produceKeys(bench, [undefined]);
  const worker = await make("first").work();
  await bench.until(() => gate.isReached);
  const closed = worker.close();
  gate.open();
  await bench.run(closed);
  await make("second").work();
  await bench.until(() => drained(bench));
  assert.deepEqual(rows, [0, 1, 2, 3, 3, 4]);
});

test("S7.7 without progress in its run an error is one as any other", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", {
    queues: { q: { ...QUEUE, maxRetries: 2, deadLetterQueue: { topic: "dead" } } },
  });
  await bench.broker.createTopic("dead", { partitions: 1 });
  let runs = 0;
  process.job("q", async (_payload, job) => {
    runs++;
    await job.step("a", () => {});
    await job.step("b", () => {
      throw new Error("never");
    });
  });
  await produceKeys(bench, ["a", "a"]);
  await process.work();
  await bench.until(() => drained(bench));
  // One run that got somewhere, and three that did not: maxRetries 2.
  assert.equal(runs, 8);
  assert.deepEqual(
    process.seen("failed").map(({ job }) => job.attempt),
    [1, 1, 2, 3, 1, 1, 2, 3],
  );
  assert.equal(process.seen("dead").length, 2);
  assert.equal((await savedProgress(bench)).size, 0, "its progress ends with it");
});

test("S7.7 Discard, RetryLater and what discardOn ends are heard after progress, too", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: QUEUE } });
  const seen: string[] = [];
  process.job(
    "q",
    async (payload, job) => {
      seen.push(`${payload} ${job.attempt}`);
      await job.step("a", () => void seen.push(`${payload} a`));
      await job.step("b", () => {
        if (payload === 0) throw new Discard("enough");
        if (payload === 1) throw new RangeError("enough");
        if (!seen.includes("2 later")) {
          seen.push("2 later");
          throw new RetryLater({ wait: "10s" });
        }
        seen.push("2 b");
      });
    },
    { discardOn: [{ errors: [RangeError] }] },
  );
  await produceKeys(bench, ["a", "a", "a"]);
  await process.work({ checkpointInterval: "1s" });
  await bench.until(() => drained(bench));
  assert.deepEqual(seen, ["0 1", "0 a", "1 1", "1 a", "2 1", "2 a", "2 later", "2 1", "2 b"]);
  assert.equal(process.seen("discarded").length, 2);
  assert.equal((await savedProgress(bench)).size, 0);
});

test("S7.7 beyond maxResumptions an interruption is a failure as any other", async (t) => {
  for (const key of ["a", undefined]) {
    const bench = await startWorkerBench(t);
    await bench.broker.createTopic("dead", { partitions: 1 });
    const process = bench.process("w", {
      queues: { q: { ...QUEUE, maxRetries: 1, deadLetterQueue: { topic: "dead" } } },
    });
    const resumptions: number[] = [];
    process.job(
      "q",
      async (_payload, job) => {
        resumptions.push(job.resumptions);
        for (let i = 0; ; i++) await job.step(`step ${i}`, () => {}, { isolated: true });
      },
      { maxResumptions: 2 },
    );
    await produceKeys(bench, [key]);
    await process.work();
    await bench.until(() => drained(bench) && process.seen("dead").length === 1);
    assert.deepEqual(resumptions, [0, 1, 2, 2]);
    assert.deepEqual(
      process.seen("failed").map(({ error }) => (error as { code?: string }).code),
      Array(2).fill("TOO_MANY_RESUMPTIONS"),
    );
    assert.equal((await savedProgress(bench)).size, 0);
  }
});

test("S7.8 S4.1 a job that is interrupted and goes on at once keeps the failures that it had", async (t) => {
  const bench = await startWorkerBench(t);
  const seen: number[] = [];
  const process = bench.process("w", { queues: { q: QUEUE } }).job("q", async (_payload, job) => {
    seen.push(job.attempt);
    if (seen.length <= 2) throw new Error("before it got anywhere");
    await job.step("a", () => {}, { isolated: true });
    await job.step("b", () => {}, { isolated: true });
  });
  await produceKeys(bench, ["a"]);
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(seen, [1, 2, 3, 3]);
});

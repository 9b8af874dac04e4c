import assert from "node:assert/strict";
import { test } from "node:test";
import { type CommitMetadata, decodeCommitMetadata, encodeCommitMetadata } from "../../src/jobs/commit-metadata.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const backoff = { initial: "100ms", max: "1s", jitter: 0 } as const;
const OPTIONS = { queues: { q: { backoff } } };
const at = (offset: number) => ({ topic: "q", partition: 0, offset });
const decoder = new TextDecoder();

function committed(bench: WorkerBench): { readonly offset: number; readonly metadata: CommitMetadata } {
  const { offset, metadata } = bench.committed("q", 0)!;
  return { offset, metadata: decodeCommitMetadata(offset, metadata)! };
}

/** A job that fails for ever has blocked its partition, and the worker has gone since. */
async function blocked(bench: WorkerBench, payloads: readonly unknown[]): Promise<void> {
  const process = bench.process("before", OPTIONS).job("q", (payload) => {
    if (payload !== "good") throw new Error("never works");
  });
  const worker = await process.work();
  await bench.produce("q", 0, payloads);
  await bench.until(() => process.seen("blocked").length > 0);
  await bench.run(worker.close());
}

/** A process without a worker, as the command line is. */
function outside(bench: WorkerBench, afterDiscard?: (offset: number) => void): WorkerProcess {
  return bench.process("outside", OPTIONS).job("q", () => {}, { afterDiscard: ({ offset }) => afterDiscard?.(offset) });
}

test("S4.4 while the group has no workers app.skip lets the blocked job go from anywhere, and the next worker goes on behind it", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await blocked(bench, ["bad", "good"]);
  const told: number[] = [];
  const process = outside(bench, (offset) => told.push(offset));
  const [job] = await bench.run(process.app.blocked());
  await bench.run(process.app.skip(job!));
  assert.deepEqual(
    process.seen("discarded").map(({ job }) => job.offset),
    [0],
  );
  assert.deepEqual(told, [0]);
  assert.equal(committed(bench).offset, 1);
  assert.deepEqual(await bench.run(process.app.blocked()), []);
  await bench.process("next", OPTIONS).job("q").work();
  await bench.until(() => bench.lag("q")[0] === 0);
  assert.deepEqual(bench.ran("q", 0, "next"), [1]);
});

test("S4.4 S4.5 from outside a blocked job goes into a dead letter topic in one step, and what else is committed stays", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await blocked(bench, ["bad", "b", "c", "d"]);
  const { topicId, failing } = committed(bench).metadata;
  const later = { offset: 3, attempt: 2, counters: [1], nextRetryAt: 5, suspect: false };
  const metadata = { topicId, open: true, finished: [1], failing: [...failing, later] };
  bench.commit("q", 0, 0, encodeCommitMetadata(0, metadata));
  const process = outside(bench);
  await bench.run(process.app.skip(at(0), { deadLetter: "d" }));
  assert.deepEqual(committed(bench), { offset: 2, metadata: { ...metadata, finished: [], failing: [later] } });
  const [letter] = bench.records("d", 0);
  const headers = Object.fromEntries(letter!.headers.map(([name, bytes]) => [name, decoder.decode(bytes!)]));
  assert.deepEqual([decoder.decode(letter!.value!), headers["ottla-origin"]], ['"bad"', "q/0/0"]);
  assert.match(headers["ottla-error"]!, /^JobSkippedError/);
  assert.deepEqual(
    process.seen("dead").map(({ to }) => to),
    [{ topic: "d", partition: 0 }],
  );
});

test("S4.4 from outside a job is skipped once everybody sees so, which is later than its transaction ends", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await blocked(bench, ["bad"]);
  const { app } = outside(bench);
  const release = bench.broker.faults.holdMarkers();
  let [hasEnded, isSkipped] = [false, false];
  bench.broker.observe(({ api }) => {
    hasEnded ||= api === "EndTxn";
  });
  const skipped = app.skip(at(0)).then(() => {
    isSkipped = true;
  });
  await bench.until(() => hasEnded);
  await bench.time.advance(1_000);
  assert.equal(isSkipped, false);
  assert.equal((await bench.run(app.blocked())).length, 1);
  release();
  await bench.run(skipped);
  assert.deepEqual(await bench.run(app.blocked()), []);
});

test("S4.4 a blocked job is tried again at a time, or now", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await blocked(bench, ["bad"]);
  const { app } = outside(bench);
  const { metadata } = committed(bench);
  for (const [nextRetryAt, expected] of [
    [0, undefined],
    [1_800_000_000_000, new Date(1_800_000_000_000)],
  ] as const) {
    const failing = [{ offset: 0, attempt: 4, counters: [], nextRetryAt, suspect: false }];
    bench.commit("q", 0, 0, encodeCommitMetadata(0, { ...metadata, failing }));
    const [job] = await bench.run(app.blocked());
    assert.deepEqual(job, { topic: "q", partition: 0, offset: 0, attempt: 4, nextRetryAt: expected });
  }
});

test("S4.4 S5.3 from outside a job is skipped that is not the first, as lanes have it", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await blocked(bench, ["bad", "worse", "good"]);
  const { app } = outside(bench);
  const { metadata } = committed(bench);
  const failing = [{ offset: 1, attempt: 4, counters: [], nextRetryAt: 0, suspect: false }];
  bench.commit("q", 0, 0, encodeCommitMetadata(0, { ...metadata, finished: [2], failing }));
  await bench.run(app.skip(at(1)));
  assert.deepEqual(committed(bench), { offset: 0, metadata: { ...metadata, finished: [1, 2], failing: [] } });
});

test("S4.4 from outside nothing is skipped that is not blocked, or that a worker may have", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, d: 1, other: 1 } });
  await blocked(bench, ["bad", "worse"]);
  const { app } = outside(bench);
  const before = committed(bench);
  const refused: readonly [() => Promise<void>, string, RegExp][] = [
    [() => app.skip(at(1)), "NotBlockedError", /q\/0\/1: it has not failed/],
    [() => app.skip({ ...at(0), partition: 1 }), "NotBlockedError", /it has not failed/],
    [() => app.skip(at(0), { deadLetter: "nowhere" }), "TopicMissingError", /nowhere/],
    [() => app.skip({ ...at(0), partition: 1 }, { deadLetter: "d" }), "InvalidOptionError", /keeps its partition, 1/],
  ];
  for (const [call, name, message] of refused) await bench.run(assert.rejects(call(), { name, message }));
  assert.deepEqual(committed(bench), before);
  await bench.process("worker", OPTIONS).job("q").work();
  await bench.time.advance(10_000);
  const message = /group workers has workers elsewhere: call app\.skip in the process that has it, or stop/;
  await bench.run(assert.rejects(app.skip(at(0)), { name: "NotBlockedError", message }));
  assert.deepEqual(bench.records("d", 0), []);
});

test("S3.9 a worker that starts while a job is skipped from outside finds it gone, or keeps it", async (t) => {
  for (const pause of [0, 5, 20, 200, 1_000, 3_000]) {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    await blocked(bench, ["bad", "good"]);
    const hold = bench.broker.faults.delay({ api: "EndTxn", ms: 2_000 });
    let outcome: unknown;
    void outside(bench)
      .app.skip(at(0), { deadLetter: "d" })
      .then(
        () => {
          outcome = "skipped";
        },
        (error: unknown) => {
          outcome = error;
        },
      );
    await bench.time.advance(pause);
    await bench.process("worker", OPTIONS).job("q").work();
    await bench.until(() => outcome !== undefined && bench.lag("q")[0] === 0);
    hold.cancel();
    const [letters] = await bench.run(bench.committedValues("d", 1));
    const ran = [...new Set(bench.ran("q", 0, "worker"))];
    if (outcome === "skipped") assert.deepEqual([letters, ran], [["bad"], [1]], `${pause}`);
    else assert.deepEqual([letters, ran, (outcome as Error).name], [[], [0, 1], "NotBlockedError"], `${pause}`);
  }
});

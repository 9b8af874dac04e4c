import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { stateOf } from "../../src/jobs/app.ts";
import { encodeProgress, NO_PROGRESS } from "../../src/jobs/progress.ts";
import type { Worker } from "../../src/jobs/worker.ts";
import { drained, overRows, produceKeys, QUEUE, STATE, savedProgress, saves } from "../support/steps-scene.ts";
import {
  GROUP,
  type ProtocolTest,
  startWorkerBench,
  underBoth,
  type WorkerBench,
  type WorkerProcess,
} from "../support/worker-bench.ts";

const ALL = Array.from({ length: 200 }, (_, row) => row);

/** A worker whose job goes over 200 rows, 20 ms each. */
function rowWorker(bench: WorkerBench, name: string, rows: string[]): WorkerProcess {
  return bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job, process) => {
    await overRows(job, process, ALL.length, (row) => void rows.push(`${name}:${row}`), 20);
  });
}

/** The first worker has done so many rows, and saves every second. */
async function startAtRow(
  t: ProtocolTest,
  row: number,
): Promise<{
  readonly bench: WorkerBench;
  readonly rows: string[];
  readonly first: WorkerProcess;
  readonly worker: Worker;
}> {
  const bench = await startWorkerBench(t);
  const rows: string[] = [];
  await produceKeys(bench, ["a"]);
  const first = rowWorker(bench, "first", rows);
  const worker = await first.work({ checkpointInterval: "1s" });
  await bench.until(() => rows.length === row);
  return { bench, rows, first, worker };
}

const rowsOf = (rows: readonly string[], by: string): number[] =>
  rows.filter((row) => row.startsWith(`${by}:`)).map((row) => Number(row.split(":")[1]));

underBoth("S8.8 S7.9 after a kill the next owner resumes at the last saved checkpoint", async (t) => {
  const { bench, rows, first } = await startAtRow(t, 130);
  const [saved] = (await savedProgress(bench)).values();
  const cursor = Number(saved!.step!.cursor);
  assert.ok(cursor > 70 && cursor < 130, `saved every second: at ${cursor}`);
  first.crash();
  await rowWorker(bench, "second", rows).work({ checkpointInterval: "1s" });
  await bench.until(() => drained(bench));
  assert.deepEqual(rowsOf(rows, "second"), ALL.slice(cursor));
  assert.equal((await savedProgress(bench)).size, 0);
});

underBoth("S7.9 progress is saved as a run is interrupted: a kill right after costs nothing", async (t) => {
  const bench = await startWorkerBench(t);
  const seen: string[] = [];
  const make = (name: string): WorkerProcess =>
    bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job, own) => {
      if (job.resumptions === 1 && name === "first") {
        own.crash();
        return new Promise(() => {});
      }
      await job.step("a", () => void seen.push(`${name} a`));
      await job.step("b", () => void seen.push(`${name} b`), { isolated: true });
    });
  await produceKeys(bench, ["a"]);
  await make("first").work();
  await bench.until(() => seen.includes("first a"));
  await make("second").work();
  await bench.until(() => drained(bench), 300_000);
  assert.deepEqual(seen, ["first a", "second b"]);
});

underBoth(
  "S7.9 what a job has done is saved as its partition is given up, though it does not end in time",
  async (t) => {
    const bench = await startWorkerBench(t);
    const rows: string[] = [];
    const make = (name: string): WorkerProcess =>
      bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job, own) => {
        await job.step("rows", async (step) => {
          for (let row = step.cursor ?? 0; row < 10; row++) {
            rows.push(`${name}:${row}`);
            if (row === 7 && name === "first") await new Promise(() => {});
            await own.sleep(10);
            await step.advance({ from: row });
          }
        });
      });
    await produceKeys(bench, ["a"]);
    const worker = await make("first").work({ shutdownTimeout: "1s" });
    await bench.until(() => rows.includes("first:7"));
    await assert.rejects(bench.run(worker.close()), { name: "ShutdownTimeoutError" });
    await make("second").work();
    await bench.until(() => drained(bench));
    assert.deepEqual(rowsOf(rows, "second"), [7, 8, 9]);
  },
);

underBoth("S3.6 S7.9 jobs that wait to be ended as their partition is lost hold up nobody", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: { ...QUEUE, virtualPartitions: { max: 4 } } } });
  let isSlow = true;
  process.job("q", async (_payload, job, own) => {
    await job.step("a", () => {});
    await job.step("b", () => own.sleep(50), { isolated: true });
  });
  await produceKeys(bench, ["a", "b", "c", "d"]);
  await process.work();
  await bench.until(() => process.seen("interrupted").length === 4);
  bench.broker.faults.delay({ api: "TxnOffsetCommit", ms: 3_000, where: () => isSlow });
  await bench.until(() => process.seen("completed").length === 4);
  process.clock.pause();
  await bench.time.advance(15_000);
  isSlow = false;
  process.clock.resume();
  await bench.until(() => process.seen("lost").length === 1);
  await bench.until(() => drained(bench));
  assert.equal((await savedProgress(bench)).size, 0);
});

underBoth("S8.8 S7.9 a worker that was frozen and lost its partition writes nothing late", async (t) => {
  const { bench, rows, first } = await startAtRow(t, 120);
  first.clock.pause();
  const second = rowWorker(bench, "second", rows);
  await second.work({ checkpointInterval: "1s" });
  await bench.until(() => rowsOf(rows, "second").length > 40);
  const own = rowsOf(rows, "first").length;
  first.clock.resume();
  await bench.until(() => drained(bench));
  await bench.time.advance(20_000);
  // It may end the row that it was at: then it hears that it is interrupted.
  assert.ok(rowsOf(rows, "first").length <= own + 2, `${rowsOf(rows, "first").length} after ${own}`);
  const cursors = (await bench.run(saves(bench))).map(({ progress }) =>
    progress === null ? Number.POSITIVE_INFINITY : Number(progress.step!.cursor),
  );
  assert.deepEqual(
    cursors,
    cursors.toSorted((a, b) => a - b),
    "nobody has gone back",
  );
  assert.equal((await savedProgress(bench)).size, 0);
});

underBoth(
  "S8.8 S7.9 a transaction of an older generation is refused, and one that a dead owner left open counts for nothing",
  async (t) => {
    const { bench, rows, first } = await startAtRow(t, 120);
    const [cursor] = [...(await savedProgress(bench)).values()].map(({ step }) => Number(step!.cursor));
    const { members, generationId } = bench.broker.groups().find(({ groupId }) => groupId === GROUP)!;
    const old = { groupId: GROUP, memberId: members[0]!.memberId, generationId };
    const { clock } = first;
    first.crash();
    assert.ok(clock.frozen);
    const outside = bench.process("outside");
    const place = savedPlace(bench);
    const forged = {
      ...{ topic: STATE, partition: place.partition, key: place.key },
      value: encodeProgress({ ...NO_PROGRESS, step: { name: "rows", cursor: "199" } }),
      headers: place.headers,
    };
    const offset = { topic: "q", partition: 0, offset: 0, metadata: bench.committed("q", 0)!.metadata };
    const producerOf = (transactionalId: string) =>
      stateOf(outside.app).slot.use().kafka.producer({ transactionalId, transactionTimeout: 8_000 });
    // It had begun to write just before it died, and nobody ends it but the coordinator, after its time.
    const open = await bench.run(producerOf("open").begin());
    await bench.run(open.send(forged));
    await bench.run(open.sendOffsets({ groupMetadata: old, offsets: [offset] }));
    const second = rowWorker(bench, "second", rows);
    await second.work({ checkpointInterval: "1s" });
    await bench.until(() => rowsOf(rows, "second").length > 10);
    assert.equal(rowsOf(rows, "second")[0], cursor);
    const late = producerOf("late").sendTransaction({
      records: [forged],
      offsets: { groupMetadata: old, offsets: [offset] },
    });
    await assert.rejects(bench.run(late), /ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID|STALE_MEMBER_EPOCH/);
    await bench.until(() => drained(bench));
    assert.deepEqual(rowsOf(rows, "second"), ALL.slice(cursor));
  },
);

underBoth("S8.8 S7.9 what was saved behind somebody's open transaction is known to the next owner", async (t) => {
  const { bench, rows, first } = await startAtRow(t, 60);
  const outside = bench.process("outside");
  const { partition } = savedPlace(bench);
  const producer = stateOf(outside.app)
    .slot.use()
    .kafka.producer({ transactionalId: "somebody", transactionTimeout: 20_000 });
  const open = await bench.run(producer.begin());
  await bench.run(open.send({ topic: STATE, partition, key: "progress/none/0/0", value: null }));
  await bench.until(() => rows.length >= 160);
  first.crash();
  await rowWorker(bench, "second", rows).work({ checkpointInterval: "1s" });
  await bench.until(() => drained(bench), 240_000);
  const began = rowsOf(rows, "second")[0]!;
  assert.ok(began > 100, `saved every second, and resumed at ${began} of 160`);
});

underBoth("S8.8 S7.9 what is saved as a worker closes is saved though its transaction aborts once", async (t) => {
  const { bench, rows, worker } = await startAtRow(t, 30);
  const failed = bench.broker.faults.fail({ api: "TxnOffsetCommit", errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED });
  await bench.run(worker.close());
  assert.equal(failed.used, 1);
  const done = rows.length;
  await rowWorker(bench, "second", rows).work();
  await bench.until(() => drained(bench));
  assert.deepEqual(rowsOf(rows, "second"), ALL.slice(done));
});

underBoth("S8.9 S6.4 a worker closes in time though what its jobs have done cannot be saved", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w", { queues: { q: QUEUE } }).job("q", async (_payload, job, { sleep }) => {
    await job.step("a", () => {});
    // The one hears that it is interrupted, the other does not.
    if (job.partition === 0) await job.step("b", () => sleep(1_000));
    else await new Promise(() => {});
  });
  const worker = await process.work({ checkpointInterval: "1h" });
  for (const partition of [0, 1]) await bench.produce("q", partition, ["x"]);
  await bench.until(() => bench.starts.length === 2);
  await bench.time.advance(100);
  const errorCode = ErrorCode.COORDINATOR_NOT_AVAILABLE;
  for (const api of ["InitProducerId", "TxnOffsetCommit", "AddOffsetsToTxn", "EndTxn"])
    bench.broker.faults.fail({ api, errorCode, times: Number.POSITIVE_INFINITY });
  let error: unknown;
  void worker.close().catch((thrown: unknown) => {
    error = thrown;
  });
  // What jobs have, and what brokers have that do not answer.
  await bench.until(() => error !== undefined, 10_000 + 15_000);
  assert.equal((error as Error).name, "ShutdownTimeoutError");
});

function savedPlace(bench: WorkerBench): {
  readonly partition: number;
  readonly key: Uint8Array;
  readonly headers: [string, Uint8Array][];
} {
  const { partitions } = bench.broker.topics().find(({ name }) => name === STATE)!;
  for (const { index } of partitions)
    for (const { key, headers } of bench.records(STATE, index))
      return { partition: index, key: key!, headers: headers as [string, Uint8Array][] };
  throw new Error("nothing is saved");
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { drained, range } from "../support/parking-scene.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

function parking(bench: WorkerBench, name: string, options: Partial<QueueOptions> = {}): WorkerProcess {
  return bench.process(name, { queues: { q: { whenExhausted: "park", maxRetries: 0, ...options } } });
}

async function produce(bench: WorkerBench, keys: readonly string[]): Promise<void> {
  await bench.produceRecords(
    keys.map((key) => ({ topic: "q", partition: 0, key, value: "1", headers: { "ottla-job": "work" } })),
  );
}

test("S4.6 S8.6 a job that is asked for again while it is parked anew is not lost", async (t) => {
  const bench = await startWorkerBench(t);
  const process = parking(bench, "w").job("q", async () => {
    await process.sleep(1_000);
    throw new Error("does not work");
  });
  await process.work();
  await produce(bench, ["a", "a"]);
  await bench.until(() => drained(bench));
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => bench.starts.length === 2);
  // The transaction by which it is parked has ended, and it is long before anybody hears so.
  const unheard = bench.broker.faults.drop({ api: "EndTxn", when: "afterApply" });
  await bench.until(() => unheard.used === 1);
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.time.advance(60_000);
  assert.deepEqual(bench.ran("q", 0), [0, 0, 0]);
  const [listed] = await bench.run(process.app.parked.list());
  assert.deepEqual([listed!.offset, listed!.jobs, listed!.state], [0, 2, "parked"]);
});

test("S3.9 where nobody says how the hand-over of a released job ended, what is parked does", async (t) => {
  for (const when of ["beforeApply", "afterApply"] as const) {
    const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
    const process = parking(bench, "w");
    const next = process.app.job<number>({ name: "next", queue: "next", perform() {} });
    let isBroken = true;
    process.job("q", async (_payload, job) => {
      if (isBroken) throw new Error("does not work");
      await job.transaction((tx) => tx.performLater(next.of(job.offset)));
    });
    await produce(bench, ["a", "a"]);
    await process.work({ queues: ["q"] });
    await bench.until(() => drained(bench));
    isBroken = false;
    const silence = bench.broker.faults.drop({ api: "EndTxn", when, times: Number.POSITIVE_INFINITY });
    await bench.run(process.app.parked.release({ queue: "q" }));
    await bench.until(() => silence.used > 0);
    await bench.time.advance(90_000);
    silence.cancel();
    await bench.time.advance(60_000);
    assert.deepEqual(await bench.run(bench.committedValues("next", 1)), [[0, 1]], when);
    assert.deepEqual(await bench.run(process.app.parked.list()), [], when);
  }
});

test("S4.6 S5 a newcomer that is parked as the last released job ends is released, though its move had to be repeated", async (t) => {
  const bench = await startWorkerBench(t);
  let isBroken = true;
  const start = async (name: string): Promise<WorkerProcess> => {
    const process = parking(bench, name, { virtualPartitions: { max: 2 } }).job("q", (_payload, { offset }) => {
      if (isBroken) throw new Error("does not work");
      return process.sleep(offset === 0 ? 10 : 10_000);
    });
    await process.work();
    return process;
  };
  const first = await start("first");
  await produce(bench, ["a"]);
  await bench.until(() => drained(bench));
  isBroken = false;
  const { faults } = bench.broker;
  const slow = faults.delay({ api: "EndTxn", ms: 2_000 });
  await bench.run(first.app.parked.release({ queue: "q" }));
  await bench.until(() => slow.used === 1);
  const failure = faults.fail({ api: "TxnOffsetCommit", errorCode: ErrorCode.INVALID_COMMIT_OFFSET_SIZE });
  await produce(bench, ["a"]);
  await bench.until(() => bench.ran("q", 0, "first").includes(1));
  assert.equal(failure.used, 1);
  first.crash();
  await start("second");
  await bench.until(() => bench.ran("q", 0, "second").includes(1));
});

test("S4.8 that jobs are started is committed before the first of those that were released, too", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  let isBroken = true;
  const isOpen: boolean[] = [];
  const start = async (name: string) => {
    const process = parking(bench, name).job("q", async (_payload, { partition }) => {
      // The other partition sees to it that the event loop has just had its turn.
      if (partition === 1) return process.sleep(1);
      if (isBroken) throw new Error("does not work");
      isOpen.push(
        bench.commits.some((commit) => commit.by === name && commit.partition === 0 && commit.metadata!.open),
      );
    });
    return { process, worker: await process.work() };
  };
  const { process, worker } = await start("first");
  await produce(bench, ["x", "a", "b"]);
  await bench.until(() => drained(bench));
  await bench.run(worker.close());
  isBroken = false;
  await bench.run(process.app.parked.discard({ queue: "q", key: "x" }));
  for (const key of ["a", "b"]) await bench.run(process.app.parked.release({ queue: "q", key }));
  // While one is let go of, the others are read.
  bench.broker.faults.delay({ api: "EndTxn", ms: 2_005 });
  await bench.produce("q", 1, range(4_000));
  await start("second");
  await bench.until(() => isOpen.length === 2);
  assert.deepEqual(isOpen, [true, true]);
});

test("S8.10 of the keys that are released together few are read at once", async (t) => {
  const bench = await startWorkerBench(t);
  let isBroken = true;
  const process = parking(bench, "w").job("q", () => {
    if (isBroken) throw new Error("does not work");
  });
  await process.work();
  await produce(
    bench,
    range(300).map((i) => `k${i}`),
  );
  await bench.until(() => drained(bench), 600_000);
  isBroken = false;
  const before = bench.starts.length;
  let fetches = 0;
  bench.broker.observe(({ api }) => {
    if (api === "Fetch" && bench.starts.length === before) fetches++;
  });
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => bench.starts.length === before + 300, 600_000);
  assert.ok(fetches < 100, `${fetches}`);
});

test("S4.6 S4.8 a job that kills each process is parked once it has done so too often, dead letters or not", async (t) => {
  for (const options of [{}, { deadLetterQueue: { topic: "d" } }]) {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    await produce(bench, ["kills", "well"]);
    for (let round = 0; !drained(bench); round++) {
      assert.ok(round < 12, "it goes on and on");
      const process = parking(bench, `w${round}`, { maxRetries: 2, ...options }).job("q", async (_payload, { key }) => {
        if (key !== "kills") return;
        process.crash();
        await new Promise(() => {});
      });
      await process.work();
      await bench.until(() => process.clock.frozen || drained(bench), 600_000);
    }
    const [listed] = await bench.run(parking(bench, "outside").app.parked.list());
    assert.deepEqual([listed?.key, listed?.jobs, bench.records("d", 0).length], ["kills", 1, 0]);
    assert.match(listed!.error!, /^ProcessDiedError/);
  }
});

test("S4.7 a released job that nobody knows is parked again once its grace is over, though other jobs go on", async (t) => {
  const bench = await startWorkerBench(t);
  const first = parking(bench, "first").job("q", () => {
    throw new Error("does not work");
  });
  const worker = await first.work();
  await produce(bench, ["a"]);
  await bench.until(() => drained(bench));
  await bench.run(worker.close());
  const second = parking(bench, "second");
  second.app.job({ name: "other", queue: "q", perform() {} });
  await second.work({ unknownJobGrace: "20s" });
  await bench.run(first.app.parked.release({ queue: "q" }));
  for (let i = 0; i < 60; i++) {
    await bench.produceRecords([{ topic: "q", partition: 0, key: "b", value: "1", headers: { "ottla-job": "other" } }]);
    await bench.time.advance(1_000);
  }
  const [listed] = await bench.run(first.app.parked.list());
  assert.equal(listed!.state, "parked");
});

test("S4.6 what is let go of while a rule has it wait is let go of at once", async (t) => {
  const bench = await startWorkerBench(t);
  let isBroken = true;
  const process = parking(bench, "w").job(
    "q",
    () => {
      throw isBroken ? new Error("does not work") : new RangeError("later");
    },
    { retryOn: [{ errors: [RangeError], wait: "1h", jitter: 0 }] },
  );
  await process.work();
  await produce(bench, ["a", "a"]);
  await bench.until(() => drained(bench));
  isBroken = false;
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => bench.starts.length === 2);
  await bench.time.advance(2_000);
  await bench.run(process.app.parked.discard({ queue: "q" }));
  await bench.until(() => process.seen("discarded").length === 2, 10_000);
  assert.deepEqual(await bench.run(process.app.parked.list()), []);
});

test("S4.6 what is let go of while it runs is let go of though it fails for good, with those behind it", async (t) => {
  const bench = await startWorkerBench(t);
  const process = parking(bench, "w").job("q", async () => {
    await process.sleep(1_000);
    throw new Error("does not work");
  });
  await process.work();
  await produce(bench, ["a", "a"]);
  await bench.until(() => drained(bench));
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => bench.starts.length === 2);
  await bench.run(process.app.parked.discard({ queue: "q" }));
  await bench.until(() => process.seen("discarded").length === 2);
  assert.deepEqual(bench.ran("q", 0), [0, 0]);
  assert.deepEqual(await bench.run(process.app.parked.list()), []);
});

test("S4.6 S7.9 requests are heard though the group's state topic was cut, and an event says that it was", async (t) => {
  const bench = await startWorkerBench(t);
  let isBroken = true;
  const process = parking(bench, "w").job("q", () => {
    if (isBroken) throw new Error("does not work");
  });
  await process.work();
  await produce(bench, ["a", "b"]);
  await bench.until(() => drained(bench));
  isBroken = false;
  await bench.run(process.app.parked.discard({ queue: "q", key: "b" }));
  await bench.until(() => process.seen("discarded").length === 1);
  await bench.time.advance(2_000);
  const state = bench.broker.topics().find(({ name }) => name === "workers-state")!;
  const { index, logEndOffset } = state.partitions.find((each) => each.logEndOffset > 0)!;
  bench.broker.faults.truncate("workers-state", index, logEndOffset - 2);
  await bench.time.advance(5_000);
  await bench.run(process.app.parked.release({ queue: "q", key: "a" }));
  await bench.until(() => bench.ran("q", 0).length === 3, 20_000);
  assert.ok(process.seen("error").some(({ during }) => during === "following the group's state"));
});

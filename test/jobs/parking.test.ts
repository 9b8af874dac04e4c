import assert from "node:assert/strict";
import { test } from "node:test";
import { drained, keyed, mixed, produce, range, Scene, type Work } from "../support/parking-scene.ts";
import { startWorkerBench } from "../support/worker-bench.ts";

test("S4.6 a job that failed for good is parked with every later one of its key, in order, and the others go on", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w");
  await produce(bench, mixed(keyed("a", 4, "fails"), keyed("b", 4, undefined)));
  const worker = await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(scene.done, ["b0", "b1", "b2", "b3"]);
  assert.deepEqual(bench.ran("q", 0).filter((offset) => offset === 0).length, 3, "maxRetries 2: three runs");
  assert.deepEqual(scene.kept, { park: 4 });
  assert.deepEqual(
    process.seen("parked").map(({ job, error }) => [job.offset, (error as Error | undefined)?.message]),
    [
      [0, "does not work"],
      [2, undefined],
      [4, undefined],
      [6, undefined],
    ],
  );
  assert.deepEqual(worker.status().partitions[0]!.parked, { keys: 1, jobs: 4 });
  const [listed] = await bench.run(process.app.parked.list());
  assert.deepEqual(listed, {
    ...{ topic: "q", partition: 0, offset: 0, key: "a", jobs: 4, job: "work" },
    ...{ error: "Error: does not work", state: "parked" },
  });
});

test("S4.6 a released key runs in order, with newcomers behind it, and is parked no more once none is left", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w");
  await produce(bench, keyed("a", 20, "fails"));
  const worker = await process.work();
  await bench.until(() => drained(bench));
  scene.isBroken = false;
  assert.equal(await bench.run(process.app.parked.release({ queue: "q", key: "a" })), 1);
  await bench.until(() => scene.done.length >= 3);
  await produce(
    bench,
    range(5).map((i) => ({ key: "a", n: 20 + i })),
  );
  await bench.until(() => scene.done.length === 25);
  assert.deepEqual(
    scene.done,
    range(25).map((n) => `a${n}`),
  );
  await bench.until(() => drained(bench) && Object.keys(scene.kept).length === 0);
  assert.deepEqual(worker.status().partitions[0]!.parked, { keys: 0, jobs: 0 });
  assert.equal(process.seen("parked").at(-1)!.job.offset > 19, true, "newcomers were parked behind the others");
  await produce(bench, [{ key: "a", n: 25 }]);
  await bench.until(() => scene.done.at(-1) === "a25");
  assert.deepEqual(await bench.run(process.app.parked.list()), []);
});

test("S4.6 a released job begins anew, waits as others do, and is parked again if it fails for good", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w");
  await produce(bench, keyed("a", 3, "fails"));
  await process.work();
  await bench.until(() => drained(bench));
  await bench.run(process.app.parked.release({ places: [{ topic: "q", partition: 0, offset: 2 }] }));
  await bench.until(() => process.seen("parked").length === 4);
  const again = bench.starts.slice(3);
  assert.deepEqual(
    again.map(({ offset, attempt }) => [offset, attempt]),
    [
      [0, 1],
      [0, 2],
      [0, 3],
    ],
  );
  const waits = again.slice(1).map(({ at }, i) => at - again[i]!.at);
  assert.ok(waits[0]! >= 100 && waits[1]! >= 200, `${waits}`);
  assert.deepEqual(scene.kept, { park: 3 }, "the request is in force no more");
  assert.equal((await bench.run(process.app.parked.list()))[0]!.state, "parked");
  scene.isBroken = false;
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => scene.done.length === 3);
  assert.deepEqual(scene.done, ["a0", "a1", "a2"]);
});

test("S4.6 what is discarded ends, each job with its event", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w");
  await produce(bench, mixed(keyed("a", 3, "fails"), keyed("b", 2, "fails")));
  await process.work();
  await bench.until(() => drained(bench));
  await bench.run(process.app.parked.discard({ queue: "q", key: "a" }));
  await bench.until(() => process.seen("discarded").length === 3);
  assert.deepEqual(
    process.seen("discarded").map(({ job }) => job.offset),
    [0, 2, 4],
  );
  await bench.until(() => scene.kept.discard === undefined);
  assert.deepEqual(scene.kept, { park: 2 });
  assert.deepEqual(scene.done, []);
});

test("S4.6 a job without a key is parked alone", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w");
  await produce(bench, [{ n: 0, does: "fails" }, { n: 1 }, { n: 2, does: "fails" }, { n: 3 }]);
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(scene.done, ["1", "3"]);
  const listed = await bench.run(process.app.parked.list());
  assert.deepEqual(
    listed.map(({ offset, key, jobs }) => [offset, key, jobs]),
    [
      [0, undefined, 1],
      [2, undefined, 1],
    ],
  );
  scene.isBroken = false;
  await bench.run(process.app.parked.release({ places: [listed[1]!] }));
  await bench.until(() => scene.done.includes("2"));
  assert.deepEqual(scene.kept, { park: 1 });
});

test("S4.6 S5 in lanes a key is parked with what is behind it, and released beside the others", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench, { virtualPartitions: { max: 3 } });
  const process = scene.process("w");
  await produce(bench, mixed(keyed("a", 5, "fails"), keyed("b", 5, undefined), keyed("c", 5, "fails")));
  await process.work();
  await bench.until(() => drained(bench), 300_000);
  assert.deepEqual(scene.done, ["b0", "b1", "b2", "b3", "b4"]);
  assert.deepEqual(scene.kept, { park: 10 });
  scene.isBroken = false;
  await bench.run(process.app.parked.release({ queue: "q" }));
  await produce(bench, mixed(keyed("a", 1, undefined), keyed("d", 3, undefined)));
  await bench.until(() => drained(bench) && Object.keys(scene.kept).length === 0);
  const of = (key: string): string[] => scene.done.filter((each) => each.startsWith(key));
  assert.deepEqual(of("a"), ["a0", "a1", "a2", "a3", "a4", "a0"]);
  assert.deepEqual(of("c"), ["c0", "c1", "c2", "c3", "c4"]);
  assert.deepEqual(of("d"), ["d0", "d1", "d2"]);
});

test("S4.6 S5.1 jobs that share a lane by the queue's own partitioner are parked together", async (t) => {
  const bench = await startWorkerBench(t);
  const partitioner = ({ payload }: { readonly payload: unknown }): string => `group-${(payload as Work).n! % 2}`;
  const scene = new Scene(bench, { virtualPartitions: { max: 3, partitioner } });
  const process = scene.process("w");
  await produce(bench, [
    { key: "a", n: 0, does: "fails" },
    { key: "b", n: 1 },
    { key: "c", n: 2 },
    { key: "d", n: 3 },
  ]);
  await process.work();
  await bench.until(() => drained(bench), 300_000);
  assert.deepEqual(scene.done, ["b1", "d3"]);
  assert.deepEqual(scene.kept, { park: 2 });
});

test("S4.6 what is not parked cannot be released, and what makes no sense is refused by name", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w");
  await process.work();
  const { parked } = process.app;
  const place = { topic: "q", partition: 0, offset: 7 };
  for (const selection of [{ queue: "q" }, { queue: "q", key: "a" }, { places: [place] }])
    await assert.rejects(bench.run(parked.release(selection)), { name: "NotParkedError", message: /q/ });
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{}, /release: say which/],
    [{ key: "a" }, /release: say which/],
    [{ queue: "q", places: [place] }, /release\.places.*say it one way/],
    [{ places: [] }, /release\.places.*a list of places/],
    [{ queue: "q", keys: "a" }, /did you mean "key"/],
  ];
  for (const [selection, message] of wrong)
    await assert.rejects(parked.release(selection), { name: "InvalidOptionError", message });
});

test("S4.6 a job that can never be read is not parked: it blocks, or is a dead letter", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const scene = new Scene(bench, { deadLetterQueue: { topic: "d" } });
  const process = scene.process("w");
  await bench.produceRecords([{ topic: "q", partition: 0, key: "a", value: "1" }]);
  await produce(bench, [{ key: "a", n: 1 }]);
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual([scene.done, bench.records("d", 0).length, process.seen("parked").length], [["a1"], 1, 0]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { madeBatch } from "../support/made-batch.ts";
import { SCHEDULE, ScheduleScene, startScheduleScene } from "../support/schedule-scene.ts";
import { underBoth, type WorkerProcess } from "../support/worker-bench.ts";

const loads = (process: WorkerProcess): number => process.seen("scheduleLoaded").length;
const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

underBoth("S7.3 a schedule topic that is deleted and made again is loaded anew, also amid a load", async (t) => {
  for (const when of ["running", "loading"] as const) {
    const { bench, scene } = await startScheduleScene(t);
    const process = scene.process("w");
    await scene.remindMany(process, 100, { from: 60_000, to: 61_000 });
    const { faults } = bench.broker;
    // So long that all it has asked for so far is of the topic before.
    const slow = faults.delay({ api: "Fetch", ms: when === "loading" ? 2_000 : 1, times: Number.POSITIVE_INFINITY });
    const worker = await process.work();
    if (when === "running") await bench.until(() => loads(process) === 1);
    else await bench.until(() => worker.status().schedules[0]?.state === "loading");
    await bench.time.advance(1_000);
    await bench.run(bench.broker.deleteTopic(SCHEDULE));
    await bench.broker.createTopic(SCHEDULE, { partitions: 1, configs: { "cleanup.policy": "compact" } });
    await bench.time.advance(30_000);
    slow.cancel();
    await scene.remind(process, 1_000, { wait: "5s" });
    await bench.until(() => scene.ran.length === 1, 120_000);
    assert.deepEqual(scene.numbers, [1_000], when);
    await bench.until(() => worker.status().schedules[0]?.entries === 0);
    assert.equal(scene.left().size, 0);
  }
});

test("S7.3 a log that was truncated is loaded again, whatever was being read of it", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  // One by one, so that each is a batch of its own.
  for (const n of range(0, 40)) await scene.remind(process, n, { waitUntil: ScheduleScene.instant(200_000 + n) });
  await process.work();
  await bench.until(() => loads(process) === 1);
  bench.broker.faults.truncate(SCHEDULE, 0, 30);
  await bench.until(() => loads(process) === 2, 60_000);
  // Amid what is read ahead: it waits for what will never be there.
  const slow = bench.broker.faults.delay({ api: "Fetch", ms: 1_500, times: 4 });
  await bench.until(() => bench.time.elapsed > 168_000, 200_000);
  bench.broker.faults.truncate(SCHEDULE, 0, 20);
  await bench.until(() => loads(process) === 3, 60_000);
  await scene.remind(process, 100, { waitUntil: ScheduleScene.instant(201_000) });
  await bench.until(() => scene.numbers.includes(100), 60_000);
  assert.ok(slow.used > 0);
  assert.deepEqual(scene.numbers, [...range(0, 20), 100]);
  assert.equal(scene.left().size, 0);
});

test("S7.3 records that were deleted are forgotten, and the others are dispatched", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  for (const n of range(0, 30)) await scene.remind(process, n, { waitUntil: ScheduleScene.instant(100_000 + n) });
  const worker = await process.work();
  await bench.until(() => loads(process) === 1);
  bench.log(SCHEDULE, 0).deleteBefore(12);
  await bench.until(() => scene.ran.length === 18, 200_000);
  assert.deepEqual(scene.numbers, range(12, 30));
  await bench.until(() => worker.status().schedules[0]?.entries === 0, 60_000);
});

test("S7.3 a log that cannot be read is tried again and again, ever more seldom, and gone on with once it can", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  await scene.remind(process, 0, { waitUntil: ScheduleScene.instant(100_000) });
  const worker = await process.work();
  await bench.until(() => loads(process) === 1);
  const log = bench.log(SCHEDULE, 0);
  const at = log.endOffset;
  // Its attributes say that it is compressed, which it is not.
  const bytes = madeBatch({ baseOffset: at, records: [{ key: "k", value: "v" }], codecId: 1 });
  log.append({ bytes, offsetCount: 1, maxTimestamp: 0 }, 0);
  await bench.until(() => process.seen("error").length > 0, 20_000);
  const began = bench.time.elapsed;
  await bench.time.advance(600_000);
  const errors = process.seen("error");
  assert.match(String(errors[0]!.error), /cannot read later\/0/);
  assert.ok(errors.length < 2 + (bench.time.elapsed - began) / 20_000, `${errors.length} errors`);
  assert.equal(worker.status().schedules[0]!.state, "loading");
  log.deleteBefore(at + 1);
  await scene.remind(process, 1, { wait: "1s" });
  await bench.until(() => scene.numbers.includes(1), 120_000);
});

test("S7.3 S8.7 what lies on the border of compaction is dispatched all the same, once", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  await scene.remindMany(process, 200, { from: 20_000, to: 60_000 });
  await process.work();
  while (scene.ran.length < 200) {
    await bench.time.advance(3_000);
    await bench.broker.compact(SCHEDULE);
  }
  await bench.until(() => scene.left().size === 0);
  assert.deepEqual(sorted(scene.dispatched), range(0, 200));
  const next = scene.process("next");
  process.crash();
  await next.work();
  await bench.until(() => loads(next) === 1, 60_000);
  assert.equal(next.seen("scheduleLoaded")[0]!.entries, 0);
});

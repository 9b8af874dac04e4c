import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchBuilder } from "../../protocol/batch-builder.ts";
import { type KafkaRecord, readFetched } from "../../protocol/records.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import { ApartTargets } from "../../src/jobs/apart-targets.ts";
import { ScheduleContents } from "../../src/jobs/schedule-contents.ts";
import { ScheduleIndex } from "../../src/jobs/schedule-index.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";
import { SCHEDULE, ScheduleScene, startScheduleScene } from "../support/schedule-scene.ts";
import { BENCH_START, startWorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const loads = (process: WorkerProcess): number => process.seen("scheduleLoaded").length;

test("S7.5 S8.5 an owner that is released amid the answer to a request leaves the entry as it is", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  const worker = await process.work();
  await bench.until(() => loads(process) === 1);
  const job = await scene.remind(process, 0, { wait: "3m" });
  await bench.time.advance(5_000);
  // The request comes with the fetch that is under way; the entry it is about has to be read for it, which takes long.
  const read = bench.broker.faults.delay({
    api: "Fetch",
    ms: 3_000,
    where: ({ clientId }) => clientId === "w",
    times: 6,
  });
  const asker = scene.process("asker");
  const verdict = bench.run(asker.app.reschedule(job, { wait: "6m" })).catch((error: Error) => error.name);
  await bench.until(() => read.used >= 2, 5_000);
  await bench.run(worker.close());
  const next = scene.process("next");
  await next.work();
  assert.notEqual(await verdict, "tooLate");
  await bench.until(() => scene.ran.length === 1, 500_000);
  assert.ok(scene.ran[0]!.at >= 360_000, `it ran at ${scene.ran[0]!.at}`);
});

const ENTRY = "01999999-9999-7999-8999-000000000001";

/** A record of an entry, at an offset. */
function entry(offset: number, due: number, headers: readonly (readonly [string, string])[] = []): KafkaRecord {
  const builder = new BatchBuilder(10_000);
  const all = [["ottla-at", new Date(due).toISOString()] as const, ...headers];
  builder.append(
    encodeUtf8(ENTRY),
    encodeUtf8("v"),
    0,
    all.map(([name, text]) => [name, encodeUtf8(text)] as const),
  );
  const bytes = builder.stamped({ producerId: -1, producerEpoch: -1, baseSequence: -1 } as never);
  new DataView(bytes.buffer, bytes.byteOffset).setBigInt64(0, BigInt(offset));
  return readFetched(bytes as Uint8Array<ArrayBuffer>, offset, null, 1 << 20).records[0]!;
}

const VERDICT = [
  ["ottla-verdict", "rescheduled"],
  ["ottla-request", "request/1"],
] as const;

test("S7.5 what an owner has written itself, and reads late, brings nothing back that it has dispatched, cancelled or moved since", () => {
  const gone: number[] = [];
  const contents = new ScheduleContents((offset) => void gone.push(offset));
  assert.equal(contents.follow(entry(10, BENCH_START)), BENCH_START);
  contents.moved(ENTRY, BENCH_START + 5, 15);
  contents.moved(ENTRY, BENCH_START + 9, 20);
  assert.equal(contents.follow(entry(15, BENCH_START + 5, VERDICT)), undefined);
  assert.deepEqual([contents.offsetOf(ENTRY), contents.index.dueOf(contents.index.first)], [20, BENCH_START + 9]);
  assert.equal(contents.follow(entry(20, BENCH_START + 9, VERDICT)), BENCH_START + 9, "what it still has may be kept");
  contents.forget(ENTRY);
  assert.equal(contents.follow(entry(20, BENCH_START + 9, VERDICT)), undefined);
  assert.equal(contents.index.size, 0);
  assert.deepEqual(gone, [10, 15, 20], "nothing of them is kept");
  assert.equal(contents.take(entry(20, BENCH_START + 9, VERDICT)), BENCH_START + 9, "whoever loads takes it");
});

test("S7.4 what was held for a target, and is gone, gives its place to another entry, which is none of that target's", () => {
  const clock = new VirtualClock().instance();
  const index = new ScheduleIndex();
  const apart = new ApartTargets(clock, index);
  apart.failed({ topic: "t", partition: 0 });
  const target = apart.get({ topic: "t", partition: 0 })!;
  const id = (n: number): Int32Array => new Int32Array([1, 2, 3, n]);
  const keeps = index.set(id(0), 1, 0);
  const [a, b] = [index.set(id(1), 10, 1), index.set(id(2), 11, 2)];
  apart.hold(target, a);
  apart.hold(target, b);
  index.remove(a);
  assert.equal(index.set(id(3), 5, 7), a, "the place is used again");
  assert.deepEqual(apart.takeFirst(target, 100), { place: b, offset: 2 });
  apart.hold(target, b);
  apart.rejoin(target);
  assert.deepEqual(
    index.next(10, 100).map((place) => index.offsetOf(place)),
    [0, 7, 2],
  );
  index.remove(keeps);
  // A target that nothing waits for any more is asked no more.
  apart.failed({ topic: "t", partition: 0 });
  apart.forgetUnwanted();
  assert.deepEqual(apart.all, []);
});

test("S7.5 S8.7 rescheduled into the past while reading lags behind: dispatched once, and its cancellation holds", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  await process.work();
  await bench.until(() => loads(process) === 1);
  const asker = scene.process("asker");
  for (let n = 0; n < 20; n++) {
    const job = await scene.remind(process, n, { wait: "1h" });
    await bench.time.advance(1_000);
    bench.broker.faults.delay({ api: "Fetch", ms: 100 + 37 * n, where: ({ clientId }) => clientId === "w" });
    const [moved, cancelled] = await bench.run(
      Promise.all([
        asker.app.reschedule(job, { waitUntil: ScheduleScene.instant(bench.time.elapsed - 10) }),
        asker.app.cancel(job),
      ]),
    );
    assert.equal(moved, "rescheduled");
    await bench.time.advance(5_000);
    assert.equal(
      scene.dispatched.filter((each) => each === n).length,
      cancelled === "cancelled" ? 0 : 1,
      `${n}: ${cancelled}`,
    );
  }
  assert.equal(scene.left().size, 0);
});

test("S7.5 many who ask, one after the other, hold up nothing that falls due", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  const uuid = "01999999-9999-7999-8999-";
  const requests = Array.from({ length: 5_000 }, (_, n) => ({
    ...{ topic: SCHEDULE, partition: 0, key: `request/${n}` },
    value: JSON.stringify({ kind: "cancel", entry: uuid + n.toString(16).padStart(12, "0") }),
  }));
  await bench.produceRecords(requests);
  await scene.remind(process, 0, { wait: "1s" });
  await bench.time.advance(2_000);
  // Each answer takes a while.
  bench.broker.faults.delay({ api: "EndTxn", ms: 1_000, times: Number.POSITIVE_INFINITY });
  await process.work({ queues: [] });
  await bench.until(() => scene.dispatched.length === 1, 5_000);
  assert.ok(scene.left().size > 3_000);
});

test("S7.5 a verdict that does not fit beside an entry holds up nobody else's", async (t) => {
  const bench = await startWorkerBench(t);
  const configs = { "cleanup.policy": "compact", "max.message.bytes": "1000" };
  await bench.broker.createTopic(SCHEDULE, { partitions: 1, configs });
  await bench.broker.createTopic(`${SCHEDULE}-dead`, { partitions: 1 });
  const scene = new ScheduleScene(bench);
  const process = scene.process("w");
  await process.work();
  await bench.until(() => loads(process) === 1);
  const at = ScheduleScene.instant(60_000);
  // As large as can be.
  let largest: Awaited<ReturnType<typeof process.app.schedule>> | undefined;
  for (let size = 400, step = 256; step > 0; step >>= 1) {
    const made = await bench
      .run(process.app.schedule({ topic: "q", key: "k", value: "v".repeat(size), at }))
      .catch((error: Error) => error);
    if (made instanceof Error) size -= step;
    else [largest, size] = [made, size + step];
  }
  const small = await scene.remind(process, 1, { wait: "2m" });
  const asker = scene.process("asker");
  const verdicts = await bench.run(
    Promise.allSettled([
      asker.app.reschedule(largest!, { wait: "1h" }),
      asker.app.reschedule(small, { wait: "90s" }),
      asker.app.cancel({ ...small, entry: "01999999-9999-7999-8999-000000000001" }),
    ]),
  );
  assert.deepEqual(
    verdicts.map((each) => (each.status === "fulfilled" ? each.value : (each.reason as Error).name)),
    ["SchedulerUnavailableError", "rescheduled", "tooLate"],
  );
  await bench.until(() => scene.left().size === 0, 200_000);
  const errors = process.seen("error").filter(({ during }) => during.startsWith("answering"));
  assert.ok(errors.length > 0 && errors.length < 5, `${errors.length}`);
});

test("S7.4 an entry in a key that is no text is put into the topic for such once, whoever owns the partition", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  await bench.produceRecords([{ topic: SCHEDULE, partition: 0, key: new Uint8Array([0xff, 0xfe]), value: "v" }]);
  for (const name of ["first", "second"]) {
    const process = scene.process(name);
    const worker = await process.work({ queues: [] });
    await bench.until(() => loads(process) === 1);
    await bench.time.advance(10_000);
    await bench.run(worker.close());
  }
  assert.equal(bench.committedRecords(`${SCHEDULE}-dead`, 0).length, 1);
  const last = bench.committedRecords(SCHEDULE, 0).at(-1)!;
  assert.deepEqual([last.key, last.value], [new Uint8Array([0xff, 0xfe]), null]);
});

test("S7.4 a target whose name no topic can have goes to the topic for such", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  const headers = {
    "ottla-at": new Date(BENCH_START).toISOString(),
    "ottla-target": "no topic!",
    "ottla-target-partition": "0",
  };
  await bench.produceRecords([{ topic: SCHEDULE, partition: 0, key: ENTRY, value: "v", headers }]);
  await process.work({ queues: [] });
  await bench.until(() => scene.left().size === 0, 60_000);
  assert.equal(bench.committedRecords(`${SCHEDULE}-dead`, 0).length, 1);
});

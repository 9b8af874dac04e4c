import assert from "node:assert/strict";
import { test } from "node:test";
import { UndispatchableError } from "../../src/jobs/schedule-errors.ts";
import { headersOf, SCHEDULE, ScheduleScene, startScheduleScene } from "../support/schedule-scene.ts";
import { BENCH_START, startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

/** Schedules plain messages for a topic, due at one instant after the other. */
async function messages(
  bench: WorkerBench,
  process: WorkerProcess,
  topic: string,
  count: number,
  more: { readonly partition?: number; readonly value?: string } = {},
): Promise<void> {
  const at = BENCH_START + bench.time.elapsed + 5_000;
  const all = Array.from({ length: count }, (_, i) =>
    process.app.schedule({ topic, key: `${topic}-${i}`, value: `${i}`, at: at + i, ...more }),
  );
  await bench.run(Promise.all(all));
}

const values = (bench: WorkerBench, topic: string, partition = 0): string[] =>
  bench.committedRecords(topic, partition).map(({ value }) => new TextDecoder().decode(value!));

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}`);

/** Nodes that lead the topic `away`, and the schedule topic. */
const [AWAY, OWN] = [3, 2];

/** A worker that dispatches to the topics `here` and `away`, whose leaders may be there and take nothing; twenty messages wait for `away`. */
async function startApart(t: Parameters<typeof startScheduleScene>[0]) {
  const { bench, scene } = await startScheduleScene(t, { nodes: 3, topics: { q: 1, here: 1, away: 1 } });
  const process = scene.process("w");
  const worker = await process.work({ queues: [] });
  await bench.until(() => worker.status().schedules[0]?.state === "running");
  await messages(bench, process, "away", 20);
  const { faults } = bench.broker;
  faults.moveLeader("away", 0, AWAY);
  faults.moveLeader("here", 0, 1);
  faults.moveLeader(SCHEDULE, 0, OWN);
  const takeNothing = (node: number) =>
    faults.fail({ api: "Produce", node, errorCode: 19, times: Number.POSITIVE_INFINITY });
  return { bench, scene, process, worker, takeNothing };
}

test("S7.4 a target whose leader is away is set apart, the others go on, and it gets all of its own once it is back", async (t) => {
  const { bench, scene, process, worker, takeNothing } = await startApart(t);
  await messages(bench, process, "here", 20);
  const fault = takeNothing(AWAY);
  await bench.until(() => values(bench, "here").length === 20, 60_000);
  assert.deepEqual(values(bench, "here"), numbers(20));
  await bench.until(() => worker.status().schedules[0]!.apart.length === 1);
  assert.deepEqual(worker.status().schedules[0]!.apart, [{ topic: "away", partition: 0 }]);
  const [trouble] = process.seen("error");
  assert.deepEqual([trouble!.topic, trouble!.partition], ["away", 0]);
  await messages(bench, process, "here", 3);
  await bench.until(() => values(bench, "here").length === 23, 30_000);
  fault.cancel();
  await bench.until(() => scene.left().size === 0, 120_000);
  assert.deepEqual(values(bench, "away"), numbers(20));
  assert.deepEqual(worker.status().schedules[0]!.apart, []);
});

test("S7.2 S7.4 a target that was set apart gets its own in order, though nothing can be written when it is tried", async (t) => {
  const { bench, scene, process, worker, takeNothing } = await startApart(t);
  const away = takeNothing(AWAY);
  await bench.until(() => worker.status().schedules[0]!.apart.length === 1);
  // Its own log is not written either, which is no failure of the target.
  const own = takeNothing(OWN);
  away.cancel();
  const untried = process.seen("error").length;
  await bench.until(() =>
    process
      .seen("error")
      .slice(untried)
      .some(({ topic }) => topic === SCHEDULE),
  );
  own.cancel();
  await bench.until(() => scene.left().size === 0, 120_000);
  assert.deepEqual(values(bench, "away"), numbers(20));
});

test("S7.4 a target that does not exist is set apart, and gets its own once it is there", async (t) => {
  const bench = await startWorkerBench(t);
  await ScheduleScene.topics(bench);
  await bench.broker.createTopic("gone", { partitions: 1 });
  const scene = new ScheduleScene(bench);
  const process = scene.process("w");
  await messages(bench, process, "gone", 3);
  await scene.remind(process, 7, { wait: "5s" });
  await bench.run(bench.broker.deleteTopic("gone"));
  const worker = await process.work();
  await bench.until(() => scene.ran.length === 1, 60_000);
  assert.equal(scene.left().size, 3);
  assert.equal(worker.status().schedules[0]!.entries, 3);
  await bench.broker.createTopic("gone", { partitions: 1 });
  await bench.until(() => scene.left().size === 0, 120_000);
  assert.deepEqual(values(bench, "gone"), numbers(3));
});

test("S7.4 what a broker never takes goes to the topic for such, alone, with an event, and the others arrive in order", async (t) => {
  const bench = await startWorkerBench(t);
  await ScheduleScene.topics(bench);
  await bench.broker.createTopic("small", { partitions: 1, configs: { "max.message.bytes": "1000" } });
  const scene = new ScheduleScene(bench);
  const process = scene.process("w");
  const at = BENCH_START + 5_000;
  const sizes = [1, 1, 2_000, 1, 3_000, 1];
  await bench.run(
    Promise.all(
      sizes.map((size, i) =>
        process.app.schedule({ topic: "small", key: "k", value: `${i}`.repeat(size), at: at + i }),
      ),
    ),
  );
  await process.work({ queues: [] });
  await bench.until(() => scene.left().size === 0, 60_000);
  assert.deepEqual(values(bench, "small"), ["0", "1", "3", "5"]);
  const dead = bench.committedRecords(`${SCHEDULE}-dead`, 0);
  assert.deepEqual(
    dead.map(({ value }) => value!.length),
    [2_000, 3_000],
  );
  const headers = headersOf(dead[0]!);
  assert.match(headers["ottla-error"]!, /UndispatchableError.*larger than max\.message\.bytes/);
  assert.equal(headers["ottla-origin"], `${SCHEDULE}/0/2`);
  assert.equal(headers["ottla-target"], "small");
  const told = process.seen("undispatchable");
  assert.deepEqual(
    told.map(({ from, to }) => [from.offset, to]),
    [
      [2, { topic: `${SCHEDULE}-dead`, partition: 0 }],
      [4, { topic: `${SCHEDULE}-dead`, partition: 0 }],
    ],
  );
  assert.ok(told[0]!.error instanceof UndispatchableError);
});

test("S7.4 what is too large for its target is kept beside however large it is, in topics as they are made by apply", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new ScheduleScene(bench);
  const process = scene.process("w");
  await bench.run(process.app.topics.apply());
  const at = BENCH_START + 5_000;
  const largest = 8 * 1024 * 1024 - 2_000;
  for (const size of [3_000_000, largest])
    await bench.run(process.app.schedule({ topic: "q", key: "k", value: new Uint8Array(size), at }));
  await process.work({ queues: [] });
  await bench.until(() => process.seen("undispatchable").length === 2, 60_000);
  assert.equal(scene.left().size, 0);
  assert.deepEqual(
    bench.committedRecords(`${SCHEDULE}-dead`, 0).map(({ value }) => value!.length),
    [3_000_000, largest],
  );
});

test("S7.4 what does not say when it is due or where it goes is put into the topic for such, whatever it is", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w");
  const uuid = "01999999-9999-7999-8999-00000000000";
  const to = { topic: SCHEDULE, partition: 0, value: "v" };
  const whole = { "ottla-at": "2027-01-15T08:00:01.000Z", "ottla-target": "q", "ottla-target-partition": "0" };
  await bench.produceRecords([
    { ...to, key: "no uuid", headers: whole },
    { ...to, key: `${uuid}1`, headers: { ...whole, "ottla-at": "soon" } },
    { ...to, key: `${uuid}2`, headers: {} },
    { ...to, key: `${uuid}3`, headers: { ...whole, "ottla-target": "" } },
    { ...to, key: `${uuid}4`, headers: { ...whole, "ottla-target-partition": "-1" } },
    { ...to, key: `${uuid}5`, headers: { ...whole, "ottla-target-partition": "7" } },
    { ...to, key: `${uuid}A`, headers: whole },
    { ...to, key: `${uuid}6`, headers: whole },
  ]);
  await process.work({ queues: [] });
  await bench.until(() => scene.left().size === 0, 60_000);
  assert.deepEqual(
    bench
      .records(`${SCHEDULE}-dead`, 0)
      .map(({ key }) => new TextDecoder().decode(key!))
      .sort(),
    [1, 2, 3, 4, 5]
      .map((n) => `${uuid}${n}`)
      .concat(`${uuid}A`, "no uuid")
      .sort(),
  );
  assert.deepEqual(values(bench, "q"), ["v"]);
});

test("S7.4 where the topic for such does not take it, it stays, and the others go on", async (t) => {
  const { bench, scene } = await startScheduleScene(t, { nodes: 3 });
  const process = scene.process("w");
  for (const [topic, node] of [
    [`${SCHEDULE}-dead`, 3],
    ["q", 1],
    [SCHEDULE, 2],
  ] as const)
    bench.broker.faults.moveLeader(topic, 0, node);
  const worker = await process.work();
  await bench.until(() => worker.status().schedules[0]?.state === "running");
  const fault = bench.broker.faults.fail({ api: "Produce", node: 3, errorCode: 19, times: Number.POSITIVE_INFINITY });
  await bench.produceRecords([{ topic: SCHEDULE, partition: 0, key: "no uuid", value: "7" }]);
  await scene.remind(process, 1, { wait: "1s" });
  await bench.until(() => scene.ran.length === 1, 30_000);
  assert.ok(fault.used > 0);
  assert.deepEqual([...scene.left().keys()], ["no uuid"]);
  fault.cancel();
  await bench.until(() => scene.left().size === 0, 60_000);
  assert.deepEqual(values(bench, `${SCHEDULE}-dead`), ["7"]);
});

test("S3.11 a worker whose schedule topic's partition dispatches nothing that is due is not well, one that gets on is", async (t) => {
  const { bench, scene } = await startScheduleScene(t, { nodes: 3 });
  const process = scene.process("w");
  for (const [topic, node] of [
    [SCHEDULE, 3],
    ["q", 1],
  ] as const)
    bench.broker.faults.moveLeader(topic, 0, node);
  const worker = await process.work({ stuckAfter: "30s" });
  await scene.remind(process, 1, { wait: "10s" });
  await bench.time.advance(5_000);
  assert.deepEqual(worker.health(), { ok: true, problems: [] });
  // It takes nothing: nothing can be told to be dispatched.
  const fault = bench.broker.faults.fail({ api: "Produce", node: 3, errorCode: 19, times: Number.POSITIVE_INFINITY });
  await bench.time.advance(20_000);
  assert.equal(worker.health().ok, true);
  await bench.time.advance(30_000);
  const [problem] = worker.health().problems;
  assert.deepEqual([problem!.kind, problem!.topic, problem!.partition], ["late", SCHEDULE, 0]);
  assert.match(problem!.message, /later\/0 has dispatched nothing for \d+ s: what is due is not taken/);
  fault.cancel();
  await bench.until(() => scene.ran.length === 1, 60_000);
  await bench.time.advance(1_000);
  assert.deepEqual(worker.health(), { ok: true, problems: [] });
});

import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import { stateOf } from "../../src/jobs/app.ts";
import { ScheduleTopicSharedError } from "../../src/jobs/schedule-errors.ts";
import { SCHEDULE, type ScheduleScene, startScheduleScene } from "../support/schedule-scene.ts";
import { HEARTBEAT_API, underBoth, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);

/** Each of so many was dispatched exactly once, none early, and nothing waits any more. */
function assertEachOnce(
  scene: ScheduleScene,
  count: number,
  due: (n: number) => number = () => 0,
  partitions = 1,
): void {
  assert.deepEqual(sorted(scene.dispatched), numbers(count));
  assert.deepEqual(sorted([...new Set(scene.numbers)]), numbers(count));
  for (const { n, at } of scene.ran) assert.ok(at >= due(n), `${n} was due at ${due(n)}, and ran at ${at}`);
  for (const partition of numbers(partitions)) assert.equal(scene.left(partition).size, 0);
}

/** Who has taken the id over from now on: as the one who has it anybody may ask, and is refused. */
function takeovers(bench: WorkerBench): string[] {
  const seen: string[] = [];
  bench.broker.observe(({ api, clientId, body }) => {
    if (api !== "InitProducerId") return;
    const { transactionalId, producerId } = body as { transactionalId: string | null; producerId: unknown };
    if (transactionalId !== null && Number(producerId) === -1) seen.push(clientId!);
  });
  return seen;
}

const loads = (process: WorkerProcess): number => process.seen("scheduleLoaded").length;

underBoth("S7.3 S8.7 workers come and go while thousands fall due, and each is dispatched once", async (t) => {
  const { bench, scene } = await startScheduleScene(t, { topics: { q: 4 } }, 4);
  const a = scene.process("a");
  const first = await a.work();
  await scene.remindMany(a, 2_000, { from: 10_000, to: 20_000 });
  await bench.until(() => bench.time.elapsed > 11_000);
  const b = scene.process("b");
  await b.work();
  await bench.until(() => bench.time.elapsed > 14_000);
  await scene.process("c").work();
  await bench.until(() => bench.time.elapsed > 17_000);
  await bench.run(first.close());
  // Whether it has run is the cheaper question: the other one reads the whole queue.
  await bench.until(() => scene.ran.length >= 2_000 && scene.dispatched.length >= 2_000, 60_000);
  await bench.until(() => bench.lag("q").every((behind) => behind === 0));
  assertEachOnce(scene, 2_000, (n) => 10_000 + 5 * n, 4);
  assert.ok(a.seen("dispatched").length > 0 && b.seen("dispatched").length > 0);
});

const MOMENTS = [
  { api: "InitProducerId", nth: 1 },
  { api: "Fetch", nth: 3 },
  { api: "Produce", nth: 2 },
  { api: "EndTxn", nth: 1 },
  { api: "EndTxn", nth: 3 },
] as const;

underBoth(
  "S7.3 S7.4 S8.7 an owner dies at any moment, with a transaction open, and the next one dispatches what is left, once",
  async (t) => {
    for (const when of ["beforeApply", "afterApply"] as const)
      for (const { api, nth } of MOMENTS) {
        const { bench, scene } = await startScheduleScene(t);
        const enqueuer = scene.process("enqueuer");
        await scene.remindMany(enqueuer, 1_200, { from: 5_000, to: 8_000 });
        const [first, second] = [scene.process("first"), scene.process("second")];
        let seen = 0;
        // The request counts, or never arrives: its sender hears nothing more.
        bench.broker.faults.drop({ api, when, where: ({ clientId }) => clientId === "first" && ++seen === nth });
        bench.broker.observe((request) => {
          if (request.api === api && request.clientId === "first" && seen + 1 === nth)
            first.clock.soon(() => first.crash());
        });
        await first.work();
        await bench.until(() => first.clock.frozen, 30_000);
        await second.work();
        await bench.until(() => scene.ran.length >= 1_200 && scene.left().size === 0, 120_000);
        assertEachOnce(scene, 1_200, (n) => 5_000 + 2.5 * n - 1);
      }
  },
);

for (const how of ["is frozen", "is cut off"] as const)
  underBoth(
    `S7.3 S8.7 an owner that ${how} amid a transaction commits nothing once the next one has loaded`,
    async (t) => {
      const { bench, scene } = await startScheduleScene(t);
      const old = scene.process("old");
      await old.work();
      const next = scene.process("next");
      await next.work({ sessionTimeout: "30s" });
      await bench.until(() => loads(old) === 1);
      await scene.remindMany(old, 2_000, { from: 30_000, to: 33_000 });
      await bench.until(() => old.seen("dispatched").length > 100, 60_000);
      // Its transaction stays open: it asks for the end of it in vain.
      const held = bench.broker.faults.drop({ api: "EndTxn", where: ({ clientId }) => clientId === "old" });
      await bench.until(() => held.used === 1);
      if (how === "is frozen") old.clock.pause();
      else old.network.isolate();
      await bench.until(() => loads(next) === 1, 60_000);
      const before = old.seen("dispatched").length;
      old.clock.resume();
      old.network.rejoin();
      await bench.until(() => scene.left().size === 0, 60_000);
      await bench.time.advance(20_000);
      assert.equal(old.seen("dispatched").length, before, "the old owner has dispatched nothing more");
      assertEachOnce(scene, 2_000);
      assert.deepEqual(
        [...old.seen("error"), ...next.seen("error")].filter(({ error }) => error instanceof ScheduleTopicSharedError),
        [],
      );
    },
  );

underBoth(
  "S7.3 an owner that was frozen before it could load again does not take the id from the next one",
  async (t) => {
    const { bench, scene } = await startScheduleScene(t);
    const old = scene.process("old");
    bench.broker.faults.fail({ api: "Fetch", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
    await scene.remind(old, 0, { wait: "1h" });
    await old.work({ queues: [] });
    // It waits a little before it loads again, and its process stands still meanwhile.
    await bench.until(() => old.seen("error").length > 0);
    old.clock.pause();
    const next = scene.process("next");
    await next.work({ queues: [] });
    await bench.until(() => loads(next) === 1, 60_000);
    const taken = takeovers(bench);
    old.clock.resume();
    await bench.time.advance(60_000);
    assert.deepEqual(taken, [], "nobody has taken the id from it");
  },
);

underBoth(
  "S7.3 whoever is fenced awaits a heartbeat, and loads again where the partition is still its own",
  async (t) => {
    const { bench, scene } = await startScheduleScene(t);
    const process = scene.process("w");
    await process.work();
    await bench.until(() => loads(process) === 1);
    const thief = scene.process("thief", { group: "others" });
    const stealing = await thief.work({ queues: [] });
    await bench.until(() => loads(thief) === 1);
    await bench.run(stealing.close());
    const log: string[] = [];
    bench.broker.observe(({ api, clientId, body }) => {
      if (clientId !== "w") return;
      const { transactionalId, producerId } = body as { transactionalId?: string | null; producerId?: unknown };
      // As the one who has the id it may ask at any time: it is refused.
      const takesOver = api === "InitProducerId" && transactionalId != null && Number(producerId) === -1;
      if (api === HEARTBEAT_API[t.protocol] || takesOver) log.push(api);
    });
    bench.broker.faults.delay({ api: HEARTBEAT_API[t.protocol], ms: 500, times: Number.POSITIVE_INFINITY });
    await scene.remind(process, 0, { wait: "1s" });
    await bench.until(() => loads(process) === 2, 30_000);
    const at = log.indexOf("InitProducerId");
    assert.ok(at > 0 && log[at - 1] === HEARTBEAT_API[t.protocol], log.join());
    await bench.until(() => scene.ran.length === 1, 30_000);
    assert.deepEqual(process.seen("error"), []);
    assertEachOnce(scene, 1);
  },
);

underBoth(
  "S7.3 two groups on one topic: told once, the partition stops and says so, and what waits is dispatched once",
  async (t) => {
    const { bench, scene } = await startScheduleScene(t);
    const [a, b] = [scene.process("a", { group: "a" }), scene.process("b", { group: "b" })];
    const workers = [await a.work(), await b.work({ queues: [] })];
    await scene.remindMany(a, 60, { from: 10_000, to: 130_000 });
    const stopped = (): number => workers.filter((worker) => worker.status().schedules[0]?.state === "stopped").length;
    await bench.until(() => stopped() > 0, 200_000);
    await bench.until(() => scene.ran.length === 60, 300_000);
    assertEachOnce(scene, 60);
    const told = [a, b].flatMap((process) => process.seen("error"));
    assert.deepEqual(
      told.map(({ error }) => (error as Error).name),
      ["ScheduleTopicSharedError"],
    );
    const [{ error, topic, partition }] = told as [(typeof told)[number]];
    assert.ok(error instanceof ScheduleTopicSharedError);
    assert.match(error.message, /later\/0.*each group/);
    assert.deepEqual([error.code, topic, partition], ["SCHEDULE_TOPIC_SHARED", SCHEDULE, 0]);
    assert.equal(stopped(), 1, "the other one goes on");
  },
);

underBoth("S7.3 a transaction of its own that took too long is not taken for somebody else's", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const process = scene.process("w", { transactionTimeout: "2s" });
  const worker = await process.work();
  await bench.until(() => loads(process) === 1);
  await scene.remind(process, 0, { wait: "1s" });
  const slow = bench.broker.faults.delay({ api: "EndTxn", ms: 4_000, times: 5 });
  await bench.until(() => slow.used === 5, 300_000);
  await bench.until(() => scene.ran.length === 1, 60_000);
  assert.equal(worker.status().schedules[0]!.state, "running");
  const errors = process.seen("error").map(({ error }) => (error as Error).name);
  assert.ok(errors.length > 0 && !errors.includes("ScheduleTopicSharedError"), errors.join());
  assertEachOnce(scene, 1);
});

underBoth(
  "S7.3 nor is one that nobody could abort in time, and that is learned of as the next one begins",
  async (t) => {
    // With the newer transactions its coordinator lets it go on.
    const { bench, scene } = await startScheduleScene(t, { nodes: 2, features: { "transaction.version": 1 } });
    const process = scene.process("w");
    bench.broker.faults.moveLeader(SCHEDULE, 0, 1);
    bench.broker.faults.moveLeader("q", 0, 2);
    const worker = await process.work();
    await bench.until(() => loads(process) === 1);
    const { faults } = bench.broker;
    for (let i = 0; i < 4; i++) {
      await scene.remind(process, i, { wait: "1s" });
      // One part of it fails, and it is to be aborted, which nobody hears.
      const refused = faults.fail({ api: "Produce", node: 2, errorCode: ErrorCode.INVALID_REQUIRED_ACKS });
      const deaf = faults.fail({
        api: "EndTxn",
        errorCode: ErrorCode.NOT_COORDINATOR,
        times: Number.POSITIVE_INFINITY,
      });
      await bench.until(() => refused.used === 1 && deaf.used > 0, 60_000);
      await bench.time.advance(22_000);
      deaf.cancel();
      await bench.until(() => scene.left().size === 0, 120_000);
      await scene.remind(process, 100 + i, { wait: "1s" });
      await bench.until(() => scene.left().size === 0, 120_000);
    }
    assert.equal(worker.status().schedules[0]!.state, "running");
    const names = process.seen("error").map(({ error }) => (error as Error).name);
    assert.ok(names.includes("ProducerFencedError"), names.join());
  },
);

underBoth(
  "S7.3 S7.4 nobody says whether a transaction counts: it is loaded again, and each is dispatched once",
  async (t) => {
    for (const when of ["beforeApply", "afterApply"] as const) {
      const { bench, scene } = await startScheduleScene(t);
      const process = scene.process("w", { kafka: { clientId: "w", requestTimeout: "1s" } });
      await process.work();
      await bench.until(() => loads(process) === 1);
      await scene.remindMany(process, 700, { from: 3_000, to: 4_000 });
      const deaf = bench.broker.faults.drop({ api: "EndTxn", when, times: Number.POSITIVE_INFINITY });
      await bench.until(() => process.seen("error").length > 0, 60_000);
      assert.equal((process.seen("error")[0]!.error as Error).name, "TransactionOutcomeUnknownError");
      deaf.cancel();
      await bench.until(() => scene.ran.length >= 700 && scene.left().size === 0, 120_000);
      assert.ok(loads(process) >= 2);
      assertEachOnce(scene, 700);
    }
  },
);

underBoth(
  "S7.3 S7.4 leaders and coordinators move while thousands fall due, and each is dispatched once",
  async (t) => {
    const { bench, scene } = await startScheduleScene(t, { nodes: 3, topics: { q: 3 } }, 2);
    const process = scene.process("w");
    await process.work();
    await scene.remindMany(process, 2_000, { from: 5_000, to: 20_000 });
    const { faults } = bench.broker;
    for (let i = 0; bench.time.elapsed < 21_000; i++) {
      const node = 1 + (i % 3);
      faults.moveLeader(SCHEDULE, i % 2, node);
      faults.moveLeader("q", i % 3, node);
      if (i % 3 === 0 && loads(process) > 1)
        faults.moveTransactionCoordinator(`ottla-schedule/${SCHEDULE}/${i % 2}`, node);
      await bench.time.advance(400);
    }
    await bench.until(() => scene.ran.length >= 2_000, 60_000);
    await bench.until(() => scene.left(0).size + scene.left(1).size === 0, 60_000);
    assertEachOnce(scene, 2_000, (n) => 5_000 + 7.5 * n - 1, 2);
  },
);

underBoth(
  "S6.1 S7.3 a partition that is lost and comes back is followed again, whatever the last ownership still has on its way",
  async (t) => {
    const { bench, scene } = await startScheduleScene(t);
    const process = scene.process("w");
    await process.work();
    await bench.until(() => loads(process) === 1);
    await scene.remind(process, 0, { wait: "1s" });
    // It waits for an answer longer than the partition needs to come back.
    const lost = bench.broker.faults.drop({
      api: "Produce",
      where: ({ body }) => (body as { transactionalId: string | null }).transactionalId !== null,
    });
    await bench.until(() => lost.used === 1);
    bench.broker.faults.expireSession("workers");
    await bench.until(() => loads(process) === 2, 60_000);
    await bench.time.advance(10_000);
    await scene.remind(process, 1, { wait: "1s" });
    await bench.until(() => scene.ran.length === 2, 30_000);
    assertEachOnce(scene, 2);
  },
);

underBoth(
  "S6.4 S8.9 a worker that closes dispatches until its jobs have ended, and ends in time though no coordinator answers",
  async (t) => {
    const { bench, scene } = await startScheduleScene(t);
    let isOver = false;
    const process = scene.process(
      "w",
      {},
      {
        perform: async ({ n }, job) => {
          scene.ran.push({ n, by: "w", at: bench.time.elapsed, job });
          if (n === 0) await process.sleep(6_000);
          isOver = true;
        },
      },
    );
    const worker = await process.work();
    await bench.run(scene.job(process).performLater({ n: 0 }));
    await bench.until(() => scene.ran.length === 1);
    await scene.remind(process, 1, { wait: "2s" });
    const closing = worker.close();
    await bench.until(() => scene.dispatched.length === 2, 4_000);
    assert.equal(isOver, false);
    await bench.run(closing);
    // What is on its way when it is time to go has the time that is left.
    const again = await process.work({ shutdownTimeout: "10s" });
    await bench.until(() => loads(process) === 2, 30_000);
    await scene.remind(process, 2, { wait: "1s" });
    const deaf = bench.broker.faults.drop({ api: "EndTxn", times: Number.POSITIVE_INFINITY });
    await bench.until(() => deaf.used > 0);
    const began = bench.time.elapsed;
    await bench.run(again.close());
    assert.ok(bench.time.elapsed - began <= 16_000, `${bench.time.elapsed - began} ms`);
  },
);

underBoth(
  "S6.1 S7.3 a partition is let go after its grace, though a coordinator does not answer, and the next owner goes on",
  async (t) => {
    const { bench, scene } = await startScheduleScene(t, {}, 2);
    const a = scene.process("a");
    await a.work();
    await bench.until(() => loads(a) === 2);
    const b = scene.process("b");
    const deaf = bench.broker.faults.drop({
      ...{ api: "EndTxn", times: Number.POSITIVE_INFINITY },
      where: ({ clientId }) => clientId === "a",
    });
    await scene.remindMany(a, 40, { from: 3_000, to: 3_100 });
    await bench.until(() => deaf.used >= 2, 20_000);
    const began = bench.time.elapsed;
    await b.work({ queues: [] });
    await bench.until(() => loads(b) === 1, 60_000);
    assert.ok(bench.time.elapsed - began < 18_000, `${bench.time.elapsed - began} ms`);
    deaf.cancel();
    await bench.until(() => scene.left(0).size + scene.left(1).size === 0, 120_000);
    await bench.until(() => scene.ran.length >= 40);
    assertEachOnce(scene, 40, () => 0, 2);
  },
);

underBoth("S7.3 S8.7 what was dispatched behind somebody's open transaction is dispatched once", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const [first, outside] = [scene.process("first"), scene.process("outside")];
  await scene.remindMany(outside, 20, { from: 5_000, to: 6_000 });
  await first.work();
  await bench.until(() => loads(first) === 1);
  const { kafka } = stateOf(outside.app).slot.use();
  const open = await bench.run(kafka.producer({ transactionalId: "somebody", transactionTimeout: 40_000 }).begin());
  await bench.run(
    open.send({ topic: SCHEDULE, partition: 0, key: "00000000-0000-7000-8000-000000000000", value: null }),
  );
  await bench.until(() => scene.ran.length === 20);
  first.crash();
  const second = scene.process("second");
  await second.work();
  await bench.until(() => loads(second) === 1);
  await bench.time.advance(10_000);
  assertEachOnce(scene, 20);
});

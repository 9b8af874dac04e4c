import assert from "node:assert/strict";
import { test } from "node:test";
import type { ScheduledJob } from "../../src/jobs/dispatched-job.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import { SchedulerUnavailableError } from "../../src/jobs/schedule-errors.ts";
import { SCHEDULE, ScheduleScene, stage, startScheduleScene } from "../support/schedule-scene.ts";
import { BENCH_START, startWorkerBench, underBoth } from "../support/worker-bench.ts";

underBoth(
  "S7.5 what is cancelled in time never runs; asked again, about what has gone out, or never was, it is too late",
  async (t) => {
    const { bench, scene, worker, asker } = await stage(t);
    const [job, other] = [await scene.remind(asker, 1, { wait: "1m" }), await scene.remind(asker, 2, { wait: "5s" })];
    assert.equal(await bench.run(asker.app.cancel(job)), "cancelled");
    assert.equal(await bench.run(asker.app.cancel(job)), "tooLate");
    assert.equal(await bench.run(asker.app.reschedule(job, { wait: "1m" })), "tooLate");
    await bench.until(() => scene.ran.length === 1);
    assert.equal(await bench.run(asker.app.cancel(other)), "tooLate");
    const unknown = { ...job, entry: "01999999-9999-7999-8999-000000000001" };
    assert.equal(await bench.run(asker.app.cancel(unknown)), "tooLate");
    await bench.time.advance(120_000);
    assert.deepEqual(scene.numbers, [2]);
    assert.equal(scene.left().size, 0, "nor are there requests left");
    assert.deepEqual(worker.seen("cancelled"), [{ entry: job.entry, from: { topic: SCHEDULE, partition: 0 } }]);
  },
);

underBoth(
  "S7.5 S8.7 what is rescheduled fires at its new time only: sooner, later, in the past, and again",
  async (t) => {
    const { bench, scene, worker, asker } = await stage(t);
    const jobs = [];
    for (let n = 0; n < 4; n++) jobs.push(await scene.remind(asker, n, { wait: "60s", headers: { n: `${n}` } }));
    const [sooner, later, past, twice] = jobs as [
      (typeof jobs)[0],
      (typeof jobs)[0],
      (typeof jobs)[0],
      (typeof jobs)[0],
    ];
    const from = bench.time.elapsed;
    const moved = await bench.run(
      Promise.all([
        asker.app.reschedule(sooner, { wait: "10s" }),
        asker.app.reschedule(later, { waitUntil: ScheduleScene.instant(from + 120_000) }),
        asker.app.reschedule(past, { waitUntil: new Date(BENCH_START) }),
        asker.app.reschedule(twice, { wait: "5s" }),
        asker.app.reschedule(twice, { wait: "90s" }),
      ]),
    );
    assert.deepEqual(moved, new Array(5).fill("rescheduled"));
    await bench.until(() => scene.ran.length === 4, 200_000);
    await bench.time.advance(120_000);
    assert.deepEqual(scene.numbers, [2, 0, 3, 1]);
    const due = [0, 10_000, 90_000, 120_000];
    for (const [i, { at }] of scene.ran.entries())
      assert.ok(at >= from + due[i]! && at < from + due[i]! + 2_000, `${i} ran at ${at - from}`);
    for (const { n, job } of scene.ran) assert.deepEqual(job.headers, { n: `${n}` }, "all that makes the job is kept");
    assert.equal(worker.seen("rescheduled").length, 5);
    assert.deepEqual(worker.seen("rescheduled")[0]!.entry, sooner.entry);
    assert.equal(scene.left().size, 0);
  },
);

underBoth("S7.5 whoever asks as an entry falls due, one of many or all at once, is told the truth", async (t) => {
  const { bench, scene, asker } = await stage(t, 2);
  const askers = [asker, scene.process("second"), scene.process("third")];
  const count = 120;
  const jobs = [];
  for (let n = 0; n < count; n++)
    jobs.push(await scene.remind(asker, n, { waitUntil: ScheduleScene.instant(20_000 + 10 * n) }));
  const told = new Map<number, string[]>();
  await bench.until(() => bench.time.elapsed >= 19_900);
  const asking = jobs.map(async (job, n) => {
    // Around the instant at which it is due.
    await asker.sleep(Math.max(0, 20_000 + 10 * n + ((n * 7) % 41) - 20 - bench.time.elapsed));
    const words = await Promise.all(
      askers.map(({ app }, i) =>
        n % 2 === 0 || i === 0
          ? app.cancel(job)
          : app.reschedule(job, { waitUntil: ScheduleScene.instant(60_000 + n) }),
      ),
    );
    told.set(n, words);
  });
  await bench.run(Promise.all(asking));
  await bench.until(() => bench.time.elapsed > 65_000);
  const ran = new Map(scene.ran.map(({ n, at }) => [n, at]));
  assert.equal(scene.ran.length, ran.size, "nothing ran twice");
  for (const [n, words] of told) {
    const isCancelled = words.includes("cancelled");
    assert.equal(words.filter((word) => word === "cancelled").length <= 1, true);
    assert.equal(ran.has(n), !isCancelled, `${n} was told ${words}`);
    if (words.includes("rescheduled") && !isCancelled) assert.ok(ran.get(n)! >= 60_000, `${n} ran at ${ran.get(n)}`);
  }
  assert.ok([...told.values()].flat().includes("cancelled") && [...told.values()].flat().includes("tooLate"));
  assert.equal(scene.left(0).size + scene.left(1).size, 0);
});

test("S7.5 where no worker answers that is an error after 10 s, and the request counts once one runs", async (t) => {
  const { bench, scene } = await startScheduleScene(t);
  const asker = scene.process("asker");
  const [a, b, c] = [
    await scene.remind(asker, 1, { wait: "30s" }),
    await scene.remind(asker, 2, { wait: "30s" }),
    await scene.remind(asker, 3, { wait: "30s" }),
  ];
  const from = bench.time.elapsed;
  const words = await bench.run(Promise.allSettled([asker.app.cancel(a), asker.app.reschedule(b, { wait: "2m" })]));
  assert.ok(bench.time.elapsed - from >= 10_000 && bench.time.elapsed - from < 11_000);
  for (const word of words) {
    assert.ok(word.status === "rejected" && word.reason instanceof SchedulerUnavailableError);
    assert.deepEqual(
      [word.reason.code, word.reason.topic, word.reason.partition],
      ["SCHEDULER_UNAVAILABLE", SCHEDULE, 0],
    );
    assert.match(word.reason.message, /later\/0 within 10000 ms.*stays in force/);
  }
  await scene.process("worker").work();
  await bench.until(() => scene.ran.length === 1, 60_000);
  assert.equal(await bench.run(asker.app.cancel(c)), "tooLate");
  await bench.until(() => scene.ran.length === 2, 200_000);
  assert.deepEqual(scene.numbers, [3, 2]);
  assert.ok(scene.ran[1]!.at >= from + 120_000);
  assert.equal(scene.left().size, 0);
});

underBoth("S7.5 a request that is made while the owner changes is answered by the next one", async (t) => {
  for (const how of ["closes", "dies"] as const) {
    const { bench, scene, worker, asker } = await stage(t);
    const [a, b] = [await scene.remind(asker, 1, { wait: "1m" }), await scene.remind(asker, 2, { wait: "1m" })];
    const next = scene.process("next");
    // Its request is read, and is not answered any more.
    const lost = bench.broker.faults.drop({ api: "EndTxn", where: ({ clientId }) => clientId === "worker" });
    const words = Promise.all([asker.app.cancel(a), asker.app.reschedule(b, { wait: "2m" })]);
    await bench.until(() => lost.used === 1, 5_000);
    if (how === "dies") worker.crash();
    else void worker.app.close();
    await next.work({ sessionTimeout: "6s" });
    assert.deepEqual(await bench.run(words), ["cancelled", "rescheduled"], how);
    await bench.until(() => scene.ran.length === 1, 200_000);
    assert.deepEqual(scene.numbers, [2]);
  }
});

test("S7.5 a request that makes no sense is taken away, and holds up no other", async (t) => {
  const { bench, scene, worker, asker } = await stage(t);
  const job = await scene.remind(asker, 1, { wait: "1m" });
  const to = { topic: SCHEDULE, partition: 0 };
  await bench.produceRecords([
    { ...to, key: "request/1", value: "no JSON" },
    { ...to, key: "request/2", value: JSON.stringify({ kind: "explode", entry: job.entry }) },
    { ...to, key: "request/3", value: JSON.stringify({ kind: "reschedule", entry: job.entry, at: "soon" }) },
    { ...to, key: "request/4", value: JSON.stringify({ kind: "cancel", entry: 7 }) },
    { ...to, key: "request/5", value: "null" },
    { ...to, key: "request/6", value: JSON.stringify({ kind: "cancel", entry: "request/7" }) },
    {
      ...to,
      key: "request/7",
      value: JSON.stringify({ kind: "reschedule", entry: job.entry, at: new Date(BENCH_START + 90_000).toISOString() }),
    },
  ]);
  await bench.until(() => scene.left().size === 1, 10_000);
  await bench.until(() => scene.ran.length === 1, 100_000);
  assert.ok(scene.ran[0]!.at >= 90_000);
  assert.equal(scene.left().size, 0);
  assert.deepEqual(worker.seen("error"), []);
});

test("S7.5 a handle that is none is refused by the name of what is wrong", async (t) => {
  const { bench, scene, asker } = await stage(t);
  const job = await scene.remind(asker, 1, { wait: "1m" });
  const wrong: readonly (readonly [unknown, string])[] = [
    [undefined, "cancel.entry"],
    [{ ...job, entry: "order-7" }, "cancel.entry"],
    [{ ...job, entry: job.entry.toUpperCase().replace(/^./, "A") }, "cancel.entry"],
    [{ ...job, partition: -1 }, "cancel.partition"],
    [{ ...job, partition: undefined }, "cancel.partition"],
    [{ ...job, topic: "" }, "cancel.topic"],
    // A request would be a job there that nobody can read.
    [{ ...job, topic: "q" }, "cancel.topic"],
  ];
  for (const [handle, option] of wrong)
    await assert.rejects(
      asker.app.cancel(handle as never),
      (error) => error instanceof InvalidOptionError && error.option === option,
      option,
    );
  const times: readonly (readonly [unknown, string])[] = [
    [{}, "reschedule"],
    [{ wait: "1s", waitUntil: new Date() }, "reschedule"],
    [{ wait: "soon" }, "reschedule.wait"],
    [{ waitUntil: 1_800_000_000 }, "reschedule.waitUntil"],
    [{ wait: "1s", when: 3 }, "reschedule.when"],
  ];
  for (const [due, option] of times)
    await assert.rejects(
      asker.app.reschedule(job, due as never),
      (error) => error instanceof InvalidOptionError && error.option === option,
      option,
    );
  // What was read from somewhere as JSON is a handle all the same.
  assert.equal(await bench.run(asker.app.cancel(JSON.parse(JSON.stringify(job)))), "cancelled");
});

test("S7.5 what waits is listed by time, limit and topic, the next to be due first", async (t) => {
  const bench = await startWorkerBench(t);
  await ScheduleScene.topics(bench, 3);
  await bench.broker.createTopic("other", { partitions: 1, configs: { "cleanup.policy": "compact" } });
  const scene = new ScheduleScene(bench);
  const process = scene.process("w", { scheduledMessagesTopics: [SCHEDULE, "other"] });
  const jobs: ScheduledJob[] = [];
  for (let n = 0; n < 12; n++)
    jobs.push(await scene.remind(process, n, { waitUntil: ScheduleScene.instant(60_000 + 1_000 * ((n * 5) % 12)) }));
  const at = ScheduleScene.instant(65_500);
  const plain = await bench.run(
    process.app.schedule({ topic: "q", key: "k", value: "v", at, scheduledMessagesTopic: "other" }),
  );
  const list = (options?: Parameters<typeof process.app.scheduled.list>[0]) =>
    bench.run(process.app.scheduled.list(options));
  const all = await list();
  assert.equal(all.length, 13);
  assert.deepEqual(
    all.map(({ dueAt }) => dueAt.getTime()),
    [...all.map(({ dueAt }) => dueAt.getTime())].sort((a, b) => a - b),
  );
  const first = all.find(({ entry }) => entry === jobs[0]!.entry)!;
  const { topic, partition, offset, dueAt, id } = jobs[0]!;
  assert.deepEqual(first, {
    ...{ topic, partition, offset, dueAt, id, entry: jobs[0]!.entry },
    ...{ target: { topic: "q", partition: 0 }, job: "remind", key: "k0" },
  });
  assert.deepEqual(await list({ topic: "other" }), [
    {
      ...{ topic: "other", partition: 0, offset: 0, entry: plain.entry, dueAt: new Date(at) },
      ...{ target: { topic: "q", partition: 0 }, job: undefined, id: undefined, key: "k" },
    },
  ]);
  assert.deepEqual(
    (await list({ from: new Date(ScheduleScene.instant(62_000)), to: ScheduleScene.instant(65_000) })).map(
      ({ dueAt }) => dueAt.getTime() - BENCH_START,
    ),
    [62_000, 63_000, 64_000],
  );
  assert.deepEqual(
    (await list({ limit: 2, topic: SCHEDULE })).map(({ dueAt }) => dueAt.getTime() - BENCH_START),
    [60_000, 61_000],
  );
  for (const [options, option] of [
    [{ limit: 0 }, "list.limit"],
    [{ topic: "q" }, "list.topic"],
    [{ from: 5 }, "list.from"],
    [{ until: 5 }, "list.until"],
  ] as const)
    await assert.rejects(
      process.app.scheduled.list(options as never),
      (error) => error instanceof InvalidOptionError && error.option === option,
      option,
    );
  await process.work({ queues: [], scheduler: false });
  assert.equal(
    await bench.run(process.app.cancel(all[0]!).catch((error: Error) => error.name)),
    "SchedulerUnavailableError",
    "what is listed can be cancelled",
  );
});

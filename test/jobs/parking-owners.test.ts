import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { drained, keyed, produce, range, Scene, STATE } from "../support/parking-scene.ts";
import { HEARTBEAT_API, startWorkerBench, underBoth } from "../support/worker-bench.ts";

test("S4.6 S7.9 the next owner knows what is parked, whether the last one closed or died", async (t) => {
  for (const ends of ["closes", "dies"]) {
    const bench = await startWorkerBench(t);
    const scene = new Scene(bench);
    const first = scene.process("first");
    await produce(bench, keyed("a", 3, "fails"));
    const worker = await first.work();
    await bench.until(() => drained(bench));
    if (ends === "closes") await bench.run(worker.close());
    else first.crash();
    await produce(bench, [...keyed("a", 2, undefined), ...keyed("b", 2, undefined)]);
    await scene.process("second").work();
    await bench.until(() => drained(bench));
    assert.deepEqual(scene.done, ["b0", "b1"]);
    assert.deepEqual(scene.kept, { park: 5 });
  }
});

test("S4.6 a wait of a released job is the next owner's, and holds up nobody else", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench, { backoff: { initial: "20s", max: "20s", jitter: 0 } });
  const first = scene.process("first");
  await produce(bench, [...keyed("a", 2, "fails"), ...keyed("b", 1, undefined)]);
  await first.work();
  await bench.until(() => drained(bench), 600_000);
  await bench.run(first.app.parked.release({ queue: "q" }));
  await bench.until(() => bench.starts.filter(({ offset }) => offset === 0).length === 4);
  await produce(bench, [{ key: "b", n: 1 }]);
  await bench.until(() => scene.done.includes("b1"), 5_000);
  first.crash();
  await scene.process("second").work();
  await bench.until(() => bench.ran("q", 0, "second").length > 0);
  assert.deepEqual(
    bench.starts.filter(({ by }) => by === "second").map(({ offset, attempt }) => [offset, attempt]),
    [[0, 2]],
    "one failure was noted",
  );
});

test("S4.6 what is asked for while no worker runs is done by the next", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const first = scene.process("first");
  await produce(bench, keyed("a", 3, "fails"));
  const worker = await first.work();
  await bench.until(() => drained(bench));
  await bench.run(worker.close());
  await bench.run(first.app.parked.release({ queue: "q" }));
  assert.equal((await bench.run(first.app.parked.list()))[0]!.state, "releasing");
  scene.isBroken = false;
  await scene.process("second").work();
  await bench.until(() => scene.done.length === 3);
  assert.deepEqual(scene.done, ["a0", "a1", "a2"]);
  await bench.until(() => Object.keys(scene.kept).length === 0);
});

test("S4.6 S4.8 whoever is released and dies with its process again and again is parked in the end", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  await produce(bench, [
    { key: "a", n: 0, does: "fails" },
    { key: "a", n: 1, does: "kills" },
    { key: "b", n: 0 },
  ]);
  let process = scene.process("w0");
  await process.work();
  await bench.until(() => drained(bench));
  await bench.run(process.app.parked.discard({ places: [{ topic: "q", partition: 0, offset: 0 }] }));
  await bench.until(() => process.seen("discarded").length === 2);
  assert.deepEqual(scene.kept, {});
  await produce(bench, [{ key: "a", n: 0, does: "fails" }]);
  await bench.until(() => process.seen("parked").length === 3);
  await produce(bench, [{ key: "a", n: 1 }]);
  await bench.until(() => process.seen("parked").length === 4);
  process.crash();
  // From now on the first job kills.
  for (let i = 1; i < 12; i++) {
    process = bench.process(`w${i}`, { queues: { q: { whenExhausted: "park", ...scene.options } } });
    const own = process;
    own.job("q", async () => {
      own.crash();
      await new Promise(() => {});
    });
    await own.work();
    if (i === 1) await bench.run(own.app.parked.release({ queue: "q" }));
    await bench.until(() => own.clock.frozen || own.seen("parked").length > 0, 600_000);
    if (!own.clock.frozen) {
      assert.equal((own.seen("parked")[0]!.error as Error).name, "ProcessDiedError");
      assert.deepEqual(scene.kept, { park: 2 });
      return;
    }
  }
  assert.fail("it goes on and on");
});

test("S3.9 S4.6 a released job that hands over is finished by that", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
  const queues = { q: { whenExhausted: "park", maxRetries: 0 } } as const;
  const process = bench.process("w", { queues });
  let isBroken = true;
  const next = process.app.job<number>({ name: "next", queue: "next", perform() {} });
  process.job("q", async (_payload, job) => {
    if (isBroken) throw new Error("does not work");
    await job.transaction(async (tx) => {
      await tx.performLater(next.of(job.offset));
    });
  });
  await produce(bench, keyed("a", 3, undefined));
  await process.work({ queues: ["q"] });
  await bench.until(() => drained(bench));
  isBroken = false;
  await bench.run(process.app.parked.release({ queue: "q" }));
  await bench.until(() => bench.records("next", 0).length === 3);
  await bench.time.advance(5_000);
  assert.deepEqual(await bench.run(bench.committedValues("next", 1)), [[0, 1, 2]]);
  assert.deepEqual(await bench.run(process.app.parked.list()), []);
});

test("S4.9 S4.6 parked jobs are gone with a topic that was deleted and made again, and hurt none of its own", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w");
  await produce(bench, keyed("a", 2, "fails"));
  const worker = await process.work();
  await bench.until(() => drained(bench));
  await bench.run(worker.close());
  await bench.broker.deleteTopic("q");
  await bench.broker.createTopic("q", { partitions: 1 });
  await produce(bench, [
    { key: "b", n: 0, does: "fails" },
    { key: "a", n: 1 },
  ]);
  const second = scene.process("second");
  await second.work();
  await bench.until(() => scene.done.length === 1 && second.seen("parked").length === 1);
  assert.match(String(second.seen("error")[0]!.error), /2 parked jobs are gone with their topic/);
  assert.deepEqual(scene.done, ["a1"]);
  assert.deepEqual(
    (await bench.run(second.app.parked.list())).map(({ key, jobs }) => [key, jobs]),
    [["b", 1]],
  );
  scene.isBroken = false;
  await bench.run(second.app.parked.release({ queue: "q" }));
  await bench.until(() => scene.done.length === 2);
  assert.deepEqual(scene.done, ["a1", "b0"]);
});

test("S7.9 the state topic is created compacted, and refused where it is not", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  await scene.process("w").work();
  const topic = bench.broker.topics().find(({ name }) => name === STATE)!;
  assert.equal(topic.partitions.length, 12);
  const other = await startWorkerBench(t, { topics: { q: 1, [STATE]: 1 } });
  const refused = new Scene(other).process("w").work();
  await assert.rejects(refused, { name: "StateTopicError", message: /cleanup\.policy=delete.*"compact"/ });
});

test("S7.9 a worker whose queues park nothing needs no state topic", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  await process.work();
  assert.ok(!bench.broker.topics().some(({ name }) => name === STATE));
  assert.deepEqual(await bench.run(process.app.parked.list()), []);
});

underBoth("S8.4 S3.5 a worker that is not heard any more starts no released job once its lease is over", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  let heardAt = 0;
  let isHeard = true;
  const api = HEARTBEAT_API[t.protocol];
  bench.broker.observe((request) => {
    if (isHeard && request.api === api) heardAt = bench.time.elapsed;
  });
  const first = scene.process("first");
  await produce(
    bench,
    range(60).map((i) => ({ key: `k${i}`, n: 0, does: "fails" }) as const),
  );
  await first.work();
  await bench.until(() => drained(bench), 600_000);
  const before = bench.starts.length;
  scene.isBroken = false;
  scene.takes = 200;
  await bench.run(first.app.parked.release({ queue: "q" }));
  await bench.until(() => bench.starts.length >= before + 4);
  bench.broker.faults.drop({ api, times: Number.POSITIVE_INFINITY, where: () => !isHeard });
  isHeard = false;
  await bench.time.advance(15_000);
  const late = bench.starts.filter(({ at }) => at > heardAt + 4_000).map(({ at }) => at - heardAt);
  assert.ok(late.length > 0, "it goes on while its lease holds");
  assert.deepEqual(
    late.filter((after) => after >= 5_000),
    [],
  );
});

test("S8.2 S3.7 a partition that comes back while what was kept of it is being loaded has one owner here", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const first = scene.process("first");
  await first.work();
  await produce(bench, keyed("a", 3, undefined));
  await bench.until(() => drained(bench));
  first.crash();
  await produce(bench, keyed("b", 5, undefined));
  const second = scene.process("second");
  const isLoading = (): boolean => second.seen("lost").length === 0;
  // The first load is asked for again and again, ever more rarely; the one after it is answered at once.
  const failing = bench.broker.faults.fail({
    ...{ api: "ListOffsets", errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER, times: Number.POSITIVE_INFINITY },
    where: ({ clientId }) => clientId === "second" && isLoading(),
  });
  await second.work();
  await bench.until(() => failing.used > 6);
  bench.broker.faults.expireSession("workers");
  await bench.until(() => !isLoading() && drained(bench));
  await bench.time.advance(30_000);
  await produce(bench, keyed("c", 3, undefined));
  await bench.until(() => drained(bench));
  assert.deepEqual(bench.ran("q", 0, "second"), [3, 4, 5, 6, 7, 8, 9, 10]);
});

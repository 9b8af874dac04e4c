import assert from "node:assert/strict";
import { test } from "node:test";
import { Discard } from "../../src/jobs/job-controls.ts";
import type { QueueOptions } from "../../src/jobs/queue-options.ts";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);
const STATE = "workers-state";

/** A job as these tests enqueue it. */
interface Work {
  readonly key?: string;
  readonly n?: number;
  readonly does?: "fails" | "kills" | "goes";
}

async function produce(bench: WorkerBench, jobs: readonly Work[]): Promise<void> {
  await bench.produceRecords(
    jobs.map(({ key, ...payload }) => ({
      ...{ topic: "q", partition: 0, value: JSON.stringify(payload), headers: { "ottla-job": "work" } },
      ...(key === undefined ? {} : { key }),
    })),
  );
}

/** What the workers of a test share. */
class Scene {
  readonly bench: WorkerBench;
  readonly options: Partial<QueueOptions>;
  /** Jobs that fail do so while it is true. */
  isBroken = true;
  readonly done: string[] = [];

  constructor(bench: WorkerBench, options: Partial<QueueOptions> = {}) {
    this.bench = bench;
    this.options = { backoff: { initial: "100ms", max: "1s", jitter: 0 }, maxRetries: 2, ...options };
  }

  process(name: string): WorkerProcess {
    const process = this.bench.process(name, { queues: { q: { whenExhausted: "park", ...this.options } } });
    return process.job("q", async (payload, { key }) => {
      const { does, n } = payload as Work;
      await process.sleep(5);
      if (this.isBroken && does === "kills") {
        process.crash();
        await new Promise(() => {});
      }
      if (this.isBroken && does === "fails") throw new Error("does not work");
      if (does === "goes") throw new Discard("not wanted");
      this.done.push(`${key ?? ""}${n ?? ""}`);
    });
  }

  /** Records that the state topic has of each kind, as a compacted reader would have it. */
  get kept(): Record<string, number> {
    const last = new Map<string, boolean>();
    const { partitions } = this.bench.broker.topics().find(({ name }) => name === STATE)!;
    for (const { index } of partitions)
      for (const { key, value } of this.bench.records(STATE, index))
        last.set(new TextDecoder().decode(key!), value !== null);
    const counts: Record<string, number> = {};
    for (const [key, isThere] of last) {
      const kind = key.split("/")[0]!;
      if (isThere) counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }
}

const keyed = (key: string, count: number, first: Work["does"]): Work[] =>
  range(count).map((n) => ({ key, n, ...(n === 0 && first !== undefined ? { does: first } : {}) }));
const mixed = (...lists: readonly Work[][]): Work[] =>
  range(Math.max(...lists.map(({ length }) => length))).flatMap((i) => lists.flatMap((list) => list[i] ?? []));

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

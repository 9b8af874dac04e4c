import assert from "node:assert/strict";
import { test } from "node:test";
import { drained, Gate, overRows, produceKeys, QUEUE, STATE, savedProgress } from "../support/steps-scene.ts";
import { startWorkerBench, underBoth } from "../support/worker-bench.ts";

underBoth(
  "S7.8 S7.9 an ordered job is interrupted as its worker closes, and resumed in place by the next owner",
  async (t) => {
    const bench = await startWorkerBench(t);
    const rows: string[] = [];
    const order: number[] = [];
    const processes = ["first", "second"].map((name) =>
      bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job, process) => {
        await job.step("before", () => void rows.push(`${name}:before`));
        await overRows(job, process, 20, (row) => void rows.push(`${name}:${row}`));
        await job.step("after", () => void rows.push(`${name}:after`));
        order.push(job.offset);
        assert.equal(job.resumptions, job.offset === 0 ? 1 : 0);
      }),
    );
    const [first, second] = processes as [(typeof processes)[0], (typeof processes)[0]];
    await produceKeys(bench, ["a"]);
    const worker = await first.work();
    await bench.until(() => rows.includes("first:4"));
    await bench.run(worker.close());
    const last = Number(rows.at(-1)!.split(":")[1]);
    assert.ok(last < 10, "it was interrupted");
    assert.deepEqual(
      [...(await savedProgress(bench)).values()],
      [{ steps: ["before"], step: { name: "rows", cursor: String(last + 1) }, resumptions: 1, resumeAt: 0 }],
    );
    assert.equal(bench.committed("q", 0)!.offset, 0);
    await produceKeys(bench, ["a", "b"]);
    await second.work();
    await bench.until(() => drained(bench));
    const ofJob = rows.slice(0, rows.indexOf("second:after") + 1);
    assert.deepEqual(ofJob, [
      "first:before",
      ...Array.from({ length: 20 }, (_, row) => `${row <= last ? "first" : "second"}:${row}`),
      "second:after",
    ]);
    assert.deepEqual(order, [0, 1, 2], "no later job of the key overtakes it");
    assert.equal((await savedProgress(bench)).size, 0);
    const { job: _job, ...event } = first.seen("interrupted")[0]!;
    assert.deepEqual(event, { reason: "stopping", steps: ["before"], step: "rows", resumptions: 1, wait: 0 });
    assert.equal(first.seen("failed").length, 0);
    const [resumed] = second.seen("resumed");
    assert.deepEqual(
      [resumed!.job.attempt, resumed!.resumptions, resumed!.steps, resumed!.step],
      [1, 1, ["before"], "rows"],
    );
  },
);

underBoth(
  "S7.8 an ordered job is interrupted as its partition is revoked, and resumed by whoever gets it",
  async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2 } });
    const rows: string[][] = [[], []];
    const make = (name: string) =>
      bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job, process) => {
        await overRows(job, process, 3_000, (row) => void rows[job.partition]!.push(`${name}:${row}`), 20);
      });
    const [first, second] = [make("first"), make("second")];
    for (const partition of [0, 1]) await produceKeys(bench, ["a"], partition);
    await first.work();
    await bench.until(() => rows.every((each) => each.length > 3));
    await second.work();
    await bench.until(() => second.seen("resumed").length > 0);
    assert.deepEqual(
      first.seen("interrupted").map(({ reason }) => reason),
      ["revoked"],
    );
    await bench.until(() => drained(bench), 300_000);
    for (const each of rows)
      assert.deepEqual(
        each.map((row) => Number(row.split(":")[1])),
        Array.from({ length: 3_000 }, (_, row) => row),
      );
    assert.equal(new Set(rows.flat().map((row) => row.split(":")[0])).size, 2);
    assert.equal((await savedProgress(bench)).size, 0);
  },
);

test("S7.8 a job that does not hold its place goes on behind later jobs, in one transaction with its mark", async (t) => {
  for (const key of [undefined, "a"]) {
    const bench = await startWorkerBench(t);
    const rows: string[] = [];
    const make = (name: string) =>
      bench.process(name, { queues: { q: QUEUE } }).job(
        "q",
        async (payload, job, process) => {
          await job.step("before", () => void rows.push(`before ${payload}`));
          await overRows(job, process, 4, (row) => void rows.push(`${payload}:${row}`));
          if (payload === 0)
            assert.deepEqual([job.resumptions, job.attempt, job.enqueuedAt.getTime() > 0], [1, 1, true]);
        },
        { resumeOptions: key === undefined ? undefined : { hold: false } },
      );
    const first = make("first");
    await produceKeys(bench, [key, key]);
    const worker = await first.work();
    await bench.until(() => rows.includes("0:1"));
    await bench.run(worker.close());
    assert.deepEqual(rows, ["before 0", "0:0", "0:1", "0:2"]);
    assert.equal(bench.committed("q", 0)!.offset, 1);
    await make("second").work();
    await bench.until(() => drained(bench));
    assert.deepEqual(rows, [
      ...["before 0", "0:0", "0:1", "0:2"],
      ...["before 1", "1:0", "1:1", "1:2", "1:3"],
      ...["0:3"],
    ]);
    const again = bench.records("q", 0).at(-1)!;
    const headers = Object.fromEntries(again.headers.map(([name, value]) => [name, new TextDecoder().decode(value!)]));
    assert.deepEqual(headers, {
      ...{
        "ottla-job": "work",
        "ottla-origin": "q/0/0",
        "ottla-attempt": "0",
        "ottla-retries": "",
        "ottla-resumption": "1",
      },
      "ottla-progress": '{"steps":["before"],"step":{"name":"rows","cursor":3}}',
    });
    assert.equal(again.key === null ? undefined : new TextDecoder().decode(again.key), key);
    assert.ok(!bench.broker.topics().some(({ name }) => name === STATE), "nothing has to be kept elsewhere");
  }
});

test("S7.8 S3.9 what is re-enqueued and the mark of its original are one: a failed transaction is repeated", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: QUEUE } });
  const seen: unknown[] = [];
  process.job("q", async (_payload, job) => {
    await job.step("a", () => void seen.push("a"));
    await job.step("b", () => void seen.push("b"), { isolated: true });
  });
  bench.broker.faults.cut({ api: "EndTxn", when: "beforeApply" });
  bench.broker.faults.cut({ api: "TxnOffsetCommit", when: "afterApply" });
  await produceKeys(bench, [undefined]);
  await process.work();
  await bench.until(() => seen.includes("b") && drained(bench));
  assert.deepEqual(seen, ["a", "b"]);
  assert.deepEqual(await bench.run(bench.committedValues("q", 1)), [[0, 0]]);
});

test("S7.7 isolated steps have runs of their own, in place or behind others", async (t) => {
  for (const [key, wait] of [
    ["a", 0],
    ["a", 300],
    [undefined, 0],
  ] as const) {
    const bench = await startWorkerBench(t);
    const process = bench.process("w", { queues: { q: QUEUE } });
    const seen: string[] = [];
    const runs: number[] = [];
    process.job(
      "q",
      async (payload, job) => {
        runs.push(bench.time.elapsed);
        for (const name of ["a", "b", "c", "d"])
          await job.step(name, () => void seen.push(`${payload}${name}`), { isolated: name === "b" });
      },
      wait === 0 ? {} : { resumeOptions: { wait }, partitioner: () => "k" },
    );
    await produceKeys(bench, [key, key]);
    await process.work();
    await bench.until(() => drained(bench));
    const inPlace = ["0a", "0b", "0c", "0d", "1a", "1b", "1c", "1d"];
    const behind = ["0a", "1a", "0b", "1b", "0c", "0d", "1c", "1d"];
    assert.deepEqual(seen, key === undefined ? behind : inPlace);
    assert.equal(runs.length, 6);
    if (wait > 0) assert.ok(runs[1]! - runs[0]! >= wait && runs[2]! - runs[1]! >= wait, `${runs}`);
    assert.deepEqual(
      process.seen("interrupted").map(({ reason }) => reason),
      Array(4).fill("isolated"),
    );
    assert.equal((await savedProgress(bench)).size, 0);
  }
});

test("S7.7 an interruption that is wrapped, or that discardOn would match, is one; a job that swallows it has completed", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: QUEUE } });
  const seen: string[] = [];
  process.job(
    "q",
    async (payload, job) => {
      const steps = async (): Promise<void> => {
        await job.step("a", () => void seen.push(`${payload}a`));
        await job.step("b", () => void seen.push(`${payload}b`), { isolated: true });
      };
      if (payload === 0)
        await steps().catch((error: unknown) => {
          throw new Error("wrapped", { cause: error });
        });
      else await steps().catch(() => {});
    },
    { discardOn: [{ errors: [Error] }] },
  );
  await produceKeys(bench, ["a", "a"]);
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(seen, ["0a", "0b", "1a"]);
  assert.equal(process.seen("discarded").length, 0);
  assert.equal(process.seen("completed").length, 2);
});

test("S7.8 a quiet worker interrupts its jobs, and resumes none", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w", { queues: { q: QUEUE } });
  const rows: number[] = [];
  process.job("q", async (_payload, job, own) => overRows(job, own, 50, (row) => void rows.push(row)), {});
  await produceKeys(bench, ["a"]);
  await produceKeys(bench, [undefined], 1);
  const worker = await process.work();
  await bench.until(() => rows.length > 6);
  await bench.run(worker.quiet());
  const before = rows.length;
  await bench.time.advance(5_000);
  assert.equal(rows.length, before);
  assert.deepEqual(
    process.seen("interrupted").map(({ reason }) => reason),
    ["stopping", "stopping"],
  );
  assert.equal((await savedProgress(bench)).size, 1);
  assert.equal(bench.records("q", 1).length, 2);
});

test("S7.9 the state topic is created by the first job that needs it, before it needs it", async (t) => {
  const bench = await startWorkerBench(t, { nodes: 3 });
  const process = bench.process("w", { queues: { q: QUEUE } });
  const gate = new Gate();
  const asked = new Set<number>();
  bench.broker.observe(({ api, nodeId, body }) => {
    const isThere = bench.broker.topics().some(({ name }) => name === STATE);
    const { topics } = body as { readonly topics?: readonly { readonly name: string | null }[] | null };
    if (isThere && api === "Metadata" && topics?.some(({ name }) => name === STATE)) asked.add(nodeId);
  });
  process.job("q", async (_payload, job) => {
    assert.ok(!bench.broker.topics().some(({ name }) => name === STATE));
    await job.step("a", () => gate.pass());
  });
  await produceKeys(bench, ["a"]);
  await process.work();
  await bench.until(() => gate.isReached);
  assert.deepEqual([...asked].sort(), [1, 2, 3], "each broker knows it: no later owner is told that there is none");
  assert.equal(bench.broker.topics().find(({ name }) => name === STATE)!.partitions.length, 12);
  gate.open();
  await bench.until(() => drained(bench));
});

test("S7.9 it is created at the start where a job is declared to resume in place, and refused where it is not compacted", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: QUEUE } });
  process.job("q", () => {}, { resumeOptions: {}, partitioner: () => "k" });
  await process.work();
  assert.ok(bench.broker.topics().some(({ name }) => name === STATE));

  const other = await startWorkerBench(t, { topics: { q: 1, [STATE]: 1 } });
  const late = other.process("w", { queues: { q: QUEUE } });
  late.job("q", async (_payload, job) => job.step("a", () => {}));
  await produceKeys(other, ["a"]);
  await late.work();
  await other.until(() => late.seen("failed").length > 0);
  assert.equal((late.seen("failed")[0]!.error as { code?: string }).code, "STATE_TOPIC");
});

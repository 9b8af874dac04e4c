import assert from "node:assert/strict";
import { test } from "node:test";
import type { TxnOffsetCommitRequest } from "../../protocol/messages/28-txn-offset-commit.ts";
import { drained, overRows, produceKeys, QUEUE, STATE, savedProgress, saves } from "../support/steps-scene.ts";
import { startWorkerBench, underBoth } from "../support/worker-bench.ts";

underBoth(
  "S7.8 S5 in lanes several jobs of a partition hold their lanes, and all resume with the next owner",
  async (t) => {
    const bench = await startWorkerBench(t);
    const rows: string[] = [];
    const make = (name: string) =>
      bench
        .process(name, { queues: { q: { ...QUEUE, virtualPartitions: { max: 4 } } } })
        .job("q", async (payload, job, own) => {
          await overRows(job, own, 20, (row) => void rows.push(`${payload}:${row}`), 20);
        });
    await produceKeys(bench, ["a", "b", "a", "c", "b"]);
    const first = make("first");
    const worker = await first.work();
    await bench.until(() => rows.includes("3:4"));
    await bench.run(worker.close());
    assert.equal((await savedProgress(bench)).size, 3, "a, b and c were under way");
    await make("second").work();
    await bench.until(() => drained(bench));
    for (const n of [0, 1, 2, 3, 4])
      assert.deepEqual(
        rows.filter((row) => row.startsWith(`${n}:`)),
        Array.from({ length: 20 }, (_, row) => `${n}:${row}`),
      );
    for (const [before, after] of [
      [0, 2],
      [1, 4],
    ])
      assert.ok(rows.indexOf(`${after}:0`) > rows.indexOf(`${before}:19`), "order of each key is kept");
    assert.equal((await savedProgress(bench)).size, 0);
  },
);

test("S7.8 S5.4 an interruption holds its own lane only", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w", { queues: { q: { ...QUEUE, virtualPartitions: { max: 2 } } } });
  const seen: string[] = [];
  process.job(
    "q",
    async (payload, job) => {
      await job.step("a", () => void seen.push(`${payload}a`));
      if (job.key === "x") await job.step("b", () => void seen.push(`${payload}b`), { isolated: true });
    },
    { resumeOptions: { wait: "10s" }, partitioner: () => "k" },
  );
  await produceKeys(bench, ["x", "x", "y", "y"]);
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(seen, ["0a", "2a", "3a", "0b", "1a", "1b"]);
});

test("S7.8 the wait of a held job is waited for by the next owner, too", async (t) => {
  const bench = await startWorkerBench(t);
  const runs: number[] = [];
  const make = (name: string) =>
    bench.process(name, { queues: { q: QUEUE } }).job(
      "q",
      async (_payload, job, own) => {
        runs.push(bench.time.elapsed);
        await overRows(job, own, 30, () => {});
      },
      { resumeOptions: { wait: "60s" }, partitioner: () => "k" },
    );
  await produceKeys(bench, ["a"]);
  const worker = await make("first").work();
  await bench.until(() => runs.length === 1);
  await bench.time.advance(100);
  const closing = bench.time.elapsed;
  await bench.run(worker.close());
  await make("second").work();
  await bench.until(() => drained(bench));
  assert.ok(runs[1]! >= closing + 60_000 && runs[1]! < closing + 62_000, `${runs} after ${closing}`);
});

test("S4.6 S7.8 a released job goes on where it was when it was parked, and is interrupted as others are", async (t) => {
  const bench = await startWorkerBench(t);
  const queue = { ...QUEUE, whenExhausted: "park", maxRetries: 0 } as const;
  const seen: string[] = [];
  let isBroken = true;
  const make = (name: string) =>
    bench.process(name, { queues: { q: queue } }).job("q", async (payload, job, own) => {
      await job.step("a", () => void seen.push(`${payload}a`));
      await job.step("b", () => {
        if (isBroken && payload === 0) throw new Error("does not work");
      });
      await overRows(job, own, 20, (row) => void seen.push(`${payload}:${row}`), 20);
    });
  const first = make("first");
  await produceKeys(bench, ["k", "k"]);
  const worker = await first.work();
  await bench.until(() => first.seen("parked").length === 2);
  isBroken = false;
  await bench.run(first.app.parked.release({ queue: "q" }));
  await bench.until(() => seen.includes("0:4"));
  await bench.run(worker.close());
  assert.equal(first.seen("interrupted").at(-1)!.reason, "stopping");
  await make("second").work();
  await bench.until(() => seen.includes("1:19"));
  await bench.time.advance(2_000);
  const rows = (n: number): string[] => Array.from({ length: 20 }, (_, row) => `${n}:${row}`);
  assert.deepEqual(seen, ["0a", ...rows(0), "1a", ...rows(1)]);
  assert.equal((await savedProgress(bench)).size, 0);
  assert.deepEqual(await bench.run(first.app.parked.list()), []);
});

test("S7.9 checkpoints of all partitions go together, at each interval", async (t) => {
  const partitions = 6;
  const bench = await startWorkerBench(t, { topics: { q: partitions } });
  const process = bench.process("w", { queues: { q: QUEUE } });
  process.job("q", async (_payload, job, own) => overRows(job, own, 1_000, () => {}, 20));
  for (let partition = 0; partition < partitions; partition++) await produceKeys(bench, ["a"], partition);
  const commits: { readonly at: number; readonly partitions: number }[] = [];
  bench.broker.observe(({ api, body }) => {
    if (api !== "TxnOffsetCommit") return;
    const { topics } = body as TxnOffsetCommitRequest;
    commits.push({ at: bench.time.elapsed, partitions: topics.flatMap((topic) => topic.partitions).length });
  });
  await process.work({ checkpointInterval: 0 });
  await bench.until(() => commits.length >= 8);
  for (const each of commits) assert.equal(each.partitions, partitions);
  for (const [i, { at }] of commits.slice(1).entries())
    assert.ok(at - commits[i]!.at >= 1_000, "no more than one a second");
  assert.equal((await savedProgress(bench)).size, partitions);
});

test("S7.9 one partition whose progress cannot be saved keeps it from no other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2, other: 1 } });
  const process = bench.process("w", { queues: { q: QUEUE } });
  process.job("q", async (_payload, job, own) => overRows(job, own, 1_000, () => {}, 20));
  for (const partition of [0, 1]) await produceKeys(bench, ["a"], partition);
  bench.broker.faults.fail({
    ...{ api: "TxnOffsetCommit", errorCode: 29, times: 1_000 },
    where: ({ body }) =>
      (body as TxnOffsetCommitRequest).topics.some((topic) =>
        topic.partitions.some(({ partitionIndex }) => partitionIndex === 1),
      ),
  });
  await process.work({ checkpointInterval: "1s" });
  await bench.until(() => process.seen("error").length > 2);
  await bench.time.advance(3_000);
  assert.deepEqual([...(await savedProgress(bench)).keys()], ["progress/q/0/0"]);
});

test("S7.9 an owner that began before there was a state topic finds what another has saved since", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const rows: string[] = [];
  const make = (name: string) =>
    bench.process(name, { queues: { q: QUEUE } }).job("q", async (_payload, job, own) => {
      await overRows(job, own, 200, (row) => void rows.push(`${name}:${row}`), 20);
    });
  const [first, second] = [make("first"), make("second")];
  await first.work({ checkpointInterval: "1s" });
  await second.work({ checkpointInterval: "1s" });
  const owned = (): number | undefined =>
    second
      .seen("assigned")
      .flatMap(({ partitions }) => partitions.map(({ partition }) => partition))
      .at(-1);
  await bench.until(() => owned() !== undefined);
  await bench.time.advance(5_000);
  assert.ok(!bench.broker.topics().some(({ name }) => name === STATE));
  const own = owned() === 0 ? 1 : 0;
  await produceKeys(bench, ["a"], own);
  await bench.until(() => rows.length > 120);
  const [by] = rows[0]!.split(":");
  const [dying, other] = by === "first" ? [first, second] : [second, first];
  const [cursor] = [...(await savedProgress(bench)).values()].map(({ step }) => Number(step!.cursor));
  dying.crash();
  await bench.until(() => drained(bench));
  const resumed = rows.filter((row) => row.startsWith(`${other.name}:`)).map((row) => Number(row.split(":")[1]));
  assert.equal(resumed[0], cursor);
});

test("S7.8 a job that is too large with its progress goes on in its place, and says so", async (t) => {
  const bench = await startWorkerBench(t, { topics: {} });
  await bench.broker.createTopic("q", { partitions: 1, configs: { "max.message.bytes": "2000" } });
  const process = bench.process("w", { queues: { q: QUEUE } });
  const seen: string[] = [];
  process.job("q", async (_payload, job) => {
    await job.step<string>("a", async (step) => {
      if (step.cursor !== undefined) return;
      seen.push("a");
      await step.set("x".repeat(3_000));
      throw new Error("after progress");
    });
    await job.step("b", () => void seen.push("b"));
    await job.step("c", () => void seen.push("c"), { isolated: true });
    await job.step("d", () => void seen.push("d"));
  });
  await produceKeys(bench, [undefined]);
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(seen, ["a", "b", "c", "d"]);
});

test("S7.8 S7.1 what does not hold its place and has to wait does so in its schedule topic", async (t) => {
  const bench = await startWorkerBench(t);
  await bench.broker.createTopic("later", { partitions: 1, configs: { "cleanup.policy": "compact" } });
  await bench.broker.createTopic("later-dead", { partitions: 1 });
  const process = bench.process("w", { queues: { q: QUEUE }, scheduledMessagesTopics: ["later"] });
  const seen: [string, number][] = [];
  const note = (what: string) => void seen.push([what, bench.time.elapsed]);
  let hasFailed = false;
  process.job(
    "q",
    async (payload, job) => {
      await job.step("a", () => note(`${payload}a`));
      await job.step("b", () => note(`${payload}b`), { isolated: true });
      if (payload === 0 && !hasFailed) {
        hasFailed = true;
        throw new Error("after progress");
      }
      note(`${payload} ${job.resumptions}`);
    },
    { scheduledMessagesTopic: "later", resumeOptions: { wait: "30s", hold: false }, partitioner: () => "k" },
  );
  await produceKeys(bench, ["k", undefined]);
  await process.work({ queues: ["q"] });
  await bench.until(() => seen.filter(([what]) => /\d \d/.test(what)).length === 2, 200_000);
  await bench.until(() => drained(bench));
  assert.deepEqual(
    seen.map(([what]) => what),
    ["0a", "1a", "0b", "1b", "1 1", "0 2"],
  );
  const at = new Map(seen);
  assert.ok(at.get("0b")! - at.get("0a")! >= 30_000);
  assert.ok(at.get("0 2")! - at.get("0b")! >= 100, "the first backoff");
  assert.deepEqual(process.seen("error"), []);
});

test("S7.8 S7.9 a held job whose progress the state topic does not take goes on, and says so", async (t) => {
  const bench = await startWorkerBench(t);
  const configs = { "cleanup.policy": "compact", "max.message.bytes": "600" };
  await bench.broker.createTopic(STATE, { partitions: 1, configs });
  const process = bench.process("w", { queues: { q: QUEUE } });
  const seen: string[] = [];
  process.job("q", async (_payload, job) => {
    await job.step<string>("a", async (step) => {
      seen.push("a");
      await step.set("x".repeat(1_000));
    });
    await job.step<string>("b", async (step) => {
      seen.push("b");
      await step.set("y".repeat(1_000));
      if (step.cursor !== undefined && seen.length < 3) throw new Error("after progress");
    });
    await job.step("c", () => void seen.push("c"), { isolated: true });
  });
  await produceKeys(bench, ["a", "a"]);
  await process.work();
  await bench.until(() => drained(bench));
  assert.deepEqual(seen, ["a", "b", "b", "c", "a", "b", "c"]);
  assert.ok(process.seen("error").some(({ during }) => during === "saving how far jobs have got"));
});

test("S3.9 S7.9 what a job does after it has handed over leaves no progress behind", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, next: 1 } });
  const process = bench.process("w", { queues: { q: QUEUE } });
  const next = process.app.job<number>({ name: "next", queue: "next", perform() {} });
  process.job("q", async (payload, job, own) => {
    await overRows(job, own, 40, () => {}, 50);
    await job.transaction(async (tx) => {
      await tx.performLater(next.of(payload as number));
    });
    await job.step("late", async (step) => {
      for (let i = 0; i < 40; i++) {
        await own.sleep(50);
        await step.advance({ from: i });
      }
    });
  });
  await produceKeys(bench, ["a", "a"]);
  const worker = await process.work({ checkpointInterval: "1s", queues: ["q"] });
  await bench.until(() => drained(bench));
  await bench.time.advance(5_000);
  assert.equal((await savedProgress(bench)).size, 0);
  assert.equal(worker.jobsInProgress, 0);
  const ofFirst = (await bench.run(saves(bench))).filter(({ name }) => name === "progress/q/0/0");
  assert.equal(
    ofFirst.findIndex(({ progress }) => progress === null),
    ofFirst.length - 1,
    "its end is the last that is written of it",
  );
  assert.deepEqual(await bench.run(bench.committedValues("next", 1)), [[0, 1]]);
});

test("S3.7 S7.9 a partition whose commits are slow holds up no other's checkpoints", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const process = bench.process("w", { queues: { q: { ...QUEUE, virtualPartitions: { max: 2 } } } });
  process.job("q", async (_payload, job, own) => {
    if (job.key === "quick") await own.sleep(4_000);
    else await overRows(job, own, 1_000, () => {}, 20);
  });
  await produceKeys(bench, ["a"], 0);
  await produceKeys(bench, ["a", "quick"], 1);
  const slow = bench.broker.faults.delay({
    ...{ api: "OffsetCommit", ms: 8_000, times: 1 },
    where: ({ body }) => partitionsOf(body).join() === "1" && bench.time.elapsed > 3_000,
  });
  await process.work({ checkpointInterval: "3s" });
  await bench.until(() => slow.used === 1);
  const cursor = async (): Promise<number> => Number((await savedProgress(bench)).get("progress/q/0/0")!.step!.cursor);
  const [before, at] = [await cursor(), bench.time.elapsed];
  await bench.time.advance(4_000);
  assert.ok(bench.time.elapsed - at < 8_000, "the commit has no answer yet");
  assert.ok((await cursor()) > before + 50);
});

function partitionsOf(body: unknown): number[] {
  const { topics } = body as Pick<TxnOffsetCommitRequest, "topics">;
  return topics.flatMap(({ partitions }) => partitions.map((each) => each.partitionIndex));
}

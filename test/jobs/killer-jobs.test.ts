import assert from "node:assert/strict";
import { test } from "node:test";
import { startWorkerBench, type WorkerBench, type WorkerProcess } from "../support/worker-bench.ts";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const backoff = { initial: "1s", max: "10s", jitter: 0 } as const;
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);

/** A job that ends its process, as by SIGKILL, whenever it gets a payload that is not well. */
function killing(bench: WorkerBench, name: string, options: object = {}): WorkerProcess {
  return bench
    .process(name, { queues: { q: { backoff, ...options } } })
    .job("q", async (payload, _job, process: WorkerProcess) => {
      if (payload !== "kills") return process.sleep(10);
      process.crash();
      return new Promise(() => {});
    });
}

/** Starts one process after the other, each when the last has died, until everything is finished. */
async function untilDrained(bench: WorkerBench, options: object = {}): Promise<WorkerProcess[]> {
  const processes: WorkerProcess[] = [];
  while (!drained(bench)) {
    const process = killing(bench, `w${processes.length}`, options);
    processes.push(process);
    await process.work();
    await bench.until(() => process.clock.frozen || drained(bench), 600_000);
    assert.ok(processes.length < 20, "it goes on and on");
  }
  return processes;
}

test("S4.8 that jobs are started is committed before the first one, and taken back when the partition is let go", async (t) => {
  const bench = await startWorkerBench(t);
  const process = bench.process("w").job("q");
  const worker = await process.work({ commitInterval: "1h" });
  await bench.produce("q", 0, ["a"]);
  await bench.until(() => bench.starts.length === 1);
  assert.deepEqual(
    bench.commits.map(({ offset, metadata }) => [offset, metadata!.open]),
    [[0, true]],
  );
  await bench.run(worker.close());
  assert.deepEqual([bench.commits.at(-1)!.offset, bench.commits.at(-1)!.metadata!.open], [1, false]);
});

test("S4.8 a job that kills its process is counted, no other is, and it dies when that was once too often", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await bench.produce("q", 0, [...range(3), "kills", ...range(5)]);
  const processes = await untilDrained(bench, { deadLetterQueue: { topic: "d", maxRetries: 2 } });
  assert.equal(bench.starts.filter(({ offset }) => offset === 3).length, processes.length - 1);
  // The first death is nobody's; at the second it is a suspect, which runs alone from then on: three times.
  assert.deepEqual(
    bench.starts.filter(({ offset }) => offset === 3).map(({ attempt }) => attempt),
    [1, 1, 1, 2, 3],
  );
  assert.ok(
    bench.starts.every(({ offset, attempt }) => offset === 3 || attempt === 1),
    "its neighbours inherit nothing",
  );
  const [dead] = processes.flatMap((process) => process.seen("dead"));
  assert.deepEqual([dead!.job.offset, (dead!.error as Error).name], [3, "ProcessDiedError"]);
  assert.equal(bench.records("d", 0).length, 1);
});

test("S4.8 whoever finds a job that was running when its process died waits before it tries it again", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  await bench.produce("q", 0, ["kills", 1]);
  await untilDrained(bench, { deadLetterQueue: { topic: "d", maxRetries: 3 } });
  const times = bench.starts.filter(({ offset }) => offset === 0).map(({ at }) => at);
  assert.equal(times.length, 6);
  const waits = times.slice(1).map((at, i) => at - times[i]!);
  for (const [i, wait] of [0, 0, 1_000, 2_000, 4_000].entries()) assert.ok(waits[i]! >= wait, `${waits}`);
});

test("S4.8 a suspect runs while nothing else does in its worker", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 3 } });
  for (const partition of [1, 2]) await bench.produce("q", partition, range(200));
  await bench.produce("q", 0, ["kills"]);
  const first = killing(bench, "first");
  await first.work();
  await bench.until(() => first.clock.frozen);
  const second = killing(bench, "second");
  await second.work();
  await bench.until(() => second.clock.frozen);
  // It was noted as a suspect before it started, and has killed the second process, too.
  const running = new Set<string>();
  let alone: boolean | undefined;
  const third = bench.process("third", { queues: { q: { backoff } } }).job("q", async (payload, job, { sleep }) => {
    if (payload === "kills") alone = running.size === 0;
    const key = `${job.partition}/${job.offset}`;
    running.add(key);
    await sleep(payload === "kills" ? 500 : 10);
    if (payload === "kills") alone &&= running.size === 1;
    running.delete(key);
  });
  await third.work();
  await bench.until(() => drained(bench), 600_000);
  assert.equal(alone, true);
  assert.equal(bench.starts.filter(({ by, partition }) => by === "third" && partition === 0).length, 1);
});

test("S4.8 jobs of the first batch after a death are noted one by one, and cleared as they end; later ones are not", async (t) => {
  const bench = await startWorkerBench(t);
  const first = bench.process("first").job("q", (_payload, _job, { sleep }) => sleep(100));
  await first.work();
  await bench.produce("q", 0, range(6));
  await bench.until(() => bench.starts.length === 2);
  first.crash();
  const second = bench.process("second").job("q", (_payload, _job, { sleep }) => sleep(10));
  await second.work({ commitInterval: "1h" });
  await bench.until(() => bench.ran("q", 0, "second").length >= 5);
  await bench.produce("q", 0, range(3));
  await bench.until(() => bench.ran("q", 0, "second").includes(8));
  const suspects = bench.commits
    .filter(({ by }) => by === "second")
    .map(({ offset, metadata }) => [offset, metadata!.failing.map((job) => [job.offset, job.attempt, job.suspect])]);
  const from = bench.ran("q", 0, "second")[0]!;
  assert.deepEqual(
    suspects,
    range(6 - from).map((i) => [from + i, [[from + i, 0, true]]]),
  );
  assert.ok(bench.starts.every(({ attempt }) => attempt === 1));
});

for (const killer of [0, 1]) {
  test(`S4.8 suspects of other partitions are not counted for the deaths of one (in partition ${killer})`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 2, d: 2 } });
    const queue = { backoff, deadLetterQueue: { topic: "d", maxRetries: 2 } };
    await bench.produce("q", killer, ["kills", 1]);
    await bench.produce("q", 1 - killer, ["slow", 1]);
    const processes: WorkerProcess[] = [];
    while (!drained(bench)) {
      const process = bench.process(`w${processes.length}`, { queues: { q: queue } });
      processes.push(process);
      await process
        .job("q", async (payload) => {
          await process.sleep(payload === "slow" ? 3_000 : 10);
          if (payload !== "kills") return;
          process.crash();
          await new Promise(() => {});
        })
        .work();
      await bench.until(() => process.clock.frozen || drained(bench), 600_000);
      assert.ok(processes.length < 20, "it goes on and on");
    }
    const others = bench.starts.filter(({ partition, offset }) => partition !== killer || offset > 0);
    assert.ok(
      others.every(({ attempt }) => attempt === 1),
      "they inherit nothing",
    );
    const dead = processes.flatMap((process) => process.seen("dead")).map(({ job }) => [job.partition, job.offset]);
    assert.deepEqual(dead, [[killer, 0]]);
  });
}

test("S4.8 a suspect is not counted for a worker that is closed while it runs alone", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const options = { queues: { q: { backoff, deadLetterQueue: { topic: "d", maxRetries: 1 } } } };
  await bench.produce("q", 0, [0]);
  const start = async (name: string, takes: number): Promise<WorkerProcess> => {
    const process = bench.process(name, options).job("q", (_payload, _job, { sleep }) => sleep(takes));
    await process.work();
    await bench.until(() => bench.starts.at(-1)?.by === name, 600_000);
    return process;
  };
  for (const name of ["dies", "dies too"]) (await start(name, 60_000)).crash();
  for (const name of ["a", "b", "c"]) await bench.run((await start(name, 60_000)).app.close());
  await start("last", 10);
  await bench.until(() => drained(bench));
  assert.deepEqual(
    bench.starts.map(({ attempt }) => attempt),
    [1, 1, 1, 1, 1, 1],
  );
  assert.equal(bench.records("d", 0).length, 0);
});

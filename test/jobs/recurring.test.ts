import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import type { MissedPolicy, RecurringOptions } from "../../src/jobs/recurring-definition.ts";
import {
  BENCH_START,
  GROUP,
  startWorkerBench,
  underBoth,
  type WorkerBench,
  type WorkerProcess,
} from "../support/worker-bench.ts";

const STATE = `${GROUP}-state`;

/** One run of a job that was enqueued at a tick. */
interface Run {
  readonly by: string;
  readonly payload: string;
  /** Milliseconds since the start. */
  readonly tick: number;
  readonly at: number;
  readonly job: RunningJob<string>;
}

class Scene {
  readonly bench: WorkerBench;
  readonly runs: Run[] = [];

  constructor(bench: WorkerBench) {
    this.bench = bench;
  }

  process(
    name: string,
    ...recurring: (Omit<RecurringOptions, "job"> & { readonly payload?: string })[]
  ): WorkerProcess {
    const process = this.bench.process(name);
    const job = process.app.job<string>({
      name: "tick",
      queue: "q",
      partitioner: (each) => each.payload,
      perform: (payload, running) => {
        const tick = running.tick!.getTime() - BENCH_START;
        this.runs.push({ by: name, payload, tick, at: this.bench.time.elapsed, job: running });
      },
    });
    for (const { payload = "a", ...options } of recurring) process.app.recurring({ ...options, job: job.of(payload) });
    return process;
  }

  get ticks(): number[] {
    return this.runs.map(({ tick }) => tick);
  }
}

const every = (seconds: number): string => `*/${seconds} * * * * *`;

underBoth("S7.6 a job is enqueued at each tick, once, not before it, and the run knows which", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w", { name: "often", cron: every(10) });
  await process.work();
  await bench.until(() => scene.runs.length === 6, 70_000);
  assert.deepEqual(scene.ticks, [10_000, 20_000, 30_000, 40_000, 50_000, 60_000]);
  for (const { tick, at, job } of scene.runs) {
    assert.ok(at >= tick && at < tick + 1_000, `tick ${tick} ran at ${at}`);
    assert.deepEqual([job.name, job.key, job.payload, job.headers], ["tick", "a", "a", {}]);
  }
  assert.equal(new Set(scene.runs.map(({ job }) => job.id)).size, 6);
  const [status] = await bench.run(process.app.recurringJobs.list());
  assert.deepEqual(status, {
    ...{ name: "often", cron: every(10), timeZone: "UTC", job: "tick", queue: "q", isPaused: false },
    last: new Date(BENCH_START + 60_000),
    next: new Date(BENCH_START + 70_000),
  });
  assert.deepEqual(process.seen("error"), []);
});

underBoth("S7.6 each tick is dispatched once, whoever comes, goes and dies meanwhile", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 4 } });
  const scene = new Scene(bench);
  const all = ["a", "b", "c", "d", "e", "f"].map((payload) => ({ name: `of-${payload}`, cron: every(1), payload }));
  const processes: WorkerProcess[] = [];
  const start = async (): Promise<void> => {
    const process = scene.process(`w${processes.length}`, ...all);
    processes.push(process);
    await process.work();
  };
  await start();
  await start();
  await bench.time.advance(5_000);
  processes[0]!.crash();
  await start();
  await bench.time.advance(20_000);
  await bench.run(processes[1]!.app.close());
  await bench.time.advance(5_000);
  await start();
  await bench.time.advance(20_000);
  const end = 40_000;
  for (const { payload } of all) {
    const own = scene.runs.filter((run) => run.payload === payload && run.tick <= end);
    // A job may run twice after a kill: it is one job all the same.
    const jobs = new Map(own.map(({ job, tick }) => [`${job.partition}/${job.offset}`, tick]));
    const ticks = [...jobs.values()].sort((a, b) => a - b);
    assert.deepEqual(
      ticks,
      Array.from({ length: ticks.length }, (_, i) => ticks[0]! + i * 1_000),
      payload,
    );
    assert.ok(ticks[0]! <= 3_000 && ticks.at(-1)! === end, `${payload}: ${ticks}`);
  }
});

for (const [missed, expected] of [
  ["skip", [600_000]],
  ["once", [600_000]],
  ["all", Array.from({ length: 9 }, (_, i) => 120_000 + i * 60_000)],
] as const satisfies readonly (readonly [MissedPolicy, readonly number[]])[]) {
  test(`S7.6 missed ticks: "${missed}"`, async (t) => {
    const bench = await startWorkerBench(t);
    const scene = new Scene(bench);
    const minutely = { name: "minutely", cron: "* * * * *", missed };
    const first = scene.process("first", minutely);
    await first.work();
    await bench.until(() => scene.runs.length === 1, 70_000);
    await bench.run(first.app.close());
    scene.runs.length = 0;
    await bench.time.advance(600_500 - bench.time.elapsed);
    await scene.process("second", minutely).work();
    await bench.until(() => scene.runs.length >= expected.length, 30_000);
    await bench.time.advance(10_000);
    assert.deepEqual(scene.ticks, expected);
  });
}

test("S7.6 ticks that were missed long ago are skipped, or made up for once", async (t) => {
  for (const [missed, expected] of [
    ["skip", []],
    ["once", [3_600_000]],
  ] as const) {
    const bench = await startWorkerBench(t);
    const scene = new Scene(bench);
    const hourly = { name: "hourly", cron: "0 * * * *", missed };
    const first = scene.process("first", hourly);
    await first.work();
    await bench.time.advance(1_000);
    await bench.run(first.app.close());
    await bench.time.advance(5_000_000);
    await scene.process("second", hourly).work();
    await bench.time.advance(30_000);
    assert.deepEqual(scene.ticks, expected, missed);
  }
});

test("S7.6 a time zone's clocks decide, also when they are changed", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w", { name: "nightly", cron: "30 0,2 * * *", timeZone: "Europe/Berlin" });
  // 2027-03-28: at 2:00 it is 3:00 there.
  await bench.time.advance(Date.UTC(2027, 2, 27, 23) - BENCH_START);
  await process.work();
  await bench.time.advance(2.5 * 3_600_000);
  assert.deepEqual(
    scene.runs.map(({ tick }) => new Date(BENCH_START + tick).toISOString()),
    ["2027-03-27T23:30:00.000Z", "2027-03-28T01:00:00.000Z"],
  );
});

test("S7.6 what is paused does not tick, in whichever process, and goes on with the next tick", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const often = { name: "often", cron: every(10), missed: "all" } as const;
  const process = scene.process("w", often);
  await process.work();
  await bench.until(() => scene.runs.length === 2, 30_000);
  const outsider = scene.process("outsider", often);
  await bench.run(outsider.app.recurringJobs.get("often").pause());
  await bench.time.advance(35_000);
  assert.equal(scene.runs.length, 2);
  const [status] = await bench.run(outsider.app.recurringJobs.list());
  assert.deepEqual([status!.isPaused, status!.next], [true, undefined]);
  await bench.run(process.app.close());
  const next = scene.process("next", often);
  await next.work();
  await bench.time.advance(20_000);
  assert.equal(scene.runs.length, 2, "the next owner knows of it");
  const before = bench.time.elapsed;
  await bench.run(outsider.app.recurringJobs.get("often").resume());
  await bench.until(() => scene.runs.length === 3, 20_000);
  assert.ok(scene.ticks[2]! > before, "what it was paused for is not made up for");
  const keys = bench.committedRecords(STATE, 0).map(({ key }) => new TextDecoder().decode(key!).split("/")[0]);
  assert.ok(keys.every((kind) => ["recurring", "pause", "resume"].includes(kind!)));
});

test("S7.6 trigger enqueues at once, and its ticks are as they were", async (t) => {
  const bench = await startWorkerBench(t);
  const runs: (Date | undefined)[] = [];
  const process = bench.process("w");
  const job = process.app.job<void>({ name: "n", queue: "q", perform: (_, { tick }) => void runs.push(tick) });
  const recurring = process.app.recurring({ name: "yearly", cron: "@yearly", job: job.of() });
  await process.work();
  const enqueued = await bench.run(recurring.trigger());
  assert.equal(enqueued.state, "enqueued");
  await bench.until(() => runs.length === 1);
  assert.deepEqual(runs, [undefined]);
});

test("S7.6 a request without a worker stays in force; one for what nobody has seen is refused", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const often = { name: "often", cron: every(10) };
  const outsider = scene.process("outsider", often);
  await assert.rejects(
    bench.run(outsider.app.recurringJobs.get("often").pause()),
    /no worker has seen it yet: workers-state/,
  );
  assert.throws(() => outsider.app.recurringJobs.get("seldom"), /none is named "seldom" \(often\)/);
  const first = scene.process("first", often);
  await first.work();
  await bench.time.advance(2_000);
  await bench.run(first.app.close());
  await bench.run(outsider.app.recurringJobs.get("often").pause());
  await scene.process("second", often).work();
  await bench.time.advance(30_000);
  assert.deepEqual(scene.ticks, []);
});

test("S7.6 another expression begins anew: its ticks before nobody has missed", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const first = scene.process("first", { name: "job", cron: "0 0 * * *", missed: "all" });
  await first.work();
  await bench.time.advance(1_000);
  await bench.run(first.app.close());
  await bench.time.advance(600_000);
  const second = scene.process("second", { name: "job", cron: "* * * * *", missed: "all" });
  await second.work();
  await bench.until(() => scene.runs.length === 2, 130_000);
  assert.ok(scene.ticks[0]! > 600_000, `${scene.ticks}`);
});

test("S7.6 one that is defined while the worker works is taken up, the first one too", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = bench.process("w");
  const ticks: string[] = [];
  const job = process.app.job<string>({ name: "n", queue: "q", perform: (payload) => void ticks.push(payload) });
  await process.work();
  await bench.time.advance(5_000);
  for (const name of ["one", "two"]) process.app.recurring({ name, cron: every(10), job: job.of(name) });
  await bench.until(() => ticks.length === 4, 40_000);
  assert.deepEqual([...ticks].sort(), ["one", "one", "two", "two"]);
  assert.deepEqual(process.seen("error"), []);
  assert.equal(scene.runs.length, 0);
});

test("S7.6 a transaction that fails, or of which nobody says how it ended, dispatches its tick once", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w", { name: "often", cron: every(10) });
  await process.work();
  await bench.time.advance(5_000);
  bench.broker.faults.fail({ api: "TxnOffsetCommit", errorCode: 14, times: 3 });
  await bench.until(() => scene.runs.length === 1, 60_000);
  // The end is carried out, and its answer never comes.
  bench.broker.faults.drop({ api: "EndTxn", when: "afterApply", times: 1 });
  await bench.until(() => scene.runs.length === 4, 300_000);
  const jobs = bench.committedRecords("q", 0).length;
  assert.equal(jobs, scene.runs.length);
  assert.equal(new Set(scene.ticks).size, scene.runs.length, `${scene.ticks}`);
});

const REFUSED: readonly (readonly [options: Record<string, unknown>, option: string, problem: RegExp])[] = [
  [{ name: "a b" }, "recurring.name", /"a b" given/],
  [{ name: "" }, "recurring.name", /"" given/],
  [{ cron: "* * *" }, 'recurring "n".cron', /fields/],
  [{ cron: 5 }, 'recurring "n".cron', /5 given/],
  [{ timeZone: "Europe/Berln" }, 'recurring "n".timeZone', /Berlin/],
  [{ missed: "never" }, 'recurring "n".missed', /"skip", "once", "all"/],
  [{ job: 7 }, 'recurring "n".job', /what of\(…\) of a job returns/],
  [{ every: "5m" }, "recurring.every", /no such option/],
];

for (const [options, option, problem] of REFUSED) {
  test(`S7.6 ${JSON.stringify(options)} is refused as ${option}`, async (t) => {
    const bench = await startWorkerBench(t);
    const { app } = bench.process("w");
    const job = app.job<void>({ name: "n", queue: "q", perform: () => {} });
    const all = { name: "n", cron: "* * * * *", job: job.of(), ...options } as RecurringOptions;
    assert.throws(
      () => app.recurring(all),
      (error) => {
        assert.ok(error instanceof InvalidOptionError);
        assert.equal(error.option, option);
        assert.match(error.message, problem);
        return true;
      },
    );
  });
}

test("S7.6 a name is taken once; a job with a wait, or of another app, or without a key for its partitioner, is refused", async (t) => {
  const bench = await startWorkerBench(t);
  const { app } = bench.process("w", { scheduledMessagesTopics: ["later"] });
  const job = app.job<string>({
    ...{ name: "n", queue: "q", scheduledMessagesTopic: "later" },
    partitioner: ({ payload }) => payload,
    perform: () => {},
  });
  const other = bench.process("x").app.job<void>({ name: "n", queue: "q", perform: () => {} });
  const cron = "* * * * *";
  app.recurring({ name: "a", cron, job: job.of("k") });
  assert.throws(() => app.recurring({ name: "a", cron, job: job.of("k") }), /one named "a" already/);
  assert.throws(() => app.recurring({ name: "b", cron, job: job.set({ wait: "1m" }).of("k") }), /a wait of its own/);
  assert.throws(() => app.recurring({ name: "c", cron, job: other.of() }), /another app/);
  assert.throws(() => app.recurring({ name: "d", cron, job: job.of("") }), { name: "InvalidKeyError" });
});

test("S7.6 a worker that can be no member any more dispatches nothing, and asks for nothing", async (t) => {
  const bench = await startWorkerBench(t);
  const scene = new Scene(bench);
  const process = scene.process("w", { name: "often", cron: every(10) });
  await process.work();
  await bench.until(() => scene.runs.length === 1, 20_000);
  // GROUP_AUTHORIZATION_FAILED: nobody will let it in again.
  for (const api of ["Heartbeat", "ConsumerGroupHeartbeat", "JoinGroup"])
    bench.broker.faults.fail({ api, errorCode: 30, times: Number.POSITIVE_INFINITY });
  await bench.until(() => process.seen("closed").length > 0, 60_000);
  let requests = 0;
  bench.broker.observe(() => void requests++);
  await bench.time.advance(60_000);
  assert.equal(scene.runs.length, 1);
  assert.ok(requests < 20, `${requests} requests`);
});

test("S7.6 one whose partition is not there is told of, and the others and the queue's jobs go on", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 2 } });
  const seen: number[] = [];
  const process = bench.process("w");
  const job = process.app.job<number>({
    ...{ name: "n", queue: "q", partitionKeyType: "partition" },
    partitioner: ({ payload }) => payload,
    perform: (payload) => void seen.push(payload),
  });
  for (const n of [7, 1]) process.app.recurring({ name: `to-${n}`, cron: every(10), job: job.of(n) });
  await process.work();
  process.app.recurring({ name: "to-8", cron: every(10), job: job.of(8) });
  await bench.until(() => seen.length === 2, 30_000);
  process.app.recurring({ name: "to-9", cron: every(10), job: job.of(9) });
  await bench.until(() => seen.length === 3, 30_000);
  assert.deepEqual(seen, [1, 1, 1]);
  const errors = process.seen("error").map(({ error }) => (error as Error).message);
  for (const n of [7, 9])
    assert.ok(
      errors.some((message) => message.includes(`gave ${n}, but topic q`)),
      `${errors}`,
    );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createApp, type Job } from "../../mod.ts";
import { type CrashPoint, type TestApp, type TestOptions, testApp } from "../../src/testing/mod.ts";
import { QUIET } from "../support/quiet-logger.ts";

interface Payload {
  readonly n: number;
  readonly user: number;
  readonly fails?: number;
}

interface Bench {
  readonly kit: TestApp;
  readonly job: Job<Payload>;
  /** Called in the middle of each run. */
  during: (payload: Payload) => unknown;
}

async function startBench(options: TestOptions, partitions = 1): Promise<Bench> {
  const app = createApp({ group: "g", logger: QUIET, queues: { q: { partitions } } });
  const bench = { during: () => {} } as { during: (payload: Payload) => unknown };
  const job = app.job<Payload>({
    name: "a",
    queue: "q",
    partitioner: ({ payload }) => payload.user,
    async perform(payload, { attempt }) {
      await bench.during(payload);
      if (attempt <= (payload.fails ?? 0)) throw new Error("as planned");
    },
  });
  const kit = await testApp(app, options);
  return Object.assign(bench, { kit, job });
}

async function enqueue({ job }: Bench, count: number, users = 1): Promise<void> {
  for (let n = 0; n < count; n++) await job.performLater({ n, user: n % users });
}

const RUNS: Readonly<Record<CrashPoint, readonly string[]>> = {
  "before-perform": ["0 worker-2", "1 worker-2"],
  "after-perform": ["0 worker-1", "0 worker-2", "1 worker-2"],
  "before-commit": ["0 worker-1", "0 worker-2", "1 worker-2"],
  "after-commit": ["0 worker-1", "1 worker-2"],
};
const POINTS = Object.keys(RUNS) as CrashPoint[];

for (const point of POINTS) {
  test(`testApp kills a worker ${point}: what is not committed then runs again`, async (t) => {
    const bench = await startBench({});
    const { kit, job } = bench;
    t.after(() => kit.close());
    const crash = kit.crashAt(point, job);
    for (const n of [0, 1]) {
      assert.equal(crash.happened, n > 0);
      await job.performLater({ n, user: 0 });
      await kit.drain();
    }
    assert.deepEqual(
      kit.performed(job).map(({ payload, worker }) => `${payload.n} ${worker}`),
      RUNS[point],
    );
    kit.assertPerformedInOrder(job, ({ payload }) => payload.user);
  });
}

test("testApp kills a worker at a job of the definition that was named alone", async (t) => {
  const { kit, job } = await startBench({});
  t.after(() => kit.close());
  const other = createApp().job({ name: "other", queue: "q", perform: () => {} });
  assert.throws(() => kit.crashAt("after-perform", other), /a job of the app under test is expected/);
  assert.throws(() => kit.crashAt("at-noon" as CrashPoint), /crashAt: "at-noon" given/);
  const crash = kit.crashAt("after-perform", job);
  await kit.drain();
  assert.equal(crash.happened, false);
});

test("testApp shows that what finished since the last commit runs again after a crash", async (t) => {
  const bench = await startBench({ work: { commitInterval: "1s" } });
  const { kit, job } = bench;
  t.after(() => kit.close());
  await enqueue(bench, 3);
  bench.during = ({ n }) => {
    if (n === 2) bench.during = () => {};
    if (n === 2) kit.crashAt("after-perform");
  };
  await kit.drain();
  assert.deepEqual(
    kit.performed(job).map(({ payload }) => payload.n),
    [0, 1, 2, 0, 1, 2],
  );
  kit.assertPerformedInOrder(job, ({ payload }) => payload.user);
});

test("testApp waits for the group to miss a worker, however long its session is", async (t) => {
  const { kit, job } = await startBench({
    work: { groupProtocol: "classic", sessionTimeout: "30m", rebalanceTimeout: "20m" },
  });
  t.after(() => kit.close());
  kit.crashAt("after-perform");
  await job.performLater({ n: 0, user: 0 });
  const began = kit.now.getTime();
  await kit.drain();
  assert.equal(kit.performed(job).length, 2);
  assert.ok(kit.now.getTime() - began >= 1_200_000);
});

test("testApp kills a worker in the middle of a job, and what that job still does counts for nothing", async (t) => {
  const bench = await startBench({});
  const { kit, job } = bench;
  t.after(() => kit.close());
  assert.throws(() => kit.crash(), /no worker to kill yet/);
  await enqueue(bench, 2);
  let goOn!: () => void;
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let reached!: () => void;
  const inTheMiddle = new Promise<void>((resolve) => {
    reached = resolve;
  });
  let times = 0;
  bench.during = () => {
    times += 1;
    if (times > 1) return undefined;
    reached();
    return gate;
  };
  const drained = kit.drain();
  await inTheMiddle;
  kit.crash();
  await drained;
  goOn();
  await kit.drain();
  assert.deepEqual(
    kit.runs(job).map(({ payload, state, worker }) => `${payload.n} ${state} ${worker}`),
    ["0 died worker-1", "0 completed worker-2", "1 completed worker-2"],
  );
});

test("testApp lets a worker join and leave, and the jobs go with their partitions", async (t) => {
  const bench = await startBench({}, 6);
  const { kit, job } = bench;
  t.after(() => kit.close());
  const workers = async (): Promise<string[]> => {
    const before = kit.performed(job).length;
    await enqueue(bench, 30, 30);
    await kit.drain();
    return [
      ...new Set(
        kit
          .performed(job)
          .slice(before)
          .map(({ worker }) => worker),
      ),
    ].sort();
  };
  assert.deepEqual(await workers(), ["worker-1"]);
  await kit.rebalance();
  assert.deepEqual(await workers(), ["worker-1", "worker-2"]);
  await kit.rebalance("leave");
  assert.deepEqual(await workers(), ["worker-1"]);
  await assert.rejects(kit.rebalance("leave"), /the last worker cannot leave/);
  assert.equal(kit.performed(job).length, 90);
});

test("testApp rebalances while a job runs: the partition goes on where the job ends", async (t) => {
  const bench = await startBench({}, 6);
  const { kit, job } = bench;
  t.after(() => kit.close());
  await enqueue(bench, 12, 6);
  let done = false;
  bench.during = async () => {
    if (done) return;
    done = true;
    await kit.rebalance();
  };
  await kit.drain();
  assert.equal(kit.performed(job).length, 12, "nothing ran twice");
  kit.assertPerformedInOrder(job, ({ payload }) => payload.user);
  await kit.advance("10s");
  await enqueue(bench, 12, 6);
  await kit.drain();
  assert.ok(kit.performed(job).some(({ worker }) => worker === "worker-2"));
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("enqueue" as const), count: fc.integer({ min: 1, max: 6 }) }) },
  fc.record({ do: fc.constant("crashAt" as const), point: fc.constantFrom(...POINTS) }),
  fc.record({ do: fc.constantFrom("crash" as const, "join" as const, "leave" as const, "drain" as const) }),
  fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  fc.record({ do: fc.constant("fail" as const), api: fc.constantFrom("Produce", "OffsetCommit", "Heartbeat") }),
);

async function act({ kit, job }: Bench, each: Step): Promise<void> {
  if (each.do === "crashAt") kit.crashAt(each.point);
  else if (each.do === "advance") await kit.advance(each.ms);
  else if (each.do === "fail") kit.failNext(each.api, "COORDINATOR_NOT_AVAILABLE");
  else if (each.do === "drain") await kit.drain();
  else if (each.do === "crash" && kit.runs(job).length > 0) kit.crash();
}

test("testApp keeps order and loses nothing, whatever crashes, joins, leaves and fails", {
  timeout: 240_000,
}, async () => {
  const runs = fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 20 }), async (seed, steps) => {
    const bench = await startBench({ seed, workers: 2 }, 3);
    const { kit, job } = bench;
    let n = 0;
    let workers = 2;
    for (const each of steps) {
      if (each.do === "enqueue") {
        for (let i = 0; i < each.count; i++, n++) {
          await job.performLater({ n, user: n % 4, fails: n % 7 === 0 ? 2 : 0 });
        }
      } else if (each.do === "join" && workers < 4) {
        workers += 1;
        await kit.rebalance("join");
      } else if (each.do === "leave" && workers > 1) {
        workers -= 1;
        await kit.rebalance("leave");
      } else await act(bench, each);
    }
    await kit.drain();
    await kit.advance("1m");
    await kit.drain();
    assert.equal(new Set(kit.performed(job).map(({ id }) => id)).size, n);
    if (n > 0) kit.assertPerformedInOrder(job, ({ payload }) => payload.user);
    await kit.close();
  });
  await fc.assert(runs, { numRuns: 25 });
});

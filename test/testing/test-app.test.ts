import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import {
  type App,
  AppInUseError,
  type AppOptions,
  createApp,
  InvalidOptionError,
  type StandardSchemaV1,
} from "../../mod.ts";
import { nextTurn, sleep, systemClock } from "../../src/net/clock.ts";
import {
  JobsStillRunningError,
  type TestApp,
  TestClosedError,
  type TestOptions,
  TestStuckError,
  testApp,
} from "../../src/testing/mod.ts";
import { QUIET } from "../support/quiet-logger.ts";

interface Cleanup {
  after(fn: () => Promise<void>): void;
}

function makeApp(options: AppOptions = {}): App {
  return createApp({ group: "g", logger: QUIET, ...options });
}

async function start(t: Cleanup, app: App, options: TestOptions = {}): Promise<TestApp> {
  const kit = await testApp(app, options);
  t.after(() => kit.close());
  return kit;
}

test("testApp runs what is enqueued when it is drained, not before", async (t) => {
  const app = makeApp();
  const seen: number[] = [];
  const perform = (n: number): void => void seen.push(n);
  const job = app.job<number>({ name: "a", queue: "q", partitioner: () => "k", perform });
  const kit = await start(t, app, { seed: 42 });
  const began = kit.now.getTime();
  assert.equal((await job.performLater(1)).state, "enqueued");
  await job.performLater(2);
  await nextTurn();
  assert.deepEqual(seen, []);
  assert.equal(kit.now.getTime(), began);
  await kit.drain();
  assert.deepEqual(seen, [1, 2]);
  assert.equal(kit.now.getTime() - began, 1_000, "no more time passes than the commit waits for");
  await job.performLater(3);
  await kit.drain();
  assert.deepEqual(seen, [1, 2, 3]);
});

test("testApp creates the topics that the app names, for an app without a group too, and opens no socket", async (t) => {
  const transport = { connect: () => Promise.reject(new Error("a socket was opened")) };
  const queues = { users: { partitions: 12, config: { "retention.ms": "1000" } }, other: {} };
  const app = makeApp({ group: undefined, queues, kafka: { transport, brokers: ["nowhere.invalid:1"] } });
  const job = app.job<number>({ name: "a", queue: "users", partitioner: ({ payload }) => payload, perform: () => {} });
  const kit = await start(t, app);
  const topics = kit.broker.topics().map(({ name, partitions, configs }) => [name, partitions.length, { ...configs }]);
  assert.deepEqual(topics, [
    ["other", 3, { "retention.ms": "-1" }],
    ["users", 12, { "retention.ms": "1000" }],
  ]);
  await app.performAllLater(Array.from({ length: 30 }, (_, i) => job.of(i)));
  await kit.drain();
  assert.equal(kit.performed(job).length, 30);
  assert.ok(new Set(kit.performed(job).map(({ partition }) => partition)).size > 1);
});

test("testApp refuses an app that is in use, and frees the one it had", async () => {
  const app = makeApp();
  const seen: number[] = [];
  const job = app.job<number>({ name: "a", queue: "q", perform: (n) => void seen.push(n) });
  const first = await testApp(app);
  await assert.rejects(testApp(app), AppInUseError);
  await job.performLater(1);
  await first.close();
  await first.close();
  assert.throws(() => first.crash(), TestClosedError);
  await assert.rejects(async () => first.drain(), TestClosedError);
  const second = await testApp(app);
  await job.performLater(2);
  second.assertNotEnqueued(job, 1);
  await second.drain();
  await second[Symbol.asyncDispose]();
  assert.deepEqual(seen, [2], "nothing of the first is left");
  await app.close();
});

test("testApp ends with the app, and closes after it all the same", async () => {
  const app = makeApp();
  const job = app.job<number>({ name: "a", queue: "q", perform: () => {} });
  const kit = await testApp(app);
  await job.performLater(1);
  await kit.drain();
  await app.close();
  assert.deepEqual(kit.broker.groups()[0]!.members, []);
  await kit.close();
});

test("testApp adds no listeners, and tells the app's what its workers do", async (t) => {
  const app = makeApp();
  const job = app.job<number>({ name: "a", queue: "q", perform: () => {} });
  const completed: string[] = [];
  app.on("completed", (event) => void completed.push(event.job.name));
  const kit = await start(t, app);
  await job.performLater(1);
  await kit.drain();
  assert.deepEqual(completed, ["a"]);
});

test("testApp drains what jobs enqueue, and jobs of queues that were defined later", async (t) => {
  const app = makeApp();
  const seen: string[] = [];
  const second = app.job<number>({ name: "b", queue: "second", perform: (n) => void seen.push(`b${n}`) });
  const first = app.job<number>({
    name: "a",
    queue: "first",
    async perform(n) {
      seen.push(`a${n}`);
      if (n > 0) await Promise.all([second.performLater(n), first.performLater(n - 1)]);
    },
  });
  const kit = await start(t, app);
  await first.performLater(2);
  await kit.drain();
  assert.deepEqual(seen.sort(), ["a0", "a1", "a2", "b1", "b2"]);
  const late = app.job<number>({ name: "c", queue: "late", perform: (n) => void seen.push(`c${n}`) });
  await late.performLater(1);
  await kit.drain();
  assert.equal(seen.at(-1), "c1");
});

test("testApp leaves failed jobs waiting, with those behind them, until time is advanced", async (t) => {
  const app = makeApp({ queues: { q: { partitions: 1, backoff: { initial: "10s", jitter: 0 } } } });
  const tried: string[] = [];
  const job = app.job<{ n: number; fails: number }>({
    name: "a",
    queue: "q",
    partitioner: () => "k",
    perform({ n, fails }, { attempt }) {
      tried.push(`${n}.${attempt}`);
      if (attempt <= fails) throw new Error("as planned");
    },
  });
  const kit = await start(t, app);
  await job.performLater({ n: 1, fails: 2 });
  await job.performLater({ n: 2, fails: 0 });
  await kit.drain();
  await kit.drain();
  assert.deepEqual(tried, ["1.1"]);
  await kit.advance("9s");
  assert.deepEqual(tried, ["1.1"]);
  await kit.advance("2s");
  assert.deepEqual(tried, ["1.1", "1.2"]);
  assert.throws(() => kit.assertPerformed(job, { n: 1 }), /attempt 2 failed: Error: as planned/);
  await kit.advance("20s");
  assert.deepEqual(tried, ["1.1", "1.2", "1.3", "2.1"]);
  kit.assertPerformedInOrder(job, () => "k");
});

test("testApp advances exactly as far as it is told", async (t) => {
  const app = makeApp();
  const kit = await start(t, app, { start: new Date("2027-03-01T00:00:00Z") });
  assert.equal(kit.now.toISOString(), "2027-03-01T00:00:00.000Z");
  await kit.advance("1.5h");
  await kit.advance(250);
  assert.equal(kit.now.toISOString(), "2027-03-01T01:30:00.250Z");
  await assert.rejects(async () => kit.advance("-5s" as "5s"), InvalidOptionError);
});

test("testApp waits for what jobs wait for in the outside world, while its own time stands still", async (t) => {
  const app = makeApp();
  const took: number[] = [];
  const job = app.job<number>({
    name: "a",
    queue: "q",
    async perform(ms) {
      const before = kit.now.getTime();
      await readFile(new URL(import.meta.url));
      await sleep(systemClock, ms);
      took.push(kit.now.getTime() - before);
    },
  });
  const kit: TestApp = await start(t, app);
  await job.performLater(40);
  await kit.drain();
  await job.performLater(40);
  await kit.advance("1h");
  assert.deepEqual(took, [0, 0]);
});

test("testApp says which jobs do not end, and time can be moved past them", async (t) => {
  const app = makeApp();
  const job = app.job({ name: "endless", queue: "q", perform: () => new Promise(() => {}) });
  const kit = await start(t, app, { patience: "20ms", work: { shutdownTimeout: "1s" } });
  const { id } = await job.performLater();
  for (let i = 0; i < 2; i++) {
    await assert.rejects(kit.drain(), (error: Error) => {
      assert.ok(error instanceof JobsStillRunningError);
      assert.equal(error.running.length, 1);
      assert.ok(error.message.includes(`job ${id} of "endless" at q/`), error.message);
      return true;
    });
  }
  const before = kit.now.getTime();
  await kit.advance("1m");
  assert.equal(kit.now.getTime() - before, 60_000);
  assert.equal(kit.runs(job)[0]!.state, "running");
});

test("testApp says what has stopped a partition", async (t) => {
  const app = makeApp();
  const job = app.job({ name: "a", queue: "q", perform: () => {} });
  const kit = await start(t, app);
  kit.failNext("OffsetCommit", "GROUP_AUTHORIZATION_FAILED");
  await job.performLater();
  await assert.rejects(kit.drain(), (error: Error) => {
    assert.ok(error instanceof TestStuckError);
    assert.match(error.message, /partitions have stopped: q\/\d.*GROUP_AUTHORIZATION_FAILED/);
    return true;
  });
});

test("testApp gives up a job that fails again and again without time passing", async (t) => {
  const app = makeApp({ queues: { q: { backoff: { initial: 0, max: 0 } } } });
  const perform = (): void => {
    throw new Error("at once");
  };
  const job = app.job({ name: "a", queue: "q", perform });
  const kit = await start(t, app);
  await job.performLater();
  await assert.rejects(kit.drain(), /10000 failures without time passing.*at once/);
});

test("testApp lets enqueues linger and be tried again though nobody moves its time", async (t) => {
  const app = makeApp({ queues: { q: { partitions: 2 } } });
  const producer = app.producer.with({ linger: 20 });
  const perform = (): void => {};
  const job = app.job<number>({ name: "a", queue: "q", producer: () => producer, perform });
  const kit = await start(t, app);
  const began = kit.now.getTime();
  await job.performLater(1);
  assert.equal(kit.now.getTime() - began, 20);
  const fault = kit.failNext("Produce", "NOT_ENOUGH_REPLICAS", 2);
  await job.performLater(2);
  assert.equal(fault.used, 2);
  assert.equal(kit.enqueued(job).length, 2);
  assert.throws(() => kit.failNext("Produce", "NO_SUCH_ERROR"), RangeError);
});

test("testApp sees jobs that are only buffered, and drains what was not awaited", async (t) => {
  const app = makeApp();
  const perform = (): void => {};
  const job = app.job<number>({ name: "a", queue: "q", dispatchMethod: "produceAsync", perform });
  const kit = await start(t, app);
  assert.equal((await job.performLater(1)).state, "buffered");
  kit.assertEnqueued(job, 1);
  assert.throws(() => kit.assertEnqueued(job, 2), /\n {2}1 on its way to q$/);
  await kit.drain();
  kit.assertPerformed(job, 1);
  assert.deepEqual(
    kit.enqueued(job).map(({ offset }) => offset),
    [0],
  );
  kit.failNext("Produce", "TOPIC_AUTHORIZATION_FAILED");
  app.on("error", () => {});
  await job.performLater(2);
  await kit.drain();
  kit.assertNotEnqueued(job, 2);
});

test("testApp drains enqueues that are busy outside, or wait for a request that was lost", async (t) => {
  const app = makeApp();
  const schema: StandardSchemaV1<number> = {
    "~standard": {
      ...{ version: 1, vendor: "test" },
      validate: async (value) => {
        await sleep(systemClock, 30);
        return { value: value as number };
      },
    },
  };
  const job = app.job({ name: "a", queue: "q", schema, perform: () => {} });
  const kit = await start(t, app, { patience: "200ms" });
  const first = job.performLater(1);
  await kit.drain();
  kit.assertPerformed(job, 1);
  await first;
  kit.broker.faults.drop({ api: "Produce" });
  const began = kit.now.getTime();
  const second = job.performLater(2);
  await kit.drain();
  await second;
  kit.assertPerformed(job, 2);
  assert.ok(kit.now.getTime() - began >= 10_000, "its connection had to be given up");
});

test("testApp moves its time for a promise", async (t) => {
  const app = makeApp();
  const kit = await start(t, app);
  app.job({ name: "a", queue: "q", perform: () => {} });
  kit.broker.faults.drop({ api: "Metadata" });
  const began = kit.now.getTime();
  const plans = await kit.run(app.topics.plan());
  assert.deepEqual(
    plans.map(({ topic }) => topic),
    ["q"],
  );
  assert.ok(kit.now.getTime() - began >= 5_000, "the request that was dropped had to time out");
  await assert.rejects(kit.run(Promise.reject(new Error("its own"))), /its own/);
  await assert.rejects(kit.run(new Promise(() => {})), TestStuckError);
});

test("testApp checks its options", async () => {
  const app = makeApp();
  const wrong: readonly [unknown, RegExp][] = [
    [{ sed: 1 }, /testApp\.sed: no such option; did you mean "seed"/],
    [{ seed: -1 }, /testApp\.seed: -1 given/],
    [{ workers: 0 }, /testApp\.workers: 0 given/],
    [{ patience: "soon" }, /testApp\.patience: "soon" is no duration/],
    [{ start: "today" }, /testApp\.start: "today" given/],
    [{ work: { queues: ["q"] } }, /testApp\.work\.queues: no such option here/],
    [{ work: { concurrency: 0 } }, /work\.concurrency: 0 given/],
  ];
  for (const [options, message] of wrong) {
    await assert.rejects(testApp(app, options as TestOptions), (error: Error) => {
      assert.ok(error instanceof InvalidOptionError);
      assert.match(error.message, message);
      return true;
    });
  }
  const odd = makeApp({ queues: { q: { config: { "retention.ms": "soon" } } } });
  for (let i = 0; i < 2; i++) await assert.rejects(testApp(odd), { code: "INVALID_CONFIG" });
  const kit = await testApp(app, { queues: ["no-such-queue"] });
  await assert.rejects(kit.drain(), /no job is defined for queue "no-such-queue"/);
  await kit.close();
});

test("testApp does the same from the same seed", async () => {
  const [a, b, c] = [await trace(7), await trace(7), await trace(8)];
  assert.deepEqual(a, b);
  assert.notDeepEqual(a, c);
  assert.ok(a.length > 60);
});

/** Everything that happens in a test with failures, a crash and a rebalance. */
async function trace(seed: number): Promise<string[]> {
  const app = makeApp({ queues: { q: { partitions: 4 } } });
  const lines: string[] = [];
  const job = app.job<{ n: number; user: number }>({
    name: "a",
    queue: "q",
    partitioner: ({ payload }) => payload.user,
    perform({ n }, { attempt }) {
      if (n % 5 === 0 && attempt < 3) throw new Error("as planned");
    },
  });
  const kit = await testApp(app, { seed, workers: 2 });
  for (const name of ["started", "completed", "failed", "assigned", "revoked"] as const) {
    app.on(name, (event) => void lines.push(`${kit.now.getTime()} ${name} ${JSON.stringify(event)}`));
  }
  await app.performAllLater(Array.from({ length: 20 }, (_, n) => job.of({ n, user: n % 3 })));
  kit.crashAt("after-perform");
  await kit.drain();
  await kit.rebalance();
  await kit.advance("30s");
  kit.assertPerformedInOrder(job, ({ payload }) => payload.user);
  await kit.close();
  return lines;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { createApp } from "../../src/jobs/app.ts";
import { EnqueueStoppedError, NextCalledTwiceError } from "../../src/jobs/calling-errors.ts";
import { BulkEnqueueError, EnqueueTimeoutError, InvalidOptionError } from "../../src/jobs/errors.ts";
import type { Middleware } from "../../src/jobs/middleware.ts";
import { sleep } from "../../src/net/clock.ts";
import { type EnqueueBench, startEnqueueBench } from "../support/enqueue-bench.ts";

const perform = (): void => {};
const text = new TextDecoder();

/** What a partition holds, as numbers. */
async function numbers(bench: EnqueueBench, topic = "q", partition = 0): Promise<number[]> {
  return (await bench.jobs(topic, partition)).map((job) => Number(text.decode(job.value!)));
}

function heardErrors({ app }: EnqueueBench): { error: unknown; during: string }[] {
  const errors: { error: unknown; during: string }[] = [];
  app.on("error", (event) => errors.push(event));
  return errors;
}

test("enqueue middleware sees what is enqueued and decides on headers, the first that was used outermost", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run } = bench;
  const log: unknown[] = [];
  app.use({
    async enqueue(job, next) {
      log.push(["outer", job.name, job.queue, job.payload, { ...job.headers }]);
      job.headers.tenant = "7";
      job.headers.source = "outer";
      await next();
      log.push("outer again");
    },
  });
  app.use({
    async enqueue(job, next) {
      log.push(["inner", { ...job.headers }]);
      job.headers.source = "inner";
      delete job.headers.unwanted;
      await next();
      job.headers.late = "x";
      log.push("inner again");
    },
  });
  const job = app.job<{ a: number }>({ name: "one", queue: "q", perform });
  const given = { source: "web", unwanted: "x" };
  const configured = job.set({ headers: given });
  const done = await run(configured.performLater({ a: 1 }));
  assert.deepEqual(log, [
    ["outer", "one", "q", { a: 1 }, given],
    ["inner", { source: "outer", unwanted: "x", tenant: "7" }],
    "inner again",
    "outer again",
  ]);
  const [received] = await bench.jobs("q", 0);
  assert.equal(received!.id, done.id);
  assert.deepEqual(received!.headers, { source: "inner", tenant: "7" });
  await run(configured.performLater({ a: 2 }));
  assert.deepEqual(given, { source: "web", unwanted: "x" });
  assert.deepEqual(log.slice(4, 5), [["outer", "one", "q", { a: 2 }, given]], "a call's headers are its own");
});

test("S2.3 calls keep their order and their headers, however long each one's middleware takes", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run, time } = bench;
  const clock = time.instance();
  app.use({
    async enqueue(job, next) {
      const n = job.payload as number;
      await sleep(clock, ((n * 7919) % 50) * 10);
      job.headers.n = String(n);
      await next();
    },
  });
  const job = app.job<number>({ name: "slow", queue: "q", partitioner: () => "one", perform });
  const wanted = Array.from({ length: 200 }, (_, n) => n);
  const calls = wanted.slice(0, 100).map((n) => job.performLater(n));
  const bulk = app.performAllLater(wanted.slice(100).map((n) => job.of(n)));
  const began = time.time;
  await run(Promise.all([...calls, bulk]));
  assert.ok(time.time - began < 1_000, "they are prepared at the same time");
  assert.deepEqual(await numbers(bench), wanted);
  assert.deepEqual(
    (await bench.jobs("q", 0)).map(({ headers }) => headers),
    wanted.map((n) => ({ n: String(n) })),
  );
});

test("S2.3 a middleware that never calls next is passed over after the delivery timeout", async (t) => {
  const bench = await startEnqueueBench(t, { producer: { deliveryTimeout: "5s" } }, { q: 1 });
  const { app, run } = bench;
  let late = (): Promise<void> => Promise.resolve();
  app.use({
    enqueue: (job, next) => {
      if (job.payload !== 1) return next();
      late = next;
      return new Promise(() => {});
    },
  });
  const job = app.job<number>({ name: "stuck", queue: "q", perform });
  const results = await run(Promise.allSettled([0, 1, 2].map((n) => job.performLater(n))));
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.ok((results[1] as PromiseRejectedResult).reason instanceof EnqueueTimeoutError);
  await assert.rejects(run(late()), EnqueueTimeoutError);
  assert.deepEqual(await numbers(bench), [0, 2]);
});

test("an enqueue whose middleware throws, or ends without next, is refused with that, and nothing is sent", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run } = bench;
  const mine = new Error("no tenant");
  const ways: Record<string, Middleware["enqueue"]> = {
    throws: () => {
      throw mine;
    },
    rejects: () => Promise.reject(mine),
    ends: () => {},
    reserved: (job, next) => {
      job.headers["ottla-id"] = "x";
      return next();
    },
    swallows: async (job, next) => {
      job.headers.n = 7 as never;
      await next().catch(() => {});
    },
  };
  app.use({ enqueue: (job, next) => (ways[job.payload as string] ?? ((_, go) => go()))(job, next) });
  const job = app.job<string>({ name: "guarded", queue: "q", perform });
  await assert.rejects(run(job.performLater("throws")), mine);
  await assert.rejects(run(job.performLater("rejects")), mine);
  await assert.rejects(run(job.performLater("ends")), EnqueueStoppedError);
  await assert.rejects(run(job.performLater("reserved")), /job "guarded"\.headers\.ottla-id: names that begin/);
  await assert.rejects(run(job.performLater("swallows")), InvalidOptionError);
  for (const way of ["throws", "ends"])
    await assert.rejects(job.performNow(way), (error) => error === mine || error instanceof EnqueueStoppedError);
  const bulk = await run(app.performAllLater(["ends", "fine", "throws"].map((way) => job.of(way)))).catch(
    (error) => error,
  );
  assert.ok(bulk instanceof BulkEnqueueError);
  assert.deepEqual(
    bulk.results.map((result) => (result instanceof Error ? result.name : result.state)),
    ["EnqueueStoppedError", "enqueued", "Error"],
  );
  assert.equal((await bench.jobs("q", 0)).length, 1);
});

test("what an enqueue middleware throws once the job is enqueued goes to the error event", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run } = bench;
  const errors = heardErrors(bench);
  const mine = new Error("the audit log is full");
  app.use({
    async enqueue(job, next) {
      await next();
      if (job.payload === "twice") await next();
      throw mine;
    },
  });
  const job = app.job<string>({ name: "told", queue: "q", perform });
  assert.equal((await run(job.performLater("once"))).state, "enqueued");
  assert.equal((await run(job.performLater("twice"))).state, "enqueued");
  assert.equal((await bench.jobs("q", 0)).length, 2);
  assert.equal(errors[0]!.error, mine);
  assert.equal(errors[0]!.during, 'an enqueue middleware, after job "told" was enqueued');
  assert.ok(errors[1]!.error instanceof NextCalledTwiceError);
});

test("a job that could not be sent is not enqueued, whatever its middleware makes of the error", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run, broker } = bench;
  const errors = heardErrors(bench);
  const seen: unknown[] = [];
  app.use({
    async enqueue(job, next) {
      try {
        await next();
      } catch (error) {
        seen.push((error as { code?: string }).code);
        if (job.payload === "wrapped") throw new Error("wrapped", { cause: error });
      }
    },
  });
  // Nobody who does not await it brings the process down.
  app.use({ enqueue: (_job, next) => void next() });
  const job = app.job<string>({ name: "refused", queue: "q", perform });
  broker.faults.fail({ api: "Produce", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, times: 2 });
  await assert.rejects(run(job.performLater("swallowed")), /TOPIC_AUTHORIZATION_FAILED/);
  await assert.rejects(run(job.performLater("wrapped")), /^Error: wrapped$/);
  assert.deepEqual(seen, ["TOPIC_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED"]);
  assert.deepEqual(errors, []);
});

test("S2.1 with produceAsync next resolves once the job is buffered", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run, broker } = bench;
  const log: string[] = [];
  app.on("enqueued", () => log.push("enqueued"));
  app.use({
    async enqueue(_job, next) {
      await next();
      log.push("buffered");
    },
  });
  const job = app.job<number>({ name: "async", queue: "q", dispatchMethod: "produceAsync", perform });
  broker.faults.delay({ api: "Produce", ms: 100 });
  assert.equal((await run(job.performLater(1))).state, "buffered");
  assert.deepEqual(log, ["buffered"]);
  await bench.time.advance(1_000);
  assert.deepEqual(log, ["buffered", "enqueued"]);
});

test("performNow performs only once the enqueue middleware has ended well", async () => {
  const app = createApp();
  const log: string[] = [];
  app.use({
    async enqueue(job, next) {
      await next();
      log.push("enqueued");
      if (job.payload === "bad") throw new RangeError("mine");
    },
  });
  const job = app.job<string>({ name: "now", queue: "q", perform: () => void log.push("performed") });
  await job.performNow("good");
  await assert.rejects(job.performNow("bad"), RangeError);
  assert.deepEqual(log, ["enqueued", "performed", "enqueued"]);
});

test("perform middleware goes around the run, and what it throws fails the attempt", async () => {
  const app = createApp();
  const log: unknown[] = [];
  const around = (name: string): Middleware => ({
    async perform(job, next) {
      log.push([name, job.payload, job.headers]);
      try {
        await next();
      } finally {
        log.push(`${name} again`);
      }
    },
  });
  app.use({
    enqueue(job, next) {
      job.headers.tenant = "7";
      return next();
    },
  });
  app.use(around("outer"));
  app.use(around("inner"));
  const job = app.job<string>({
    ...{ name: "wrapped", queue: "q" },
    perform(payload) {
      log.push("perform");
      if (payload === "bad") throw new RangeError("mine");
    },
  });
  await job.performNow("good");
  const headers = { tenant: "7" };
  const around2 = [["outer", "good", headers], ["inner", "good", headers], "perform", "inner again", "outer again"];
  assert.deepEqual(log, around2);
  await assert.rejects(job.performNow("bad"), RangeError);
  assert.equal(log.at(-1), "outer again");
});

test("without next the job ends without having been performed; twice is a named error", async () => {
  const app = createApp();
  let ran = 0;
  app.use({
    perform: (job, next) => {
      if (job.payload === "none") return;
      void next();
      if (job.payload === "twice") void next();
    },
  });
  const job = app.job<string>({ name: "counted", queue: "q", perform: () => void ran++ });
  await job.performNow("none");
  assert.equal(ran, 0);
  await assert.rejects(job.performNow("twice"), NextCalledTwiceError);
  assert.equal(ran, 1);
});

test("S3.6 an attempt ends when perform has, though a middleware gave up on it or did not wait", async () => {
  const app = createApp();
  const ways: Record<string, Middleware["perform"]> = {
    forgets: (_job, next) => void next(),
    races: (_job, next) => Promise.race([next(), Promise.resolve()]),
    throws: (_job, next) => {
      void next();
      throw new Error("given up");
    },
    swallows: (_job, next) => next().catch(() => {}),
  };
  app.use({ perform: (job, next) => ways[(job.payload as { way: string }).way]!(job, next) });
  let ended = 0;
  const job = app.job<{ way: string; fails?: boolean }>({
    ...{ name: "long", queue: "q" },
    async perform({ fails }) {
      for (let i = 0; i < 20; i++) await undefined;
      ended++;
      if (fails) throw new RangeError("mine");
    },
  });
  await job.performNow({ way: "forgets" });
  assert.equal(ended, 1);
  await job.performNow({ way: "races" });
  assert.equal(ended, 2);
  await assert.rejects(job.performNow({ way: "throws" }), /given up/);
  assert.equal(ended, 3);
  // An error that no middleware can have seen counts; one that it has caught does not.
  await assert.rejects(job.performNow({ way: "forgets", fails: true }), RangeError);
  await assert.rejects(job.performNow({ way: "races", fails: true }), RangeError);
  await job.performNow({ way: "swallows", fails: true });
  assert.equal(ended, 6);
});

test("a middleware can be taken away, and what it is must be known", async () => {
  const app = createApp();
  const log: string[] = [];
  const note = (name: string): Middleware => ({
    perform(_job, next) {
      log.push(name);
      return next();
    },
  });
  const twice = note("a");
  const remove = app.use(twice);
  app.use(note("b"));
  app.use(twice);
  const job = app.job({ name: "one", queue: "q", perform });
  remove();
  remove();
  await job.performNow();
  assert.deepEqual(log, ["b", "a"]);
  const wrong: [unknown, string][] = [
    [{}, "middleware"],
    [undefined, "middleware"],
    [() => {}, "middleware"],
    [{ enqeue: () => {} }, "middleware.enqeue"],
    [{ perform: 7 }, "middleware.perform"],
  ];
  for (const [middleware, option] of wrong)
    assert.throws(
      () => app.use(middleware as Middleware),
      (error: Error) => error instanceof InvalidOptionError && error.option === option,
    );
});

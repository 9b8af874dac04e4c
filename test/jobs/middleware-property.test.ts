import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { createApp } from "../../src/jobs/app.ts";
import type { Middleware } from "../../src/jobs/middleware.ts";
import { sleep } from "../../src/net/clock.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

/** What one middleware does with one job. */
interface Way {
  /** How long (ms) it takes before `next`. */
  readonly before: number;
  readonly call: "awaited" | "forgotten" | "caught" | "twice" | "never";
  readonly after: number;
  readonly throws: "before" | "after" | "no";
}

const way: fc.Arbitrary<Way> = fc.record({
  before: fc.constantFrom(0, 0, 5, 30),
  call: fc.constantFrom<Way["call"][]>("awaited", "awaited", "awaited", "forgotten", "caught", "twice", "never"),
  after: fc.constantFrom(0, 0, 10),
  throws: fc.constantFrom<Way["throws"][]>("no", "no", "no", "no", "before", "after"),
});

class Mine extends Error {}

async function follow(
  { before, call, after, throws }: Way,
  wait: (ms: number) => Promise<unknown>,
  next: () => Promise<void>,
): Promise<void> {
  if (before > 0) await wait(before);
  if (throws === "before") throw new Mine();
  if (call === "awaited" || call === "twice") await next();
  if (call === "twice") await next();
  if (call === "caught") await next().catch(() => {});
  if (call === "forgotten") void next();
  if (after > 0) await wait(after);
  if (throws === "after") throw new Mine();
}

/** Whether it, and so those outside of it, let the job through. */
const letsThrough = ({ call, throws }: Way): boolean => call !== "never" && throws !== "before";

test("S2.3 what was enqueued is in the order of the calls, and is exactly what calls resolved for", async (t) => {
  const { app, run, broker, time, jobs } = await startEnqueueBench(t, {}, { q: 1 });
  const clock = time.instance();
  const wait = (ms: number): Promise<unknown> => sleep(clock, ms);
  let ways: readonly (readonly Way[])[] = [];
  const around = (at: number): Middleware => ({
    enqueue: ({ payload }, next) => follow(ways[payload as number]![at]!, wait, next),
  });
  for (const at of [0, 1, 2]) app.use(around(at));
  app.on("error", () => {});
  const job = app.job<number>({ name: "any", queue: "q", partitioner: () => "one", perform: () => {} });
  let seen = 0;
  const calls = fc.array(fc.array(way, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 15 });
  await fc.assert(
    fc.asyncProperty(calls, fc.nat({ max: 3 }), async (given, refusals) => {
      ways = given;
      const refused = { api: "Produce", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, times: refusals } as const;
      if (refusals > 0) broker.faults.fail(refused);
      const results = await run(Promise.allSettled(given.map((_, n) => job.performLater(n))));
      broker.faults.clear();
      const ids = (await jobs("q", 0)).map(({ id }) => id).slice(seen);
      seen += ids.length;
      assert.deepEqual(
        results.flatMap((result) => (result.status === "fulfilled" ? [result.value.id] : [])),
        ids,
      );
      if (refusals > 0) return;
      for (const [n, { status }] of results.entries())
        assert.equal(status === "fulfilled", given[n]!.every(letsThrough), JSON.stringify(given[n]));
    }),
    { numRuns: 100 },
  );
});

test("S3.6 an attempt outlasts its perform, which runs once at most, whatever the middleware does", async () => {
  const run = fc.record({ ways: fc.array(way, { maxLength: 4 }), takes: fc.nat({ max: 30 }), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(run, async ({ ways, takes, fails }) => {
      // Microtasks take the place of time: what has to be kept is order.
      const wait = async (ticks: number): Promise<void> => {
        for (let i = 0; i < ticks; i++) await undefined;
      };
      const app = createApp();
      for (const each of ways) app.use({ perform: (_job, next) => follow(each, wait, next) });
      let started = 0;
      let ended = 0;
      const job = app.job({
        ...{ name: "any", queue: "q" },
        async perform() {
          started++;
          await wait(takes);
          ended++;
          if (fails) throw new RangeError();
        },
      });
      const outcome = await job.performNow().then(
        () => "done",
        (error: Error) => error,
      );
      assert.equal(started, ways.every(letsThrough) ? 1 : 0);
      assert.equal(ended, started);
      const isCaught = ways.some(({ call }) => call === "caught");
      const throwsItself = ways.some(({ throws, call }) => throws !== "no" || call === "twice");
      if (!throwsItself && !fails) assert.equal(outcome, "done");
      if (!throwsItself && fails && started === 1 && !isCaught && !ways.some(({ call }) => call === "forgotten"))
        assert.ok(outcome instanceof RangeError);
    }),
    { numRuns: 300 },
  );
});

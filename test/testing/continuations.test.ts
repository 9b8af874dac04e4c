import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp, type Job } from "../../mod.ts";
import { nextTurn } from "../../src/net/clock.ts";
import { type CrashPoint, type TestApp, testApp } from "../../src/testing/mod.ts";
import { QUIET } from "../support/quiet-logger.ts";

interface Import {
  readonly n: number;
  readonly user: string;
}

interface Bench {
  readonly kit: TestApp;
  readonly job: Job<Import>;
  /** Rows and steps as they were worked on. */
  readonly seen: string[];
  /** Called at each row. */
  during: (row: number) => unknown;
}

/** A job that goes over four rows, and then has a step of its own run. */
async function startBench(partitions = 1): Promise<Bench> {
  const app = createApp({ group: "g", logger: QUIET, queues: { imports: { partitions } } });
  const seen: string[] = [];
  const bench = { seen, during: () => {} } as unknown as { during: (row: number) => unknown };
  const job = app.job<Import>({
    name: "import",
    queue: "imports",
    partitioner: ({ payload }) => payload.user,
    resumeOptions: {},
    async perform({ n }, running) {
      await running.step("rows", async (step) => {
        for (let row = step.cursor ?? 0; row < 4; row++) {
          await bench.during(row);
          seen.push(`${n}:${row}`);
          await step.advance({ from: row });
        }
      });
      await running.step("last", () => void seen.push(`${n} last`), { isolated: true });
    },
  });
  const kit = await testApp(app);
  return Object.assign(bench, { kit, job, seen });
}

const rows = (n: number): string[] => [...[0, 1, 2, 3].map((row) => `${n}:${row}`), `${n} last`];

test("S7.7 S7.8 under the test kit steps run to their end as it is drained, each key in order", async (t) => {
  const { kit, job, seen } = await startBench();
  t.after(() => kit.close());
  for (const n of [0, 1]) await job.performLater({ n, user: "ada" });
  await kit.drain();
  assert.deepEqual(seen, [...rows(0), ...rows(1)]);
  kit.assertPerformed(job, { n: 1, user: "ada" });
  kit.assertPerformedInOrder(job, ({ payload }) => payload.user);
  assert.deepEqual(
    kit.runs(job).map(({ state }) => state),
    ["interrupted", "completed", "interrupted", "completed"],
  );
});

test("S7.8 under the test kit a held job that a leaving worker interrupts resumes on the other", async (t) => {
  const bench = await startBench(2);
  const { kit, job, seen } = bench;
  t.after(() => kit.close());
  await kit.rebalance("join");
  let hasLeft = false;
  bench.during = async (row) => {
    await nextTurn();
    if (row !== 1 || hasLeft) return;
    hasLeft = true;
    await kit.rebalance("leave");
  };
  for (const user of ["ada", "bob", "cleo", "dora"]) await job.performLater({ n: 0, user });
  await kit.drain();
  assert.equal(seen.length, 20, `${seen}`);
  const workers = new Map<string, Set<string>>();
  for (const { id, worker } of kit.runs(job)) workers.set(id, (workers.get(id) ?? new Set()).add(worker));
  assert.ok(
    [...workers.values()].some(({ size }) => size === 2),
    "one began with the one and ended with the other",
  );
  kit.assertPerformedInOrder(job, ({ payload }) => payload.user);
});

const AGAIN: Readonly<Record<CrashPoint, readonly string[]>> = {
  "before-perform": [],
  "after-perform": ["0 last"],
  "before-commit": ["0 last"],
  "after-commit": [],
};

for (const [point, again] of Object.entries(AGAIN)) {
  test(`S7.9 S8.8 testApp kills a worker ${point} of a job that was interrupted: what it had done is kept`, async (t) => {
    const { kit, job, seen } = await startBench();
    t.after(() => kit.close());
    await job.performLater({ n: 0, user: "ada" });
    const crash = kit.crashAt(point as CrashPoint, job);
    await kit.drain();
    assert.equal(crash.happened, true);
    await kit.drain();
    assert.deepEqual(seen, [...rows(0), ...again]);
  });
}

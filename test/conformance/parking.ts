import assert from "node:assert/strict";
import { conformanceTest } from "./conformance-test.ts";
import { eventually } from "./eventually.ts";
import { Process, Runs, type Step } from "./job-process.ts";
import type { Target } from "./target.ts";

const backoff = { initial: 20, max: 20, jitter: 0 };

/** Jobs that are put aside with those of their key behind them. */
export function parkingConformance(target: Target): void {
  const test = conformanceTest(target);

  test("S4.6 S7.9 a key is parked, kept by the next owner, and released in order", async (cluster) => {
    const [queue, group] = [await cluster.topic(1), cluster.fresh("group")];
    const queues = { [queue]: { whenExhausted: "park", maxRetries: 1, backoff } } as const;
    const runs = new Runs();
    let isMended = false;
    const perform = (by: string) => (step: Step, job: Parameters<Runs["add"]>[2]) => {
      if (step.key === "bad" && step.n === 0 && !isMended) throw new Error("does not work");
      runs.add(by, step, job);
    };
    const [first, second] = ["first", "second"].map(
      (by) => new Process(cluster, queue, group, perform(by), { queues }),
    ) as [Process, Process];
    const steps = Array.from({ length: 10 }, (_, n) => ["bad", "good"].map((key): Step => ({ key, n }))).flat();
    const worker = await first.work();
    await first.app.performAllLater(steps.map((step) => first.job.of(step)));
    await runs.count(10);
    await eventually(async () => {
      const found = await first.app.parked.list();
      assert.deepEqual(
        found.map(({ key, jobs, state, error }) => [key, jobs, state, error]),
        [["bad", 10, "parked", "Error: does not work"]],
      );
    });
    await worker.close();
    await second.job.performLater({ key: "bad", n: 10 });
    await second.work();
    await eventually(async () => assert.equal((await second.app.parked.list())[0]!.jobs, 11));
    isMended = true;
    assert.equal(await first.app.parked.release({ queue, key: "bad" }), 1);
    await runs.count(21);
    assert.deepEqual(
      runs.all.filter(({ key }) => key === "bad").map(({ n, by, attempt }) => [n, by, attempt]),
      Array.from({ length: 11 }, (_, n) => [n, "second", 1]),
    );
    await eventually(async () => assert.deepEqual(await first.app.parked.list(), []));
    await second.job.performLater({ key: "bad", n: 11 });
    await runs.count(22);
  });
}

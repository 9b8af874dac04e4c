import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../mod.ts";
import { testApp } from "../../src/testing/mod.ts";
import { QUIET } from "../support/quiet-logger.ts";

test("S2.9 testApp runs a job once an id, and has nothing left to do with its duplicates, after a crash too", async (t) => {
  const app = createApp({ group: "g", logger: QUIET, queues: { q: { partitions: 2, dedupe: { window: "10m" } } } });
  const job = app.job<number>({ name: "a", queue: "q", partitioner: () => "k", perform: () => {} });
  const duplicates: [offset: number, first: number][] = [];
  app.on("duplicate", ({ job: { offset }, first }) => void duplicates.push([offset, first]));
  const kit = await testApp(app);
  t.after(() => kit.close());
  for (const n of [1, 2]) await job.set({ id: "order-7" }).performLater(n);
  await job.performLater(3);
  await kit.drain();
  kit.assertEnqueued(job, 2);
  kit.assertNotPerformed(job, 2);
  kit.crash();
  await kit.rebalance();
  await job.set({ id: "order-7" }).performLater(4);
  await kit.drain();
  kit.assertNotPerformed(job, 4);
  kit.assertPerformedInOrder(job, () => "k");
  await kit.advance("11m");
  await job.set({ id: "order-7" }).performLater(5);
  await kit.drain();
  kit.assertPerformed(job, 5);
  assert.deepEqual(duplicates, [
    [1, 0],
    [3, 0],
  ]);
});

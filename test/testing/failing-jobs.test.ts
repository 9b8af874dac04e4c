import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../mod.ts";
import { testApp } from "../../src/testing/mod.ts";
import { QUIET } from "../support/quiet-logger.ts";

test("testApp sees the jobs of a transaction, and what becomes of jobs that fail for good", async (t) => {
  const queues = { q: { deadLetterQueue: { topic: "q-dead", maxRetries: 1 }, backoff: { initial: 1_000, jitter: 0 } } };
  const app = createApp({ group: "g", logger: QUIET, queues });
  const job = app.job<number>({
    ...{ name: "a", queue: "q", partitioner: () => "k" },
    perform: (n) => {
      if (n % 2 === 0) throw new Error("even");
    },
  });
  const dead: number[] = [];
  app.on("dead", ({ job: { offset } }) => void dead.push(offset));
  const kit = await testApp(app);
  t.after(() => kit.close());
  await kit.run(
    app.transaction(async (tx) => {
      for (const n of [0, 1, 2]) await tx.performLater(job.of(n));
    }),
  );
  assert.deepEqual(
    kit.enqueued(job).map(({ payload, offset }) => [payload, offset]),
    [
      [0, 0],
      [1, 1],
      [2, 2],
    ],
  );
  await kit.advance("5s");
  await kit.drain();
  assert.deepEqual(dead, [0, 2]);
  const letters = kit.broker.topics().find(({ name }) => name === "q-dead")!.partitions;
  assert.ok(letters.some(({ logEndOffset }) => logEndOffset > 0));
  kit.assertPerformedInOrder(job, () => "k");
});

test("testApp leaves a job waiting that its queue's delay or throttle holds, and knows of those that expire", async (t) => {
  const q = { delay: "1m", expire: "3m", throttle: { limit: 2, interval: "90s" } } as const;
  const app = createApp({ group: "g", logger: QUIET, queues: { q } });
  const job = app.job<number>({ name: "a", queue: "q", partitioner: () => "k", perform: () => {} });
  const expired: string[] = [];
  app.on("expired", ({ job: { id } }) => void expired.push(id));
  const kit = await testApp(app);
  t.after(() => kit.close());
  const performed = (): number[] => kit.performed(job).map(({ payload }) => payload);
  for (const n of [0, 1, 2, 3, 4]) await job.performLater(n);
  await kit.drain();
  assert.deepEqual(performed(), []);
  await kit.advance("61s");
  assert.deepEqual(performed(), [0, 1]);
  await kit.drain();
  await kit.advance("91s");
  assert.deepEqual(performed(), [0, 1, 2, 3]);
  await kit.advance("1m");
  await kit.advance("1m");
  const last = kit.enqueued(job).find(({ payload }) => payload === 4)!;
  assert.deepEqual(expired, [last.id]);
  await job.performLater(5);
  await kit.advance("2m");
  await kit.drain();
  assert.deepEqual(performed(), [0, 1, 2, 3, 5]);
  kit.assertNotPerformed(job, 4);
  kit.assertPerformedInOrder(job, () => "k");
});

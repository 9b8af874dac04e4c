import assert from "node:assert/strict";
import { test } from "node:test";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

const perform = (): void => {};

test("S2.7 topics are planned, and created, for every queue that options or jobs name", async (t) => {
  const queues = {
    wide: { partitions: 7, config: { "retention.ms": "1000" } },
    wrong: { partitions: 3 },
    allowed: { partitions: 3, allowPartitionMismatch: true },
  };
  const { app, run, broker } = await startEnqueueBench(t, { queues }, { wrong: 2, allowed: 2 });
  app.job({ name: "a", queue: "from-job", perform });
  app.job({ name: "b", queue: "from-job", perform });
  const plan = await run(app.topics.plan());
  assert.deepEqual(
    plan.map(({ topic, action, partitions, actualPartitions }) => [topic, action, partitions, actualPartitions]),
    [
      ["allowed", "none", 3, 2],
      ["from-job", "create", undefined, undefined],
      ["wide", "create", 7, undefined],
      ["wrong", "mismatch", 3, 2],
    ],
  );
  assert.deepEqual(
    broker.topics().map(({ name }) => name),
    ["allowed", "wrong"],
  );
  assert.deepEqual(await run(app.topics.apply()), plan);
  const byName = new Map(broker.topics().map((topic) => [topic.name, topic]));
  assert.equal(byName.get("wide")!.partitions.length, 7);
  assert.deepEqual({ ...byName.get("wide")!.configs }, { "retention.ms": "1000" });
  assert.deepEqual({ ...byName.get("from-job")!.configs }, { "retention.ms": "-1" });
  assert.equal(byName.get("wrong")!.partitions.length, 2);
  const again = await run(app.topics.apply());
  assert.deepEqual(
    again.map(({ action }) => action),
    ["none", "none", "none", "mismatch"],
  );
});

test("S2.7 topics that another process creates meanwhile are no error", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, { queues: { a: {}, b: {} } }, {});
  const remove = broker.observe(({ api }) => {
    if (api !== "CreateTopics") return;
    remove();
    void broker.createTopic("a", { partitions: 1 });
  });
  const plan = await run(app.topics.apply());
  assert.deepEqual(
    plan.map(({ topic, action }) => [topic, action]),
    [
      ["a", "create"],
      ["b", "create"],
    ],
  );
  assert.deepEqual(
    broker.topics().map(({ name }) => name),
    ["a", "b"],
  );
});

test("S2.7 topics of an app that names no queue are none", async (t) => {
  const { app, run } = await startEnqueueBench(t, {}, {});
  assert.deepEqual(await run(app.topics.apply()), []);
});

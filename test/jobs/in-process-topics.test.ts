import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../src/client/errors.ts";
import { TopicMissingError } from "../../src/jobs/errors.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

const perform = (): void => {};

test("S2.7 the in-process broker gets a queue's topic at the first enqueue, as the app declares it", async (t) => {
  const queues = { wide: { partitions: 7, config: { "retention.ms": "1000" } } };
  const { app, run, broker, time } = await startEnqueueBench(t, { queues }, {});
  const wide = app.job<string>({ name: "a", queue: "wide", partitioner: ({ payload }) => payload, perform });
  const began = time.elapsed;
  const calls = ["x", "y", "x"].map((payload) => wide.performLater(payload));
  const jobs = await run(Promise.all([...calls, wide.set({ queue: "tenant-7" }).performLater("x")]));
  assert.ok(jobs.every(({ state }) => state === "enqueued"));
  const byName = new Map(broker.topics().map((topic) => [topic.name, topic]));
  assert.deepEqual([...byName.keys()], ["tenant-7", "wide"]);
  assert.equal(byName.get("wide")!.partitions.length, 7);
  assert.deepEqual({ ...byName.get("wide")!.configs }, { "retention.ms": "1000" });
  assert.deepEqual({ ...byName.get("tenant-7")!.configs }, { "retention.ms": "-1" });
  assert.ok(time.elapsed - began < 500, "nobody waits for a topic that no other node can know of");
});

test("S2.7 un-awaited enqueues keep their order while the in-process broker gets the topic", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, { queues: { q: { partitions: 1 } } }, {});
  const job = app.job<number>({ name: "a", queue: "q", partitioner: () => "k", perform });
  await run(Promise.all([1, 2, 3, 4].map((n) => job.performLater(n))));
  const values = (await jobs("q", 0)).map(({ value }) => new TextDecoder().decode(value!));
  assert.deepEqual(values, ["1", "2", "3", "4"]);
});

test("S2.7 the in-process broker gets the topics of a worker's queues, also when two workers start at once", async (t) => {
  const queues = { a: { partitions: 2 } };
  const { app, run, broker } = await startEnqueueBench(t, { group: "g", queues }, {});
  app.job({ name: "a", queue: "a", perform });
  app.job({ name: "b", queue: "b", perform });
  const workers = await run(Promise.all([app.work(), app.work()]));
  assert.deepEqual(
    broker.topics().map(({ name, partitions }) => [name, partitions.length]),
    [
      ["a", 2],
      ["b", 3],
    ],
  );
  await run(Promise.all(workers.map((worker) => worker.close())));
});

test("S2.7 a topic that the in-process broker refuses is that broker's error", async (t) => {
  const queues = { q: { replicationFactor: 3 } };
  const { app, run } = await startEnqueueBench(t, { queues }, {});
  const job = app.job({ name: "a", queue: "q", perform });
  await assert.rejects(run(job.performLater()), (error: Error) => {
    assert.ok(error instanceof ProtocolError);
    return error.code === "INVALID_REPLICATION_FACTOR";
  });
});

test("S2.7 a worker of a real cluster creates no topic", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, { group: "g" }, {}, { clusterId: "real" });
  app.job({ name: "a", queue: "nowhere", perform });
  await assert.rejects(run(app.work()), TopicMissingError);
  assert.deepEqual(broker.topics(), []);
});

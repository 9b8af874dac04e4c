import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../src/jobs/app.ts";
import type { DispatchedJob, EnqueuedJob } from "../../src/jobs/dispatched-job.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

const perform = (): void => {};

function enqueued(job: DispatchedJob): EnqueuedJob {
  assert.ok(job.state === "enqueued");
  return job;
}

test("S2.9 a caller's id is the job's, and the last that was set counts", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t);
  const seen: string[] = [];
  const partitioner = ({ id }: { readonly id: string }): string => {
    seen.push(id);
    return "one";
  };
  const job = app.job<number>({ name: "known", queue: "q", partitioner, perform });
  const done = enqueued(await run(job.set({ id: "order-6" }).set({ id: "order-7" }).performLater(1)));
  assert.equal(done.id, "order-7");
  assert.deepEqual(seen, ["order-7"]);
  const [received] = await jobs("q", done.partition);
  assert.deepEqual([received!.id, received!.key], ["order-7", "one"]);
  const [bulk] = await run(app.performAllLater([job.set({ id: "order-8" }).set({ headers: {} }).of(2)]));
  assert.equal(bulk!.id, "order-8");
});

test("S2.9 a keyless job with an id is partitioned by it, and has no key all the same", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, {}, { q: 8 });
  const keys: unknown[] = [];
  app.on("enqueued", ({ key }) => keys.push(key));
  const job = app.job<number>({ name: "keyless", queue: "q", perform });
  // By murmur2, as a key of that text: this job tells which partition that is.
  const keyed = app.job<string>({ name: "keyed", queue: "q", partitioner: ({ payload }) => payload, perform });
  const partitions = new Set<number>();
  for (const id of ["a", "b", "c", "d", "Zürich"]) {
    const [one, two] = await run(Promise.all([1, 2].map((n) => job.set({ id }).performLater(n))));
    const { partition } = enqueued(await run(keyed.performLater(id)));
    assert.deepEqual([enqueued(one!).partition, enqueued(two!).partition], [partition, partition], id);
    partitions.add(partition);
    for (const received of (await jobs("q", partition)).filter((each) => each.id === id)) {
      assert.equal(received.key, undefined);
      assert.equal(received.text("ottla-key"), undefined);
    }
  }
  assert.ok(partitions.size > 1);
  assert.deepEqual(keys.slice(0, 3), [undefined, undefined, "a"]);
});

test("S2.9 a job with a key keeps its partition, whatever its id", async (t) => {
  const { app, run } = await startEnqueueBench(t, {}, { q: 8 });
  const job = app.job<number>({ name: "keyed", queue: "q", partitioner: () => "one", perform });
  const ids = ["a", "b", "c", "d", "e"];
  const places = await run(Promise.all(ids.map((id) => job.set({ id }).performLater(1))));
  assert.equal(new Set(places.map((place) => enqueued(place).partition)).size, 1);
});

test("S2.3 keyless jobs with ids wait for no other variant in a bulk", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, {}, { q: 1 });
  const other = app.producer.with({ compression: "gzip" });
  const job = app.job<number>({
    ...{ name: "keyless", queue: "q", perform },
    producer: ({ payload }) => (payload % 2 === 1 ? other : app.producer),
  });
  let requests = 0;
  broker.observe(({ api }) => {
    if (api === "Produce") requests++;
  });
  await run(app.performAllLater([0, 1, 2, 3, 4, 5].map((n) => job.set({ id: `id-${n}` }).of(n))));
  // The first alone, then what is left of each variant together. Taking turns, it would be six.
  assert.equal(requests, 3);
});

test("an id that is no text, or none that UTF-8 can write, is refused", async () => {
  const job = createApp().job<number>({ name: "known", queue: "q", perform });
  for (const id of ["", 7, null, {}, "half \ud83d"]) {
    assert.throws(
      () => job.set({ id: id as string }),
      (error: Error) => error instanceof InvalidOptionError && error.option === 'job "known".set.id',
    );
  }
});

test("performNow has the caller's id", async () => {
  const ids: string[] = [];
  const job = createApp().job<number>({ name: "known", queue: "q", perform: (_, { id }) => void ids.push(id) });
  await job.set({ id: "order-7" }).performNow(1);
  assert.deepEqual(ids, ["order-7"]);
});

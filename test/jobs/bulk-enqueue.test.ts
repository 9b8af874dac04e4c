import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ProduceRequest } from "../../protocol/messages/00-produce.ts";
import { createApp } from "../../src/jobs/app.ts";
import type { DispatchedJob } from "../../src/jobs/dispatched-job.ts";
import { BulkEnqueueError, InvalidOptionError, PayloadError, TopicMissingError } from "../../src/jobs/errors.ts";
import type { PreparedJob } from "../../src/jobs/prepared-job.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

interface Item {
  readonly key: string;
  readonly n: number;
  readonly urgent?: boolean;
}

const perform = (): void => {};
const text = new TextDecoder();

async function failure(work: Promise<unknown>): Promise<BulkEnqueueError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof BulkEnqueueError, String(error));
    return error;
  }
  assert.fail("the bulk enqueue did not fail");
}

const states = (results: readonly (DispatchedJob | Error)[]): string[] =>
  results.map((result) => (result instanceof Error ? result.name : result.state));

test("S2.5 results come in input order, and jobs of a key are in it", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t);
  const job = app.job<Item>({ name: "item", queue: "q", partitioner: ({ payload }) => payload.key, perform });
  const input = Array.from({ length: 500 }, (_, n) => ({ key: `k${n % 7}`, n }));
  const results = await run(app.performAllLater(input.map((item) => job.of(item))));
  assert.equal(results.length, 500);
  const places = new Map(results.map((result, n) => [result.id, n]));
  let seen = 0;
  for (const partition of [0, 1, 2, 3]) {
    const numbers = (await jobs("q", partition)).map((each) => {
      const { n } = JSON.parse(text.decode(each.value!)) as Item;
      assert.equal(places.get(each.id), n);
      return n;
    });
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
    seen += numbers.length;
  }
  assert.equal(seen, 500);
});

test("S2.5 any failure rejects with an error that holds every result", async (t) => {
  const { app, run } = await startEnqueueBench(t, {}, { q: 4 }, { clusterId: "real" });
  const job = app.job<unknown>({ name: "item", queue: "q", perform });
  const foreign = createApp().job<unknown>({ name: "item", queue: "q", perform });
  const input = [job.of(1), job.of(1n), job.set({ queue: "nowhere" }).of(2), { payload: 3 }, foreign.of(4), job.of(5)];
  const error = await failure(run(app.performAllLater(input as PreparedJob[])));
  assert.deepEqual(states(error.results), [
    "enqueued",
    "PayloadError",
    "TopicMissingError",
    "InvalidOptionError",
    "InvalidOptionError",
    "enqueued",
  ]);
  assert.match(error.message, /4 of 6 jobs were not enqueued: payload is a bigint/);
  assert.ok(error.cause instanceof PayloadError);
  assert.ok(error.results[2] instanceof TopicMissingError);
  assert.match(String(error.results[3]), /performAllLater\[3\]: an object given/);
  assert.match(String(error.results[4]), /belongs to another app/);
});

test("S2.5 an input that ends with an error says what was enqueued before", async (t) => {
  const { app, run } = await startEnqueueBench(t);
  const job = app.job<number>({ name: "item", queue: "q", perform });
  const boom = new Error("the input broke");
  async function* later(): AsyncGenerator<PreparedJob> {
    yield job.of(1);
    yield job.of(2);
    throw boom;
  }
  function* atOnce(): Generator<PreparedJob> {
    yield job.of(3);
    throw boom;
  }
  for (const [input, count] of [
    [later(), 2],
    [atOnce(), 1],
  ] as const) {
    const error = await failure(run(app.performAllLater(input)));
    assert.deepEqual(states(error.results), new Array(count).fill("enqueued"));
    assert.equal(error.cause, boom);
  }
  const error = await failure(app.performAllLater(7 as never));
  assert.ok(error.cause instanceof InvalidOptionError);
  assert.deepEqual(await run(app.performAllLater([])), []);
});

test("S2.5 an asynchronous input is read no faster than its jobs get away", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, {}, { q: 1 });
  const job = app.job<number>({ name: "item", queue: "q", perform });
  let pulled = 0;
  let pulledAtFirstRequest: number | undefined;
  broker.observe(({ api }) => {
    if (api === "Produce") pulledAtFirstRequest ??= pulled;
  });
  async function* many(): AsyncGenerator<PreparedJob> {
    for (; pulled < 25_000; pulled++) yield job.of(pulled);
  }
  const results = await run(app.performAllLater(many()));
  assert.equal(results.length, 25_000);
  assert.ok(pulledAtFirstRequest! <= 10_000, `${pulledAtFirstRequest}`);
});

test("S2.3 calls after a bulk enqueue line up behind it", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, {}, { q: 1 });
  const job = app.job<number>({ name: "item", queue: "q", partitioner: () => "one", perform });
  const bulk = app.performAllLater(Array.from({ length: 200 }, (_, n) => job.of(n)));
  const single = job.performLater(200);
  await run(Promise.all([bulk, single]));
  const numbers = (await jobs("q", 0)).map((each) => Number(text.decode(each.value!)));
  assert.deepEqual(
    numbers,
    Array.from({ length: 201 }, (_, n) => n),
  );
});

test("S2.3 where jobs of a partition change variant, the next waits for the acknowledgement", async (t) => {
  const { app, run, jobs, broker } = await startEnqueueBench(t, {}, { q: 3 });
  const urgent = app.producer.with({ acks: "leader" });
  const job = app.job<Item>({
    ...{ name: "item", queue: "q", perform },
    partitioner: ({ payload }) => payload.key,
    producer: ({ payload }) => (payload.urgent ? urgent : app.producer),
  });
  // Answers that take long would let a variant that does not wait overtake.
  broker.faults.delay({
    api: "Produce",
    ms: 500,
    times: Infinity,
    where: ({ body }) => (body as ProduceRequest).acks === -1,
  });
  const input = Array.from({ length: 60 }, (_, n) => ({ key: `k${n % 5}`, n, urgent: n % 3 === 0 }));
  const results = await run(app.performAllLater(input.map((item) => job.of(item))));
  assert.deepEqual(states(results), new Array(60).fill("enqueued"));
  for (const partition of [0, 1, 2]) {
    const numbers = (await jobs("q", partition)).map((each) => (JSON.parse(text.decode(each.value!)) as Item).n);
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
  }
});

test("S2.3 among variants, what fails is a result like any other", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, {}, { q: 1 }, { clusterId: "real" });
  const other = app.producer.with({ compression: "gzip" });
  const job = app.job<Item>({
    ...{ name: "item", queue: "q", perform },
    partitioner: ({ payload }) => payload.key,
    producer: ({ payload }) => (payload.urgent ? other : payload.n === 3 ? (null as never) : app.producer),
  });
  broker.faults.fail({ api: "Produce", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
  const input = [0, 1, 2, 3, 4].map((n) => ({ key: "k", n, urgent: n % 2 === 1 && n !== 3 }));
  const error = await failure(
    run(
      app.performAllLater([...input.map((item) => job.of(item)), job.set({ queue: "nowhere" }).of({ key: "k", n: 5 })]),
    ),
  );
  assert.deepEqual(states(error.results), [
    "ProtocolError",
    "enqueued",
    "enqueued",
    "InvalidOptionError",
    "enqueued",
    "TopicMissingError",
  ]);
});

test("S2.1 dispatchManyMethod says when a bulk enqueue resolves", async (t) => {
  const { app, run } = await startEnqueueBench(t);
  const job = app.job<number>({ name: "item", queue: "q", dispatchManyMethod: "produceAsync", perform });
  const results = await app.performAllLater([job.of(1), job.of(2)]);
  assert.deepEqual(states(results), ["buffered", "buffered"]);
  assert.equal((await run(job.performLater(3))).state, "enqueued");
});

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import type { ProduceRequest } from "../../protocol/messages/00-produce.ts";
import type { InitProducerIdRequest } from "../../protocol/messages/22-init-producer-id.ts";
import { TransactionAbortedError, TransactionOutcomeUnknownError } from "../../src/client/transaction-errors.ts";
import { EnqueueStoppedError, TransactionEndedError } from "../../src/jobs/calling-errors.ts";
import type { EnqueuedJob } from "../../src/jobs/dispatched-job.ts";
import type { AppTransaction } from "../../src/jobs/enqueue-transaction.ts";
import {
  AppClosedError,
  EnqueueTimeoutError,
  InvalidOptionError,
  PartitionMismatchError,
  PartitionOutOfRangeError,
  PayloadError,
  PayloadTooLargeError,
  TopicMissingError,
} from "../../src/jobs/errors.ts";
import type { StandardSchemaV1 } from "../../src/jobs/standard-schema.ts";
import { sleep } from "../../src/net/clock.ts";
import { type EnqueueBench, startEnqueueBench } from "../support/enqueue-bench.ts";

const perform = (): void => {};
const text = new TextDecoder();

async function numbers(bench: EnqueueBench, topic: string, partition = 0): Promise<number[]> {
  return (await bench.jobs(topic, partition)).map((job) => Number(text.decode(job.value!)));
}

/** The transactional requests that reach the broker, in order. */
function watch({ broker }: EnqueueBench): string[] {
  const seen: string[] = [];
  broker.observe(({ api, body }) => {
    if (api === "InitProducerId" || api === "EndTxn") seen.push(api);
    if (api === "Produce" && (body as ProduceRequest).transactionalId !== null) seen.push(api);
  });
  return seen;
}

test("S3.9 enqueues are collected while the function runs, and written in one transaction after it", async (t) => {
  const bench = await startEnqueueBench(t, {}, { a: 1, b: 3 });
  const { app, run } = bench;
  const seen = watch(bench);
  const events: unknown[] = [];
  app.on("enqueued", (event) => events.push(event));
  const one = app.job<number>({ name: "one", queue: "a", perform });
  const two = app.job<number>({ name: "two", queue: "b", partitioner: () => "key", perform });
  const three = app.job<number>({
    ...{ name: "three", queue: "b", partitionKeyType: "partition", perform },
    partitioner: ({ payload }) => payload,
  });
  const handles: EnqueuedJob[] = [];
  const value = await run(
    app.transaction(async (tx) => {
      handles.push(await tx.performLater(one.set({ headers: { a: "1" }, id: "first" }).of(0)));
      assert.deepEqual(
        { ...handles[0] },
        { state: "enqueued", id: "first", queue: "a", topic: "a", partition: -1, offset: -1 },
      );
      handles.push(...(await Promise.all([two.of(1), three.of(2), one.of(3)].map((job) => tx.performLater(job)))));
      assert.deepEqual(seen, [], "no transaction is open while user code runs");
      assert.deepEqual(events, []);
      return "done";
    }),
  );
  assert.equal(value, "done");
  assert.deepEqual(seen, ["InitProducerId", "Produce", "EndTxn"]);
  assert.deepEqual(await numbers(bench, "a"), [0, 3]);
  const [received] = await bench.jobs("a", 0);
  assert.deepEqual([received!.id, received!.name, received!.headers], ["first", "one", { a: "1" }]);
  for (const handle of handles) {
    const found = (await bench.jobs(handle.topic, handle.partition)).find(({ id }) => id === handle.id);
    assert.equal(found!.offset, handle.offset);
  }
  assert.equal(handles[2]!.partition, 2);
  assert.equal(handles[1]!.partition, ((await run(two.performLater(4))) as EnqueuedJob).partition);
  assert.deepEqual(
    events.slice(0, 4).map((event) => event as { name: string; key: unknown; job: EnqueuedJob }),
    handles.map((job, i) => ({
      job,
      name: ["one", "two", "three", "one"][i],
      key: [undefined, "key", "2", undefined][i],
    })),
  );
});

test("S3.9 jobs are in the order of the calls, however long each takes to prepare, awaited or not", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run } = bench;
  const clock = bench.time.instance();
  const schema: StandardSchemaV1<number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (value) => {
        await sleep(clock, (((value as number) * 7919) % 50) * 10);
        return { value: value as number };
      },
    },
  };
  const slow = app.job({ name: "slow", queue: "q", schema, perform });
  const quick = app.job<number>({ name: "quick", queue: "q", perform });
  const wanted = Array.from({ length: 90 }, (_, n) => n);
  await run(
    app.transaction((tx) => {
      for (const n of wanted) void tx.performLater((n % 3 === 0 ? slow : quick).of(n));
    }),
  );
  assert.deepEqual(await numbers(bench, "q"), wanted);
});

test("a function that throws sends nothing and rejects with what it threw", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run } = bench;
  const seen = watch(bench);
  const job = app.job<number>({ name: "one", queue: "q", perform });
  const mine = new Error("changed my mind");
  await assert.rejects(
    run(
      app.transaction(async (tx) => {
        await tx.performLater(job.of(1));
        // Nobody awaits this one: it must not bring the process down.
        void tx.performLater(job.of(1n as never));
        throw mine;
      }),
    ),
    mine,
  );
  assert.equal(bench.broker.topics()[0]!.partitions[0]!.logEndOffset, 0);
  assert.deepEqual(seen, []);
});

test("a job that cannot be enqueued is told to its caller, and keeps all others back", async (t) => {
  const options = { queues: { declared: { partitions: 2 } }, producer: { deliveryTimeout: "5s" } } as const;
  const bench = await startEnqueueBench(t, options, { q: 1, declared: 3 }, { clusterId: "real" });
  const { app, run } = bench;
  const seen = watch(bench);
  const job = app.job<unknown>({ name: "any", queue: "q", perform });
  const numbered = app.job<number>({
    ...{ name: "numbered", queue: "q", partitionKeyType: "partition", perform },
    partitioner: ({ payload }) => payload,
  });
  const never: StandardSchemaV1<number> = {
    "~standard": { version: 1, vendor: "test", validate: () => new Promise(() => {}) },
  };
  const stuck = app.job({ name: "stuck", queue: "q", schema: never, perform });
  const refused: [() => unknown, new (...args: never) => Error][] = [
    [() => job.of(1n), PayloadError],
    [() => job.set({ queue: "nowhere" }).of(1), TopicMissingError],
    [() => job.set({ queue: "declared" }).of(1), PartitionMismatchError],
    [() => numbered.of(1), PartitionOutOfRangeError],
    [() => stuck.of(1), EnqueueTimeoutError],
    [() => ({ payload: 1 }), InvalidOptionError],
  ];
  for (const [prepare, kind] of refused) {
    let told: unknown;
    const work = async (tx: AppTransaction): Promise<void> => {
      await tx.performLater(job.of(0));
      // Though the function goes on, the transaction is all or nothing.
      await tx.performLater(prepare() as never).catch((error: unknown) => {
        told = error;
      });
    };
    await assert.rejects(run(app.transaction(work)), kind);
    assert.ok(told instanceof kind);
    await assert.rejects(run(app.transaction((tx) => void tx.performLater(prepare() as never))), kind);
  }
  assert.deepEqual(seen, []);
});

test("where one record is refused none counts, and the next transaction goes on", async (t) => {
  const bench = await startEnqueueBench(t, {}, { a: 1, b: 1 });
  const { app, run, broker } = bench;
  await broker.createTopic("small", { partitions: 1, configs: { "max.message.bytes": "1000" } });
  const job = app.job<unknown>({ name: "any", queue: "a", perform });
  const note = app.job<string>({ name: "note", queue: "small", perform });
  const both = (...more: ReturnType<typeof job.of>[]): Promise<unknown> =>
    run(
      app.transaction((tx) => {
        for (const each of [job.of(1), job.set({ queue: "b" }).of(2), ...more]) void tx.performLater(each);
      }),
    );
  broker.faults.fail({ api: "Produce", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
  await assert.rejects(both(job.of(3)), (error: Error) => {
    assert.ok(error instanceof TransactionAbortedError);
    return error.code === "TOPIC_AUTHORIZATION_FAILED";
  });
  const tooLarge = job.set({ queue: "small" }).of("x".repeat(2_000));
  const fine = note.set({ queue: "a" }).of("y".repeat(3_000));
  await assert.rejects(both(note.of("first"), tooLarge, fine, note.of("last")), (error: Error) => {
    assert.ok(error instanceof PayloadTooLargeError);
    return /"any" is too large for topic small/.test(error.message);
  });
  await both(job.of(4));
  assert.deepEqual([await numbers(bench, "a"), await numbers(bench, "b")], [[1, 4], [2]]);
});

test("S3.9 a transaction that is aborted by what passes is repeated, and counts once", async (t) => {
  const options = { transactionTimeout: "1s", producer: { deliveryTimeout: "30s" } } as const;
  const bench = await startEnqueueBench(t, options, { q: 1 });
  const { app, run, broker } = bench;
  const seen = watch(bench);
  const job = app.job<number>({ name: "any", queue: "q", perform });
  let ran = 0;
  const twice = (): Promise<unknown> =>
    run(
      app.transaction(async (tx) => {
        ran++;
        for (const n of [1, 2]) await tx.performLater(job.of(n));
      }),
    );
  broker.faults.fail({ api: "Produce", errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, times: Infinity });
  const work = twice();
  await bench.time.advance(2_500);
  broker.faults.clear();
  await work;
  assert.equal(ran, 1, "the transaction is repeated, not the function");
  assert.ok(seen.filter((api) => api === "EndTxn").length >= 2);
  assert.deepEqual(await numbers(bench, "q"), [1, 2]);
  broker.faults.fail({ api: "Produce", errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, times: Infinity });
  const before = bench.time.time;
  await assert.rejects(twice(), TransactionAbortedError);
  assert.ok(bench.time.time - before <= 30_000, "within the delivery timeout");
  broker.faults.clear();
  assert.deepEqual(await numbers(bench, "q"), [1, 2]);
});

test("where nobody says how the transaction ended, that is what the caller is told", async (t) => {
  const bench = await startEnqueueBench(t, { producer: { deliveryTimeout: "20s" } }, { q: 1 });
  const { app, run, broker } = bench;
  const job = app.job<number>({ name: "any", queue: "q", perform });
  await run(app.transaction((tx) => tx.performLater(job.of(0))));
  broker.faults.cut({ api: "EndTxn", times: Infinity });
  const before = bench.time.time;
  await assert.rejects(run(app.transaction((tx) => tx.performLater(job.of(1)))), TransactionOutcomeUnknownError);
  assert.ok(bench.time.time - before <= 20_000);
  broker.faults.clear();
  await run(app.transaction((tx) => tx.performLater(job.of(2))));
  // It had been committed, and was not repeated.
  assert.deepEqual(await numbers(bench, "q"), [0, 1, 2]);
});

test("middleware and contexts apply within a transaction", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run } = bench;
  const clock = bench.time.instance();
  const tenants = new AsyncLocalStorage<number>();
  app.context(tenants, { name: "tenant" });
  const log: string[] = [];
  app.use({
    async enqueue(job, next) {
      if (job.payload === "stops") return;
      await sleep(clock, 10);
      job.headers.seen = String(job.payload);
      await next();
      log.push("collected");
    },
  });
  const job = app.job<string>({ name: "any", queue: "q", perform });
  await run(
    tenants.run(7, () =>
      app.transaction(async (tx) => {
        await tx.performLater(job.of("a"));
        assert.deepEqual(log, ["collected"], "next does not wait for what cannot happen yet");
        await tenants.run(8, () => tx.performLater(job.of("b")));
      }),
    ),
  );
  assert.deepEqual(
    (await bench.jobs("q", 0)).map((each) => [each.headers.seen, each.text("ottla-context-tenant")]),
    [
      ["a", "7"],
      ["b", "8"],
    ],
  );
  await assert.rejects(run(app.transaction((tx) => tx.performLater(job.of("stops")))), EnqueueStoppedError);
});

test("a transaction is of no use after its function has ended", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run } = bench;
  const job = app.job<number>({ name: "any", queue: "q", perform });
  let kept!: AppTransaction;
  await run(
    app.transaction((tx) => {
      kept = tx;
    }),
  );
  await assert.rejects(kept.performLater(job.of(1)), TransactionEndedError);
  const failing = app.transaction((tx) => {
    kept = tx;
    throw new Error("mine");
  });
  await assert.rejects(failing, /mine/);
  await assert.rejects(kept.performLater(job.of(1)), TransactionEndedError);
  await assert.rejects(app.transaction(7 as never), InvalidOptionError);
});

test("transactions run beside each other, with ids of this app alone, and one of nothing asks nobody", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run, broker } = bench;
  const ids = new Set<string>();
  const timeouts = new Set<number>();
  broker.observe(({ api, body }) => {
    if (api !== "InitProducerId") return;
    const { transactionalId, transactionTimeoutMs } = body as InitProducerIdRequest;
    if (transactionalId === null) return;
    ids.add(transactionalId);
    timeouts.add(transactionTimeoutMs);
  });
  const job = app.job<number>({ name: "any", queue: "q", perform });
  await run(app.transaction(() => 1));
  assert.equal(ids.size, 0);
  const many = Array.from({ length: 20 }, (_, n) => app.transaction((tx) => tx.performLater(job.of(n))));
  await run(Promise.all(many));
  assert.equal((await numbers(bench, "q")).length, 20);
  assert.ok(ids.size > 1);
  for (const id of ids) assert.match(id, /^ottla-transaction\/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}\/\d+$/);
  assert.deepEqual([...timeouts], [10_000]);
});

test("S2.1 close lets a transaction that is being sent end, and refuses one that is not yet", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const { app, run, broker } = bench;
  const job = app.job<number>({ name: "any", queue: "q", perform });
  broker.faults.delay({ api: "Produce", ms: 8_000 });
  const sending = new Promise<void>((resolve) => {
    broker.observe(({ api }) => {
      if (api === "Produce") resolve();
    });
  });
  const first = app.transaction((tx) => tx.performLater(job.of(1)));
  await run(sending);
  let go!: () => void;
  const second = app.transaction(async (tx) => {
    await tx.performLater(job.of(2));
    await new Promise<void>((resolve) => {
      go = resolve;
    });
  });
  await bench.time.advance(10);
  const closing = app.close();
  go();
  await assert.rejects(run(second), AppClosedError);
  await run(Promise.all([first, closing]));
  assert.deepEqual(await numbers(bench, "q"), [1]);
  await assert.rejects(
    app.transaction(() => assert.fail("it ran")),
    AppClosedError,
  );
});

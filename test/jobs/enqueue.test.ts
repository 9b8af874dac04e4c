import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCode } from "../../protocol/errors.ts";
import { TimeoutError } from "../../src/client/errors.ts";
import type { DispatchedJob, EnqueuedJob } from "../../src/jobs/dispatched-job.ts";
import {
  AppClosedError,
  EnqueueTimeoutError,
  InvalidKeyError,
  PartitionMismatchError,
  PartitionOutOfRangeError,
  PayloadError,
  PayloadRefusedError,
  PayloadTooLargeError,
  TopicMissingError,
} from "../../src/jobs/errors.ts";
import type { StandardSchemaV1 } from "../../src/jobs/standard-schema.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

interface Update {
  readonly userId: string | number;
  readonly n?: number;
}

const perform = (): void => {};
const text = new TextDecoder();

function enqueued(job: DispatchedJob): EnqueuedJob {
  assert.ok(job.state === "enqueued");
  return job;
}

/** A schema whose verdict takes as long as the promise that `wait` gives. */
function slowSchema(wait: (value: Update) => Promise<void>): StandardSchemaV1<Update> {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (value) => {
        await wait(value as Update);
        return { value: value as Update };
      },
    },
  };
}

test("S2.1 performLater resolves with the job's place once the brokers have it", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t);
  const job = app.job<Update>({ name: "update", queue: "q", partitioner: ({ payload }) => payload.userId, perform });
  const first = enqueued(await run(job.performLater({ userId: 7 })));
  const second = enqueued(await run(job.set({ headers: { source: "web" } }).performLater({ userId: 7 })));
  assert.match(first.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.deepEqual(
    { ...first, id: "" },
    { state: "enqueued", id: "", queue: "q", topic: "q", partition: first.partition, offset: 0 },
  );
  assert.deepEqual([second.partition, second.offset], [first.partition, 1]);
  const [one, two] = await jobs("q", first.partition);
  assert.equal(one!.id, first.id);
  assert.equal(one!.name, "update");
  assert.equal(one!.key, "7");
  assert.equal(text.decode(one!.value!), '{"userId":7}');
  assert.deepEqual(two!.headers, { source: "web" });
});

test("S1.2 the time of enqueueing is the clock's, and a payload that is undefined is said to be", async (t) => {
  const { app, run, jobs, time } = await startEnqueueBench(t, {}, { q: 1 });
  const job = app.job({ name: "tick", queue: "q", perform });
  const before = time.time;
  await run(job.performLater());
  const [received] = await jobs("q", 0);
  const at = received!.enqueuedAt.getTime();
  assert.ok(at >= before && at <= time.time);
  assert.equal(text.decode(received!.value!), "null");
  assert.equal(received!.isVoid, true);
  assert.equal(received!.key, undefined);
});

test("S2.2 a key, and a partition key, pick the partition that Java's partitioner picks", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t);
  const options = { queue: "q", partitioner: ({ payload }: { payload: Update }) => payload.userId, perform };
  const byKey = app.job<Update>({ name: "by-key", ...options });
  const byPartitionKey = app.job<Update>({ name: "by-partition-key", partitionKeyType: "partitionKey", ...options });
  for (const userId of ["a", "Zürich", 7, "x".repeat(100)]) {
    const one = enqueued(await run(byKey.performLater({ userId })));
    const two = enqueued(await run(byPartitionKey.performLater({ userId })));
    assert.equal(one.partition, two.partition);
    const received = await jobs("q", one.partition);
    for (const { id } of [one, two]) assert.equal(received.find((job) => job.id === id)!.key, String(userId));
    assert.equal(received.find((job) => job.id === one.id)!.text("ottla-key"), undefined);
    assert.equal(received.find((job) => job.id === two.id)!.text("ottla-key"), String(userId));
  }
});

test("S2.2 a partition's own number is checked against the topic, and its text is the key", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t);
  const job = app.job<number>({
    ...{ name: "numbered", queue: "q", partitionKeyType: "partition", perform },
    partitioner: ({ payload }) => payload,
  });
  assert.equal(enqueued(await run(job.performLater(3))).partition, 3);
  assert.equal((await jobs("q", 3))[0]!.key, "3");
  await assert.rejects(run(job.performLater(4)), PartitionOutOfRangeError);
  await assert.rejects(run(job.performLater(-1)), InvalidKeyError);
});

test("S2.2 a key of null, undefined or nothing is refused, and nothing is sent", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t);
  const job = app.job<{ key: string | undefined }>({
    ...{ name: "keyed", queue: "q", perform },
    partitioner: ({ payload }) => payload.key!,
  });
  for (const key of [undefined, "", null])
    await assert.rejects(run(job.performLater({ key } as never)), InvalidKeyError);
  assert.ok(broker.topics()[0]!.partitions.every(({ logEndOffset }) => logEndOffset === 0));
});

test("S2.3 calls that are not awaited keep their order, though their preparation takes differently long", async (t) => {
  const { app, run, jobs, time } = await startEnqueueBench(t, {}, { q: 2 });
  const clock = time.instance();
  const schema = slowSchema(({ n }) => new Promise((resolve) => clock.timer(((n! * 7919) % 50) * 10, resolve)));
  const slow = app.job({ name: "slow", queue: "q", schema, partitioner: ({ payload }) => payload.userId, perform });
  const quick = app.job<Update>({ name: "quick", queue: "q", partitioner: ({ payload }) => payload.userId, perform });
  const calls: Promise<DispatchedJob>[] = [];
  for (let n = 0; n < 300; n++) calls.push((n % 3 === 0 ? slow : quick).performLater({ userId: n % 5, n }));
  const done = await run(Promise.all(calls));
  const seen: number[] = [];
  for (const partition of [0, 1]) {
    const numbers = (await jobs("q", partition)).map((job) => (JSON.parse(text.decode(job.value!)) as Update).n!);
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => a - b),
    );
    seen.push(...numbers);
  }
  assert.equal(seen.length, 300);
  assert.equal(new Set(done.map((job) => job.id)).size, 300);
});

test("S2.3 a call that fails or takes too long is passed over", async (t) => {
  const { app, run, jobs, time } = await startEnqueueBench(t, { producer: { deliveryTimeout: "5s" } }, { q: 1 });
  const schema = slowSchema(({ n }) => (n === 1 ? new Promise(() => {}) : Promise.resolve()));
  const job = app.job({ name: "stuck", queue: "q", schema, perform });
  const calls = [0, 1, 2].map((n) => job.performLater({ userId: 1, n }));
  const refused = job.performLater({ userId: 1, n: 1n } as never);
  const began = time.time;
  await assert.rejects(refused, PayloadError);
  const results = await run(Promise.allSettled(calls));
  assert.equal(time.time - began, 5_000);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.ok((results[1] as PromiseRejectedResult).reason instanceof EnqueueTimeoutError);
  assert.deepEqual(
    (await jobs("q", 0)).map((each) => (JSON.parse(text.decode(each.value!)) as Update).n),
    [0, 2],
  );
});

test("S2.6 a schema judges the value as the worker will read it", async (t) => {
  const { app, run } = await startEnqueueBench(t);
  const judged: unknown[] = [];
  const schema: StandardSchemaV1<{ at: Date | string }, { at: Date }> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => {
        judged.push(value);
        const at = new Date((value as { at: string }).at);
        if (!Number.isNaN(at.getTime())) return { value: { at } };
        return {
          issues: [
            { message: "no date", path: ["at"] },
            { message: "odd", path: [{ key: "list" }, 0] },
          ],
        };
      },
    },
  };
  const performed: unknown[] = [];
  const job = app.job({ name: "dated", queue: "q", schema, perform: (payload) => void performed.push(payload) });
  await run(job.performLater({ at: new Date(0) }));
  assert.deepEqual(judged, [{ at: "1970-01-01T00:00:00.000Z" }]);
  await assert.rejects(run(job.performLater({ at: "never" })), (error: Error) => {
    assert.ok(error instanceof PayloadRefusedError);
    assert.deepEqual(error.issues, [
      { message: "no date", path: "payload.at" },
      { message: "odd", path: "payload.list[0]" },
    ]);
    return /"dated" refuses the payload: payload\.at: no date; payload\.list\[0\]: odd/.test(error.message);
  });
  await job.performNow({ at: "2026-01-01" });
  assert.deepEqual(performed, [{ at: new Date("2026-01-01") }]);
});

test("S2.6 without a schema the payload is fixed at the call and refused by its path", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, {}, { q: 1 });
  const job = app.job<unknown>({ name: "any", queue: "q", perform });
  const payload = { list: [1] };
  const sent = job.performLater(payload);
  payload.list.push(2);
  await run(sent);
  assert.equal(text.decode((await jobs("q", 0))[0]!.value!), '{"list":[1]}');
  await assert.rejects(
    job.performLater({ a: [new Date()] }),
    (error: Error) => error instanceof PayloadError && error.path === "payload.a[0]",
  );
});

test("S2.7 a queue without a topic is an error that names the command, and creates nothing", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, {}, {}, { autoCreateTopics: true, clusterId: "real" });
  const job = app.job<string>({ name: "lost", queue: "nowhere", partitioner: ({ payload }) => payload, perform });
  const numbered = app.job<number>({
    ...{ name: "lost-2", queue: "nowhere", partitionKeyType: "partition", perform },
    partitioner: ({ payload }) => payload,
  });
  for (const call of [() => job.performLater("a"), () => numbered.performLater(1)]) {
    await assert.rejects(run(call()), (error: Error) => {
      assert.ok(error instanceof TopicMissingError);
      assert.deepEqual(error.topics, ["nowhere"]);
      return error.message.includes("ottla topics apply");
    });
  }
  assert.deepEqual(broker.topics(), []);
});

test("S2.7 another number of partitions than declared is refused, unless that is allowed", async (t) => {
  const queues = {
    q: { partitions: 5 },
    other: { partitions: 5, allowPartitionMismatch: true },
    right: { partitions: 2 },
  };
  const { app, run } = await startEnqueueBench(t, { queues }, { q: 4, other: 4, right: 2 });
  const job = app.job<string>({ name: "keyed", queue: "q", partitioner: ({ payload }) => payload, perform });
  for (let i = 0; i < 2; i++) {
    await assert.rejects(run(job.performLater("a")), (error: Error) => {
      assert.ok(error instanceof PartitionMismatchError);
      return /topic q has 4 partitions, queues\.q\.partitions says 5/.test(error.message);
    });
  }
  assert.equal((await run(job.set({ queue: "other" }).performLater("a"))).queue, "other");
  assert.equal((await run(job.set({ queue: "right" }).performLater("a"))).queue, "right");
});

test("S2.8 too large a payload is a named error", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, {}, {});
  await broker.createTopic("small", { partitions: 1, configs: { "max.message.bytes": "1000" } });
  const job = app.job<string>({ name: "large", queue: "small", perform });
  for (const size of [2_000, 2_000_000]) {
    await assert.rejects(run(job.performLater("x".repeat(size))), (error: Error) => {
      assert.ok(error instanceof PayloadTooLargeError);
      return /"large" is too large for topic small/.test(error.message);
    });
  }
});

test("S2.8 brokers that are away, or lack replicas, are a named error within the delivery timeout", async (t) => {
  const { app, run, broker, time } = await startEnqueueBench(t, { producer: { deliveryTimeout: "10s" } });
  const job = app.job<string>({ name: "patient", queue: "q", perform });
  await run(job.performLater("before"));
  broker.faults.fail({ api: "Produce", errorCode: ErrorCode.NOT_ENOUGH_REPLICAS, times: Infinity });
  const began = time.time;
  await assert.rejects(run(job.performLater("few replicas")), (error: Error) => {
    assert.ok(error instanceof TimeoutError);
    return error.code === "DELIVERY_TIMED_OUT" && /NOT_ENOUGH_REPLICAS/.test(error.message);
  });
  assert.ok(time.time - began <= 11_000);
  broker.faults.clear();
  await broker.faults.stop(1);
  await assert.rejects(run(job.performLater("nobody there")), (error: Error) => error instanceof TimeoutError);
  assert.ok(time.time - began <= 22_000);
  await broker.faults.start(1);
  await run(job.performLater("after"));
});

test("S2.1 produceAsync resolves once buffered; its failures go to the error event", async (t) => {
  const { app, run, broker, jobs } = await startEnqueueBench(t, { producer: { deliveryTimeout: "5s" } }, { q: 1 });
  const job = app.job<unknown>({ name: "buffered", queue: "q", dispatchMethod: "produceAsync", perform });
  const errors: { error: unknown; during: string; topic?: string | undefined }[] = [];
  const failed = new Promise<void>((resolve) => {
    app.on("error", (event) => {
      errors.push(event);
      resolve();
    });
  });
  const bothSent = new Promise<void>((resolve) => {
    app.on("enqueued", ({ job: { offset } }) => {
      if (offset === 1) resolve();
    });
  });
  const done = await job.performLater({ n: 1 });
  assert.deepEqual({ ...done, id: "" }, { state: "buffered", id: "", queue: "q", topic: "q" });
  await assert.rejects(job.performLater(1n), PayloadError);
  assert.equal(errors.length, 0);
  await job.set({}).performLater({ n: 2 });
  await run(bothSent);
  assert.equal((await jobs("q", 0)).length, 2);
  broker.faults.fail({ api: "Produce", errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED });
  assert.equal((await job.performLater({ n: 3 })).state, "buffered");
  await run(failed);
  assert.equal((errors[0]!.error as { code?: string }).code, "TOPIC_AUTHORIZATION_FAILED");
  assert.equal(errors[0]!.during, 'sending job "buffered"');
  assert.equal(errors[0]!.topic, "q");
});

test("S2.1 produceAsync is not buffered before the producer has room: a loop that enqueues cannot fill the memory", async (t) => {
  const producer = { maxBufferedBytes: 2_000, batchSize: 500, deliveryTimeout: "5s" } as const;
  const { app, run, broker, time, jobs } = await startEnqueueBench(t, { producer }, { q: 1 });
  const errors: unknown[] = [];
  app.on("error", ({ error }) => errors.push(error));
  const job = app.job<string>({ name: "big", queue: "q", dispatchMethod: "produceAsync", perform });
  await run(job.set({}).performLater("first"));
  await time.advance(100);
  broker.faults.delay({ api: "Produce", ms: 100, times: Infinity });
  let buffered = 0;
  const loop = async (): Promise<void> => {
    for (; buffered < 40; buffered++) await job.performLater("x".repeat(200));
  };
  const looping = loop();
  await time.advance(50);
  assert.ok(buffered > 0 && buffered < 20, String(buffered));
  await run(looping);
  await time.advance(5_000);
  assert.equal((await jobs("q", 0)).length, 41);
  // One that never gets room was never buffered: its own call says so, and no event does.
  broker.faults.clear();
  await broker.faults.stop(1);
  const calls = Array.from({ length: 20 }, () => job.performLater("x".repeat(200)));
  const results = await run(Promise.allSettled(calls));
  const refused = results.filter(({ status }) => status === "rejected").length;
  assert.ok(refused > 0 && refused < 20, String(refused));
  await time.advance(10_000);
  assert.equal(errors.length, 20 - refused);
  await broker.faults.start(1);
});

test("S2.1 produceAsync is bounded too where its topic is not known yet", async (t) => {
  const producer = { maxBufferedBytes: 2_000, deliveryTimeout: "5s" } as const;
  const { app, run, broker, time, jobs } = await startEnqueueBench(t, { producer }, { q: 1 });
  const errors: unknown[] = [];
  app.on("error", ({ error }) => errors.push(error));
  const job = app.job<string>({ name: "big", queue: "q", dispatchMethod: "produceAsync", perform });
  broker.faults.drop({ api: "Metadata", times: Infinity });
  let buffered = 0;
  const loop = async (): Promise<void> => {
    for (; buffered < 40; buffered++) await job.performLater("x".repeat(200));
  };
  const refused = assert.rejects(loop(), { name: "ConnectionError", retriable: true });
  await time.advance(2_000);
  assert.ok(buffered > 0 && buffered < 10, String(buffered));
  await time.advance(4_000);
  await refused;
  assert.equal(errors.length, buffered, "those that were buffered have no caller any more");
  broker.faults.clear();
  buffered = 0;
  await run(loop());
  await time.advance(5_000);
  assert.equal((await jobs("q", 0)).length, 40);
});

test("S2.1 close sends what is buffered, and refuses what comes after", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, { producer: { linger: "1h" } }, { q: 1 });
  const job = app.job<number>({ name: "buffered", queue: "q", dispatchMethod: "produceAsync", perform });
  const schema = slowSchema(() => Promise.resolve());
  const slow = app.job({ name: "slow", queue: "q", schema, dispatchMethod: "produceAsync", perform });
  for (let n = 0; n < 10; n++) void job.performLater(n);
  const last = slow.performLater({ userId: 1 });
  const closed: string[] = [];
  app.on("closed", ({ what }) => closed.push(what));
  await run(app.close());
  assert.equal((await last).state, "buffered");
  assert.equal((await jobs("q", 0)).length, 11);
  assert.deepEqual(closed, ["app"]);
  await assert.rejects(job.performLater(11), AppClosedError);
  await assert.rejects(app.performAllLater([job.of(12)]), /the app is closed/);
  await app.close();
});

test("S2.1 the enqueued event tells of every job that the brokers have", async (t) => {
  const { app, run } = await startEnqueueBench(t);
  const job = app.job<Update>({ name: "told", queue: "q", partitioner: ({ payload }) => payload.userId, perform });
  const heard: unknown[] = [];
  const remove = app.on("enqueued", (event) => heard.push(event));
  const done = await run(job.performLater({ userId: 7 }));
  assert.deepEqual(heard, [{ job: done, name: "told", key: "7" }]);
  remove();
  await run(job.performLater({ userId: 7 }));
  assert.equal(heard.length, 1);
});

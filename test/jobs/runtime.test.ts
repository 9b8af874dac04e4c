import assert from "node:assert/strict";
import { test } from "node:test";
import { startBroker } from "../../src/broker/mod.ts";
import { createApp, stateOf } from "../../src/jobs/app.ts";
import { Attempt } from "../../src/jobs/attempt.ts";
import { AppClosedError, AppInUseError } from "../../src/jobs/errors.ts";
import { fillRuntime } from "../../src/jobs/fill-runtime.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import { performReceived } from "../../src/jobs/perform.ts";
import { ReceivedJob } from "../../src/jobs/received-job.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

const perform = (): void => {};

test("an app is filled once, before its first use, and can be filled again after it was let go", async (t) => {
  const time = new VirtualClock();
  const clock = time.instance();
  const transport = new MemoryNetwork().transport(clock);
  const broker = await startBroker({ host: "kafka", port: 9092, clock, transport });
  t.after(() => broker.close());
  await broker.createTopic("q", { partitions: 1 });
  const app = createApp();
  const job = app.job({ name: "a", queue: "q", perform });
  const parts = { clock, transport, brokers: broker.addresses };
  const first = fillRuntime(app, parts);
  assert.throws(() => fillRuntime(app, parts), AppInUseError);
  await time.run(job.performLater());
  await time.run(first.release());
  const second = fillRuntime(app, parts);
  await time.run(job.performLater());
  assert.equal(broker.topics()[0]!.partitions[0]!.logEndOffset, 2);
  await time.run(second.release());
  await app.close();
  assert.throws(() => fillRuntime(app, parts), AppClosedError);
});

test("an app that is in use cannot be filled, and nothing but its use puts it in use", async (t) => {
  const app = createApp({ kafka: { brokers: ["127.0.0.1:1"] }, producer: { deliveryTimeout: 1 } });
  t.after(() => app.close());
  const job = app.job({ name: "a", queue: "q", perform });
  const variant = app.producer.with({ compression: "gzip" });
  job.of();
  await job.performNow();
  await fillRuntime(app, { transport: { connect: () => Promise.reject(new Error("no network")) } }).release();
  void variant.send({ topic: "t", value: "v" }).catch(() => {});
  assert.throws(() => fillRuntime(app, {}), AppInUseError);
});

test("brokers that are no addresses are refused at the first use", async () => {
  const app = createApp({ kafka: { brokers: ["not an address"] } });
  const job = app.job({ name: "a", queue: "q", perform });
  await assert.rejects(job.performLater(), /broker address "not an address"/);
  await app.close();
});

test("S3.1 a record is performed by the job that it names, with all that it carries", async () => {
  const app = createApp();
  const runs: RunningJob<unknown>[] = [];
  app.job<{ n: number }>({ name: "a", queue: "q", perform: (_, run) => void runs.push(run) });
  const utf8 = new TextEncoder();
  const received = (job: string, value: string): ReceivedJob =>
    new ReceivedJob("q", 2, {
      ...{ offset: 5, timestamp: 1_000, key: utf8.encode("k"), value: utf8.encode(value) },
      headers: [
        ["ottla-job", utf8.encode(job)],
        ["ottla-id", utf8.encode("an-id")],
        ["source", utf8.encode("web")],
      ],
    });
  const signals = new Attempt(0, 0);
  await performReceived(stateOf(app), received("a", '{"n":1}'), 3, signals);
  const run = runs[0]!;
  assert.equal(run.signal, signals.signal);
  assert.deepEqual(
    [run.id, run.name, run.queue, run.key, run.attempt, run.topic, run.partition, run.offset],
    ["an-id", "a", "q", "k", 3, "q", 2, 5],
  );
  assert.deepEqual([run.enqueuedAt, run.headers, run.payload], [new Date(1_000), { source: "web" }, { n: 1 }]);
  assert.equal(run.headers, run.headers);
  assert.throws(
    () => performReceived(stateOf(app), received("b", "{}"), 1, signals),
    /no job is named "b" here \(defined: a\)/,
  );
  assert.throws(() => performReceived(stateOf(app), received("a", "{"), 1, signals), /is not JSON in UTF-8/);
  assert.equal(runs.length, 1);
});

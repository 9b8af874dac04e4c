import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { App } from "ottla";
import { startBroker } from "ottla/broker";
import { runExample } from "./example-process.ts";

test("hello enqueues greetings that its worker gives in order", { timeout: 60_000 }, async (t) => {
  const broker = await startBroker({ port: 0 });
  t.after(() => broker.close());
  await broker.createTopic("greetings", { partitions: 3 });
  const enqueued = await runExample("hello/enqueue.ts", { KAFKA_BROKERS: broker.address });
  assert.equal(enqueued.code, 0, enqueued.errors);
  assert.equal(enqueued.output.match(/^enqueued [0-9a-f-]{36}$/gm)?.length, 3);

  const before = process.env.KAFKA_BROKERS;
  process.env.KAFKA_BROKERS = broker.address;
  const said = t.mock.method(console, "log", () => {});
  const { app }: { app: App } = await import(new URL("../../examples/hello/worker.ts", import.meta.url).href);
  const done = new Promise<void>((resolve) => {
    let left = 3;
    app.on("completed", () => --left === 0 && resolve());
  });
  const worker = await app.work();
  await done;
  await worker.close();
  await app.close();
  if (before === undefined) delete process.env.KAFKA_BROKERS;
  else process.env.KAFKA_BROKERS = before;
  assert.deepEqual(
    said.mock.calls.map(({ arguments: [text] }) => String(text).replace(/ \(.*/, "")),
    ["Good morning, Ada!", "Good day, Ada!", "Good night, Ada!"],
  );
});

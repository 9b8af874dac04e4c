import assert from "node:assert/strict";
import { test } from "node:test";
import { type AppOptions, createApp, type DispatchMethod, type Serializer } from "../../mod.ts";
import { nextTurn } from "../../src/net/clock.ts";
import { testApp } from "../../src/testing/mod.ts";
import { QUIET } from "../support/quiet-logger.ts";

const text = new TextDecoder();

/** JSON that takes some turns of the runtime's loop to be written, and more to be read. */
const slow: Serializer = {
  async encode(payload) {
    const written = JSON.stringify(payload);
    for (let i = 0; i < 5; i++) await nextTurn();
    return written;
  },
  async decode(value) {
    for (let i = 0; i < 20; i++) await nextTurn();
    return JSON.parse(text.decode(value));
  },
};

const options: AppOptions = { group: "g", logger: QUIET, serializer: slow };

for (const dispatchMethod of ["produceSync", "produceAsync"] satisfies DispatchMethod[]) {
  test(`testApp knows a payload that takes its time to be read once the enqueue is over (${dispatchMethod})`, async (t) => {
    const app = createApp(options);
    const job = app.job<{ n: number } | undefined>({ name: "a", queue: "q", dispatchMethod, perform: () => {} });
    const kit = await testApp(app);
    t.after(() => kit.close());
    await job.performLater({ n: 1 });
    kit.assertEnqueued(job, { n: 1 });
    await job.performLater();
    assert.deepEqual(
      kit.enqueued(job).map(({ payload }) => payload),
      [{ n: 1 }, undefined],
    );
    await kit.drain();
    kit.assertPerformed(job, { n: 1 });
    assert.equal(kit.performed(job).length, 2);
    void job.performLater({ n: 2 });
    await kit.drain();
    kit.assertPerformed(job, { n: 2 });
    assert.deepEqual(
      kit.enqueued(job).map(({ offset }) => offset),
      [0, 1, 2],
    );
  });
}

test("testApp knows the payloads of a transaction, and of a bulk, that take their time to be read", async (t) => {
  const app = createApp(options);
  const job = app.job<number>({ name: "a", queue: "q", perform: () => {} });
  const kit = await testApp(app);
  t.after(() => kit.close());
  await app.transaction((tx) => Promise.all([tx.performLater(job.of(1)), tx.performLater(job.of(2))]).then(() => {}));
  await app.performAllLater([job.of(3), job.of(4)]);
  assert.deepEqual(
    kit.enqueued(job).map(({ payload }) => payload),
    [1, 2, 3, 4],
  );
});

test("testApp counts a job as enqueued whose payload cannot be read here, and forgets one that was refused", async (t) => {
  const app = createApp({ ...options, serializer: { ...slow, decode: () => Promise.reject(new Error("no key")) } });
  const job = app.job<number>({ name: "a", queue: "q", perform: () => {} });
  const kit = await testApp(app);
  t.after(() => kit.close());
  await job.performLater(1);
  assert.deepEqual(
    kit.enqueued(job).map(({ payload }) => payload),
    [undefined],
  );
  kit.failNext("Produce", "TOPIC_AUTHORIZATION_FAILED");
  await assert.rejects(job.performLater(2));
  assert.equal(kit.enqueued(job).length, 1);
});

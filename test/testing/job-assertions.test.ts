import { AssertionError } from "node:assert";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type App, createApp, type Job, type StandardSchemaV1 } from "../../mod.ts";
import { type TestApp, testApp } from "../../src/testing/mod.ts";
import { QUIET } from "../support/quiet-logger.ts";

interface Update {
  readonly userId: number;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Bench {
  readonly app: App;
  readonly update: Job<Update>;
  readonly kit: TestApp;
}

async function startBench(t: { after(fn: () => Promise<void>): void }): Promise<Bench> {
  const app = createApp({ group: "g", logger: QUIET });
  const update = app.job<Update>({
    name: "update-user",
    queue: "users",
    partitioner: ({ payload }) => payload.userId,
    perform({ userId }) {
      if (userId === 13) throw new Error("unlucky");
    },
  });
  app.job({ name: "other", queue: "users", perform: () => {} });
  const kit = await testApp(app, { seed: 42 });
  t.after(() => kit.close());
  return { app, update, kit };
}

function failsWith(assertion: () => void, message: string | RegExp): void {
  assert.throws(assertion, (error: Error) => {
    assert.ok(error instanceof AssertionError);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

test("assertEnqueued says what was enqueued instead", async (t) => {
  const { app, update, kit } = await startBench(t);
  failsWith(() => kit.assertEnqueued(update), 'job "update-user" was not enqueued. Nothing was enqueued.');
  kit.assertNotEnqueued(update);
  const other = app.job({ name: "third", queue: "users", perform: () => {} });
  await other.performLater();
  failsWith(() => kit.assertEnqueued(update), /was not enqueued\. What was enqueued: 1 × "third"$/);
  await update.performLater({ userId: 1, attributes: { name: "Ada" } });
  kit.assertEnqueued(update);
  kit.assertEnqueued(update, { userId: 1 });
  kit.assertEnqueued(update, { attributes: { name: "Ada" } });
  kit.assertNotEnqueued(update, { userId: 2 });
  failsWith(
    () => kit.assertEnqueued(update, { userId: 2 }),
    /^job "update-user" with \{"userId":2\} was not enqueued\. What was, of it:\n {2}\{"userId":1,"attributes":\{"name":"Ada"\}\} at users\/\d\/\d$/,
  );
  failsWith(
    () => kit.assertNotEnqueued(update),
    /^job "update-user" should not have been enqueued, and was:\n {2}\{"u/,
  );
  // @ts-expect-error: no such property in the payload
  failsWith(() => kit.assertEnqueued(update, { user: 1 }), /was not enqueued/);
});

test("assertEnqueued lists no more than one can read", async (t) => {
  const { app, update, kit } = await startBench(t);
  await app.performAllLater(Array.from({ length: 25 }, (_, userId) => update.of({ userId, attributes: {} })));
  failsWith(() => kit.assertEnqueued(update, { userId: 99 }), /(\n {2}\{"userId":\d.*){10}\n {2}… and 15 more$/);
});

test("assertPerformed tells runs from jobs that were not run", async (t) => {
  const { update, kit } = await startBench(t);
  await update.performLater({ userId: 1, attributes: {} });
  await update.performLater({ userId: 13, attributes: {} });
  failsWith(() => kit.assertPerformed(update, { userId: 1 }), /was not performed\. What was, of it:\n/);
  failsWith(() => kit.assertPerformedInOrder(update, () => 1), /no job "update-user" was performed/);
  kit.assertNotPerformed(update);
  await kit.drain();
  kit.assertPerformed(update, { userId: 1 });
  kit.assertNotPerformed(update, { userId: 13 });
  failsWith(() => kit.assertNotPerformed(update), /should not have been performed, and was:\n.*attempt 1 completed$/);
  failsWith(
    () => kit.assertPerformed(update, { userId: 13 }),
    /was not performed\. Runs of it:\n.*"userId":1,.*attempt 1 completed\n.*"userId":13,.*attempt 1 failed: Error: unlucky(\n.*attempt \d failed: Error: unlucky)*$/,
  );
});

test("assertPerformedInOrder shows the runs of a key that were not in order", async (t) => {
  const { update, kit } = await startBench(t);
  for (let i = 0; i < 6; i++) await update.performLater({ userId: i, attributes: {} });
  await kit.drain();
  kit.assertPerformedInOrder(update, (job) => job.payload.userId);
  // Users are on different partitions: together they are in no order.
  const backwards = kit.performed(update).some(({ payload }, i) => payload.userId !== i);
  assert.ok(backwards, "this seed must mix the users");
  failsWith(
    () => kit.assertPerformedInOrder(update, () => "all"),
    /was not performed in order for key "all": attempt 1 at job .* was started before job .*\. Its runs:(\n {2}attempt 1 at job .*){6}$/,
  );
});

test("enqueued and performed give what was seen", async (t) => {
  const { update, kit } = await startBench(t);
  const done = await update
    .set({ headers: { source: "web" } })
    .performLater({ userId: 1, attributes: { name: "Ada" } });
  assert.ok(done.state === "enqueued");
  const { id, queue, partition, offset } = done;
  const seen = { id, queue, partition, offset, name: "update-user", key: "1" };
  const payload = { userId: 1, attributes: { name: "Ada" } };
  assert.deepEqual(kit.enqueued(update), [
    { ...seen, payload, headers: { source: "web" }, enqueuedAt: new Date(1_800_000_000_000), dueAt: undefined },
  ]);
  await kit.drain();
  const startedAt = new Date(1_800_000_000_000);
  const run = { ...seen, payload, attempt: 1, worker: "worker-1", startedAt, state: "completed", error: undefined };
  assert.deepEqual(kit.performed(update), [run]);
  assert.deepEqual(kit.runs(update), [run]);
});

test("a job with a schema is enqueued by its input and performed by its output", async (t) => {
  const { app, kit } = await startBench(t);
  const schema: StandardSchemaV1<{ at: string }, { at: Date }> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => ({ value: { at: new Date((value as { at: string }).at) } }),
    },
  };
  const dated = app.job({ name: "dated", queue: "dated", schema, perform: () => {} });
  await dated.performLater({ at: "2027-01-01T00:00:00Z" });
  await kit.drain();
  kit.assertEnqueued(dated, { at: "2027-01-01T00:00:00Z" });
  kit.assertPerformed(dated, { at: new Date("2027-01-01T00:00:00Z") });
  kit.assertNotPerformed(dated, { at: new Date("2027-01-02T00:00:00Z") });
  kit.assertPerformedInOrder(dated, (job) => job.payload.at.getTime());
});

test("assertions take jobs of the app under test alone", async (t) => {
  const { kit } = await startBench(t);
  const stranger = createApp().job({ name: "update-user", queue: "users", perform: () => {} });
  assert.throws(() => kit.assertEnqueued(stranger), /job: an object given, a job of the app under test is expected/);
  assert.throws(() => kit.performed({} as typeof stranger), /a job of the app under test is expected/);
});

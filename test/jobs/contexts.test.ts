import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { createApp, stateOf } from "../../src/jobs/app.ts";
import { Attempt } from "../../src/jobs/attempt.ts";
import { DuplicateContextError } from "../../src/jobs/calling-errors.ts";
import type { ContextStore } from "../../src/jobs/contexts.ts";
import { InvalidOptionError, PayloadError, UnreadableRecordError } from "../../src/jobs/errors.ts";
import { performReceived } from "../../src/jobs/perform.ts";
import { ReceivedJob } from "../../src/jobs/received-job.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";
import { startWorkerBench } from "../support/worker-bench.ts";

interface Tenant {
  readonly id: number;
}

const perform = (): void => {};
const utf8 = new TextEncoder();

test("S1.2 what a context holds at the call travels in a header of its own, as JSON", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, {}, { q: 1 });
  const tenants = new AsyncLocalStorage<Tenant>();
  const trace = new AsyncLocalStorage<string | null>();
  app.context(tenants, { name: "tenant" });
  app.context(trace, { name: "trace.id" });
  const tenant = { id: 7 };
  const job = app.job<number>({ name: "told", queue: "q", perform });
  const calls = [
    job.performLater(0),
    tenants.run(tenant, () => job.performLater(1)),
    tenants.run(tenant, () => trace.run(null, () => job.set({ headers: { a: "ö" } }).performLater(2))),
    trace.run("ä", () => app.performAllLater([job.of(3)])),
  ];
  (tenant as { id: number }).id = 8;
  await run(Promise.all<unknown>(calls));
  const received = await jobs("q", 0);
  assert.deepEqual(
    received.map((each) => [each.text("ottla-context-tenant"), each.text("ottla-context-trace.id")]),
    [
      [undefined, undefined],
      ['{"id":7}', undefined],
      ['{"id":7}', "null"],
      [undefined, '"ä"'],
    ],
  );
  assert.deepEqual(received[2]!.headers, { a: "ö" }, "it is no header of the user's");
});

test("a value that JSON cannot carry is refused with its path, and nothing is enqueued", async (t) => {
  const { app, run, broker } = await startEnqueueBench(t, {}, { q: 1 });
  const store = new AsyncLocalStorage<unknown>();
  app.context(store, { name: "tenant" });
  const job = app.job({ name: "told", queue: "q", perform });
  const cases: [unknown, string][] = [
    [{ roles: ["a", 1n] }, 'context "tenant".roles[1]'],
    [new Map(), 'context "tenant"'],
    [Symbol("a"), 'context "tenant"'],
  ];
  for (const [value, path] of cases) {
    for (const call of [(): Promise<unknown> => job.performLater(), (): Promise<unknown> => job.performNow()])
      await assert.rejects(
        run(store.run(value, call)),
        (error: Error) => error instanceof PayloadError && error.path === path,
      );
  }
  assert.equal(broker.topics()[0]!.partitions[0]!.logEndOffset, 0);
});

test("perform runs within what its record carries, by name, and sees no other job's", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 3 } });
  // Two apps, as two processes: their contexts are of one name, and in another order.
  const enqueuing = { tenant: new AsyncLocalStorage<Tenant>(), user: new AsyncLocalStorage<string>() };
  const working = { tenant: new AsyncLocalStorage<Tenant>(), user: new AsyncLocalStorage<string>() };
  const sender = bench.process("sender").app;
  sender.context(enqueuing.tenant, { name: "tenant" });
  sender.context(enqueuing.user, { name: "user" });
  const worker = bench.process("worker");
  worker.app.context(working.user, { name: "user" });
  worker.app.context(working.tenant, { name: "tenant" });
  const seen: [number, Tenant | undefined, string | undefined][] = [];
  const held = (): [Tenant | undefined, string | undefined] => [working.tenant.getStore(), working.user.getStore()];
  worker.app.use({
    async perform(job, next) {
      assert.deepEqual(held(), wanted(job.payload as number));
      await next();
    },
  });
  const options = { name: "told", queue: "q", partitioner: ({ payload }: { payload: number }) => payload % 5 };
  const job = sender.job<number>({ ...options, perform });
  worker.app.job<number>({
    ...options,
    async perform(n) {
      await worker.sleep((n % 3) * 10);
      seen.push([n, ...held()]);
      // Whatever a job leaves behind in the store is its own.
      working.tenant.enterWith({ id: -1 });
      await worker.sleep(5);
    },
  });
  const wanted = (n: number): [Tenant | undefined, string | undefined] => [
    n % 2 === 0 ? { id: n } : undefined,
    n % 3 === 0 ? `user-${n}` : undefined,
  ];
  const call = (n: number): Promise<unknown> => {
    const [tenant, user] = wanted(n);
    const withUser = (): Promise<unknown> =>
      user === undefined ? job.performLater(n) : enqueuing.user.run(user, () => job.performLater(n));
    return tenant === undefined ? withUser() : enqueuing.tenant.run(tenant, withUser);
  };
  await bench.run(Promise.all(Array.from({ length: 60 }, (_, n) => call(n))));
  // A worker that is started within a value is no part of it.
  await working.tenant.run({ id: -2 }, () => working.user.run("starter", () => worker.work()));
  await bench.until(() => worker.seen("completed").length === 60);
  assert.deepEqual(worker.seen("failed"), []);
  assert.deepEqual(
    seen.sort(([a], [b]) => a - b),
    Array.from({ length: 60 }, (_, n) => [n, ...wanted(n)]),
  );
});

test("a context that no worker knows does no harm, and one that is no JSON fails its job", async (t) => {
  const bench = await startWorkerBench(t);
  const worker = bench.process("worker");
  const store = new AsyncLocalStorage<unknown>();
  worker.app.context(store, { name: "tenant" });
  const held: unknown[] = [];
  worker.job("q", () => void held.push(store.getStore()));
  const record = (headers: Record<string, string>): Parameters<typeof bench.produceRecords>[0][number] => {
    return { topic: "q", value: "1", headers: { "ottla-job": "work", ...headers } };
  };
  await bench.produceRecords([record({ "ottla-context-other": "{" }), record({ "ottla-context-tenant": "{" })]);
  await worker.work();
  await bench.until(() => worker.seen("failed").length > 0);
  assert.deepEqual(held, [undefined]);
  const { error } = worker.seen("failed")[0]!;
  assert.ok(error instanceof UnreadableRecordError);
  assert.match(error.message, /the header ottla-context-tenant is not JSON/);
});

test("a job whose record carries nothing runs within nothing, whatever what started it runs within", async () => {
  const app = createApp();
  const store = new AsyncLocalStorage<Tenant>();
  app.context(store, { name: "tenant" });
  const held: unknown[] = [];
  app.job<number>({ name: "work", queue: "q", perform: () => void held.push(store.getStore()) });
  const record = (headers: readonly (readonly [string, string])[]): ReceivedJob =>
    new ReceivedJob("q", 0, {
      ...{ offset: 0, timestamp: 0, key: null, value: utf8.encode("1") },
      headers: [["ottla-job", "work"] as const, ...headers].map(([name, value]) => [name, utf8.encode(value)]),
    });
  const signals = new Attempt(0, 0);
  await store.run({ id: -1 }, async () => {
    await performReceived(stateOf(app), record([]), 1, signals);
    await performReceived(stateOf(app), record([["ottla-context-tenant", '{"id":7}']]), 1, signals);
    await performReceived(stateOf(app), record([]), 1, signals);
    assert.deepEqual(store.getStore(), { id: -1 });
  });
  assert.deepEqual(held, [undefined, { id: 7 }, undefined]);
});

test("performNow runs within the values as a worker would read them", async () => {
  const app = createApp();
  const store = new AsyncLocalStorage<Tenant>();
  app.context(store, { name: "tenant" });
  const held: unknown[] = [];
  const job = app.job({ name: "now", queue: "q", perform: () => void held.push(store.getStore()) });
  const tenant = { id: 7 };
  await store.run(tenant, () => job.performNow());
  await job.performNow();
  assert.deepEqual(held, [{ id: 7 }, undefined]);
  assert.notEqual(held[0], tenant);
});

test("a store is whatever has getStore and run; two of one name, and names that no header takes, are refused", () => {
  const app = createApp();
  let held: number | undefined;
  const plain: ContextStore<number> = {
    getStore: () => held,
    run(value, work) {
      held = value;
      try {
        return work();
      } finally {
        held = undefined;
      }
    },
  };
  app.context(plain, { name: "plain" });
  app.context(plain, { name: "another" });
  assert.throws(() => app.context(plain, { name: "plain" }), DuplicateContextError);
  for (const [store, options] of [
    [plain, {}],
    [plain, { name: "" }],
    [plain, { name: "a b" }],
    [plain, { name: "a", nmae: "b" }],
    [{ getStore: () => 1 }, { name: "half" }],
    [undefined, { name: "none" }],
  ])
    assert.throws(() => app.context(store as ContextStore<number>, options as { name: string }), InvalidOptionError);
});

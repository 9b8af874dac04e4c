import assert from "node:assert/strict";
import { test } from "node:test";
import { type App, createApp, type Serializer, UnreadableRecordError } from "ottla";
import { type TestApp, testApp } from "ottla/testing";
import {
  DamagedValueError,
  type EncryptionOptions,
  encryptingSerializer,
  UnknownKeyIdError,
} from "../../examples/encryption/encrypting-serializer.ts";
import { QUIET } from "../support/quiet-logger.ts";

const k1 = new Uint8Array(32).fill(1);
const k2 = new Uint8Array(32).fill(2);

const encryption = (options: Partial<EncryptionOptions> = {}): Serializer =>
  encryptingSerializer({ keys: { k1 }, current: "k1", ...options });

interface Cleanup {
  after(fn: () => Promise<void>): void;
}

async function start(t: Cleanup, serializer: Serializer): Promise<{ app: App; kit: TestApp }> {
  const queues = { q: { partitions: 2, deadLetterQueue: { topic: "d", maxRetries: 1 } } };
  const app = createApp({ group: "g", logger: QUIET, serializer, queues });
  const kit = await testApp(app, { seed: 42 });
  t.after(() => kit.close());
  return { app, kit };
}

interface Work {
  readonly key: string;
  readonly n: number;
  readonly filler: string;
}

test("S2.3 jobs keep the order of their calls, though payloads take differently long to be encrypted", async (t) => {
  const { app, kit } = await start(t, encryption());
  const ran: number[] = [];
  const job = app.job<Work>({
    ...{ name: "work", queue: "q" },
    partitioner: ({ payload }) => payload.key,
    perform: ({ n }) => void ran.push(n),
  });
  const payloads = Array.from({ length: 60 }, (_, n): Work => {
    return { key: `key ${n % 3}`, n, filler: "x".repeat(n % 5 === 0 ? 100_000 : 1) };
  });
  const single = payloads.slice(0, 30).map((payload) => job.performLater(payload));
  const bulk = app.performAllLater(payloads.slice(30).map((payload) => job.of(payload)));
  await Promise.all([...single, bulk]);
  await kit.drain();
  kit.assertPerformedInOrder(job, ({ payload }) => payload.key);
  for (const rest of [0, 1, 2]) {
    const ofKey = ran.filter((n) => n % 3 === rest);
    assert.deepEqual(
      ofKey,
      payloads.map(({ n }) => n).filter((n) => n % 3 === rest),
    );
  }
});

test("a job without a payload stays one, and the test kit reads what is encrypted", async (t) => {
  const { app, kit } = await start(t, encryption());
  const given: unknown[] = [];
  const perform = (payload: unknown): void => void given.push(payload);
  const none = app.job({ name: "none", queue: "q", partitioner: () => "k", perform });
  const some = app.job<{ a: number } | null>({ name: "some", queue: "q", partitioner: () => "k", perform });
  await none.performLater();
  await some.performLater(null);
  await some.performLater({ a: 1 });
  kit.assertEnqueued(some, { a: 1 });
  await kit.drain();
  assert.deepEqual(given, [undefined, null, { a: 1 }]);
  await none.performNow();
  await some.performNow({ a: 2 });
  assert.deepEqual(given.slice(3), [undefined, { a: 2 }]);
});

test("S4.7 a job whose key is not here yet waits for it, and counts no attempt", async (t) => {
  const newer = encryption({ keys: { k1, k2 }, current: "k2" });
  let worker = encryption();
  const { app, kit } = await start(t, { encode: newer.encode, decode: (value) => worker.decode(value) });
  const errors: unknown[] = [];
  app.on("failed", ({ error }) => void errors.push(error));
  app.on("dead", ({ error }) => assert.fail(String(error)));
  const job = app.job<number>({ name: "work", queue: "q", partitioner: () => "k", perform: () => {} });
  await job.performLater(7);
  await kit.drain();
  await kit.advance("5m");
  kit.assertNotPerformed(job);
  assert.ok(errors.length > 5 && errors.every((error) => error instanceof UnknownKeyIdError));
  worker = newer;
  await kit.advance("1m");
  kit.assertPerformed(job, 7);
  assert.equal(kit.performed(job)[0]!.attempt, 1);
});

test("S4.7 a job that was tampered with is dead at once, and those behind it run", async (t) => {
  const serializer = encryption();
  let tamper = true;
  const encode = async (payload: unknown): Promise<Uint8Array> => {
    const value = (await serializer.encode(payload)) as Uint8Array;
    if (tamper) value[value.length - 1]! ^= 1;
    return value;
  };
  const { app, kit } = await start(t, { encode, decode: serializer.decode });
  const dead: unknown[] = [];
  app.on("dead", ({ error }) => void dead.push(error));
  const job = app.job<number>({ name: "work", queue: "q", partitioner: () => "k", perform: () => {} });
  await job.performLater(1);
  tamper = false;
  await job.performLater(2);
  await kit.drain();
  kit.assertPerformed(job, 2);
  kit.assertNotPerformed(job, 1);
  assert.equal(dead.length, 1);
  const [error] = dead;
  assert.ok(error instanceof UnreadableRecordError && error.cause instanceof DamagedValueError);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../src/jobs/app.ts";
import {
  BulkEnqueueError,
  EnqueueTimeoutError,
  PayloadError,
  PayloadRefusedError,
  UnreadableHereError,
  UnreadableRecordError,
} from "../../src/jobs/errors.ts";
import type { Serializer } from "../../src/jobs/serializer.ts";
import type { StandardSchemaV1 } from "../../src/jobs/standard-schema.ts";
import { type Clock, sleep } from "../../src/net/clock.ts";
import { type EnqueueBench, startEnqueueBench } from "../support/enqueue-bench.ts";
import { QUIET } from "../support/quiet-logger.ts";
import { startWorkerBench, type WorkerBench } from "../support/worker-bench.ts";

const perform = (): void => {};
const utf8 = new TextEncoder();
const text = new TextDecoder();
const drained = (bench: WorkerBench): boolean => bench.lag("q").every((lag) => lag === 0);

/** JSON behind a tilde, written and read in promises. `wait`: what a payload takes to be written. */
function slow(wait: (payload: unknown) => Promise<void> = () => Promise.resolve()): Serializer {
  return {
    async encode(payload) {
      const written = JSON.stringify(payload);
      await wait(payload);
      return written === '"unwritable"' ? Promise.reject(new Error("not this one")) : utf8.encode(`~${written}`);
    },
    async decode(value) {
      await Promise.resolve();
      if (value[0] !== 0x7e) throw new Error("no tilde");
      return JSON.parse(text.decode(value.subarray(1)));
    },
  };
}

/** A bench whose serializer takes a different time for each number. */
async function startSlowBench(t: Parameters<typeof startEnqueueBench>[0]): Promise<EnqueueBench> {
  let clock!: Clock;
  const serializer = slow((payload) => sleep(clock, (((payload as number) * 7919) % 50) * 10));
  const bench = await startEnqueueBench(t, { serializer }, { q: 1 });
  clock = bench.time.instance();
  return bench;
}

const numbers = (jobs: readonly { readonly value: Uint8Array | null }[]): number[] =>
  jobs.map(({ value }) => Number(text.decode(value!).slice(1)));

test("S2.3 calls keep their order though the serializer takes differently long", async (t) => {
  const { app, run, jobs } = await startSlowBench(t);
  const job = app.job<number>({ name: "j", queue: "q", partitioner: () => "k", perform });
  const all = Array.from({ length: 60 }, (_, n) => n);
  const single = all.slice(0, 30).map((n) => job.performLater(n));
  const bulk = app.performAllLater(all.slice(30).map((n) => job.of(n)));
  await run(Promise.all([...single, bulk]));
  assert.deepEqual(numbers(await jobs("q", 0)), all);
});

test("S2.3 calls keep their order through middleware and variants, and in a transaction", async (t) => {
  const { app, run, jobs } = await startSlowBench(t);
  app.use({ enqueue: (_job, next) => next() });
  const variant = app.producer.with({ acks: "leader" });
  const producer = ({ payload }: { readonly payload: number }) => (payload % 2 === 0 ? variant : app.producer);
  const plain = app.job<number>({ name: "plain", queue: "q", partitioner: () => "k", perform });
  const mixed = app.job<number>({ name: "mixed", queue: "q", partitioner: () => "k", producer, perform });
  await run(Promise.all([0, 1, 2, 3].map((n) => plain.performLater(n))));
  await run(app.performAllLater([4, 5, 6, 7].map((n) => mixed.of(n))));
  await run(
    app.transaction(async (tx) => {
      for (const n of [8, 9, 10, 11]) void tx.performLater(plain.of(n));
    }),
  );
  assert.deepEqual(numbers(await jobs("q", 0)), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("S2.3 what the serializer cannot write, or never writes, is refused and passed over", async (t) => {
  const serializer = slow((payload) => (payload === "never" ? new Promise(() => {}) : Promise.resolve()));
  const options = { serializer, producer: { deliveryTimeout: "5s" } } as const;
  const { app, run, jobs } = await startEnqueueBench(t, options, { q: 1 });
  const job = app.job<unknown>({ name: "j", queue: "q", perform });
  const calls = ["unwritable", 1, "never", 2].map((payload) => job.performLater(payload));
  const [unwritable, , never] = (await run(Promise.allSettled(calls))) as PromiseRejectedResult[];
  assert.ok(unwritable!.reason instanceof PayloadError);
  assert.match(unwritable!.reason.message, /^payload cannot be written: not this one$/);
  assert.ok(never!.reason instanceof EnqueueTimeoutError);
  assert.deepEqual(numbers(await jobs("q", 0)), [1, 2]);
  const tx = app.transaction((tx) => tx.performLater(job.of("unwritable")));
  await assert.rejects(run(tx), PayloadError);
  await assert.rejects(job.performNow("unwritable"), PayloadError);
});

test("a job of a bulk that waits for others has failed before anybody looks, and that is no stray rejection", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, { serializer: slow() }, { q: 1 });
  const variant = app.producer.with({ acks: "leader" });
  const producer = ({ payload }: { readonly payload: unknown }) => (payload === "unwritable" ? variant : app.producer);
  const job = app.job<unknown>({ name: "j", queue: "q", partitioner: () => "k", producer, perform });
  const error = await run(
    app.performAllLater([1, "unwritable", 2].map((n) => job.of(n))).catch((error: unknown) => error),
  );
  assert.ok(error instanceof BulkEnqueueError);
  assert.ok(error.results[1] instanceof PayloadError);
  assert.deepEqual(numbers(await jobs("q", 0)), [1, 2]);
});

test("a serializer that promises what is no value is refused", async (t) => {
  const serializer = { encode: () => Promise.resolve(7 as unknown as string), decode: () => 7 };
  const { app, run } = await startEnqueueBench(t, { serializer });
  const job = app.job<number>({ name: "j", queue: "q", perform });
  await assert.rejects(run(job.performLater(7)), /the serializer gives nothing for a number/);
});

test("S2.6 a schema judges what an asynchronous serializer will read, and the payload is fixed at the call", async (t) => {
  const { app, run, jobs } = await startEnqueueBench(t, { serializer: slow() }, { q: 1 });
  const judged: unknown[] = [];
  const schema: StandardSchemaV1<{ at: Date | string }, { at: Date }> = {
    "~standard": {
      ...{ version: 1, vendor: "test" },
      validate: (value) => {
        judged.push(value);
        const at = new Date((value as { at: string }).at);
        return Number.isNaN(at.getTime()) ? { issues: [{ message: "no date" }] } : { value: { at } };
      },
    },
  };
  const performed: unknown[] = [];
  const job = app.job({ name: "dated", queue: "q", schema, perform: (payload) => void performed.push(payload) });
  const payload: { at: Date | string } = { at: new Date(0) };
  const enqueued = job.performLater(payload);
  payload.at = "changed";
  await run(enqueued);
  assert.deepEqual(judged, [{ at: "1970-01-01T00:00:00.000Z" }]);
  assert.equal(text.decode((await jobs("q", 0))[0]!.value!), '~{"at":"1970-01-01T00:00:00.000Z"}');
  await assert.rejects(run(job.performLater({ at: "never" })), PayloadRefusedError);
  await job.performNow({ at: new Date(7) });
  assert.deepEqual(performed, [{ at: new Date(7) }]);
});

test("S1.1 performNow reads what an asynchronous serializer has written", async () => {
  const app = createApp({ serializer: slow() });
  const given: unknown[] = [];
  const job = app.job<unknown>({ name: "j", queue: "q", perform: (payload) => void given.push(payload) });
  for (const payload of [{ a: 1 }, null, undefined]) await job.performNow(payload);
  assert.deepEqual(given, [{ a: 1 }, null, undefined]);
});

test("S1.1 a worker reads through an asynchronous serializer, and upgrades what it has read", async (t) => {
  const bench = await startWorkerBench(t);
  const given: unknown[] = [];
  const upgrade = (payload: unknown, from: number): unknown => ({ upgraded: payload, from });
  const keep = (payload: unknown): void => void given.push(payload);
  const process = bench.process("w", { serializer: slow() }).job("q", keep, { version: 2, upgrade });
  await process.work();
  const headers = { "ottla-job": "work" };
  await bench.produceRecords([
    { topic: "q", value: "~[1]", headers },
    { topic: "q", value: "~[2]", headers: { ...headers, "ottla-version": "2" } },
  ]);
  await bench.until(() => drained(bench));
  assert.deepEqual(given, [{ upgraded: [1], from: 1 }, [2]]);
});

test("S4.7 what an asynchronous serializer cannot read is dead at once, though a rule would try it again", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const queues = { q: { deadLetterQueue: { topic: "d" } } };
  const retryOn = [{ errors: [Error], attempts: 5 }];
  const process = bench.process("w", { serializer: slow(), queues }).job("q", perform, { retryOn });
  await process.work();
  await bench.produceRecords([{ topic: "q", value: "1", headers: { "ottla-job": "work" } }]);
  await bench.until(() => drained(bench));
  const { error } = process.seen("dead")[0]!;
  assert.ok(error instanceof UnreadableRecordError);
  assert.match(error.message, /\(1 bytes\) is not what the app's serializer reads: no tilde$/);
  assert.equal((error.cause as Error).message, "no tilde");
});

for (const how of ["throws", "rejects with"] as const) {
  test(`S4.7 a job whose serializer ${how} UnreadableHereError waits for another process, uncounted`, async (t) => {
    const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
    const queues = { q: { deadLetterQueue: { topic: "d", maxRetries: 0 } } };
    let isDeployed = false;
    const decode = (value: Uint8Array): unknown => {
      if (isDeployed) return JSON.parse(text.decode(value));
      const error = new UnreadableHereError("the key is not here yet");
      if (how === "throws") throw error;
      return Promise.reject(error);
    };
    const serializer = { encode: (payload: unknown) => JSON.stringify(payload), decode };
    const process = bench.process("w", { serializer, queues, logger: QUIET }).job("q");
    await process.work();
    await bench.produce("q", 0, [1, 2]);
    await bench.until(() => process.seen("failed").length === 6);
    isDeployed = true;
    await bench.until(() => drained(bench));
    assert.deepEqual(bench.ran("q", 0), [0, 1]);
    assert.ok(
      process.seen("failed").every(({ error, job }) => error instanceof UnreadableHereError && job.attempt === 1),
    );
    assert.deepEqual(process.seen("dead"), []);
    assert.equal(bench.starts[0]!.attempt, 1);
  });
}

test("S4.7 a job that no process can read within the grace fails as any other", async (t) => {
  const bench = await startWorkerBench(t, { topics: { q: 1, d: 1 } });
  const queues = { q: { deadLetterQueue: { topic: "d", maxRetries: 1 } } };
  const decode = (): never => {
    throw new UnreadableHereError("the key is not here yet");
  };
  const serializer = { encode: (payload: unknown) => JSON.stringify(payload), decode };
  const process = bench.process("w", { serializer, queues, logger: QUIET }).job("q");
  await process.work({ unknownJobGrace: "1m" });
  await bench.produce("q", 0, [1]);
  await bench.until(() => drained(bench));
  assert.equal(process.seen("dead")[0]!.job.attempt, 2);
  const [letter] = bench.records("d", 0);
  const [, said] = letter!.headers.find(([name]) => name === "ottla-error")!;
  assert.equal(text.decode(said!), "UnreadableHereError: the key is not here yet");
});

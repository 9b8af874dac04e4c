import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../src/jobs/app.ts";
import { InvalidKeyError, PayloadError } from "../../src/jobs/errors.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";

test("performNow runs the job here, with the payload as a worker would read it", async () => {
  const lines: unknown[] = [];
  const log = (message: string, fields?: unknown): void => void lines.push([message, fields]);
  const app = createApp({ kafka: { brokers: ["nobody:1"] }, logger: { debug: log, info: log, warn: log, error: log } });
  const runs: [unknown, RunningJob<unknown>][] = [];
  const job = app.job<{ id: number; gone?: undefined }>({
    name: "now",
    queue: "q",
    partitioner: ({ payload }) => payload.id,
    async perform(payload, run) {
      await Promise.resolve();
      run.log.info("hello", { extra: 1 });
      runs.push([payload, run]);
    },
  });
  const payload = { id: 7, gone: undefined };
  await job
    .set({ queue: "other", headers: { a: "1" } })
    .set({ headers: { b: "2" } })
    .performNow(payload);
  const [given, run] = runs[0]!;
  assert.deepEqual(given, { id: 7 });
  assert.notEqual(given, payload);
  assert.equal(run.payload, given);
  const { name, queue, key, attempt, topic, partition, offset, headers } = run;
  assert.deepEqual(
    { name, queue, key, attempt, topic, partition, offset, headers },
    {
      name: "now",
      queue: "other",
      key: "7",
      attempt: 1,
      topic: "other",
      partition: -1,
      offset: -1,
      headers: { a: "1", b: "2" },
    },
  );
  assert.ok(run.enqueuedAt instanceof Date);
  assert.equal(run.signal.aborted, false);
  assert.deepEqual(lines, [["hello", { job: "now", id: run.id, attempt: 1, extra: 1 }]]);
});

test("performNow rejects with what an enqueue would refuse, and with what the job throws", async () => {
  const app = createApp();
  const job = app.job<{ key: unknown }>({
    ...{ name: "now", queue: "q" },
    partitioner: ({ payload }) => payload.key as string,
    perform: () => {
      throw new RangeError("mine");
    },
  });
  await assert.rejects(job.performNow({ key: null }), InvalidKeyError);
  await assert.rejects(job.performNow({ key: "a", at: new Date() } as never), PayloadError);
  await assert.rejects(job.performNow({ key: "a" }), RangeError);
});

test("performNow gives a job without a payload undefined", async () => {
  const app = createApp();
  const given: unknown[] = [];
  const job = app.job({ name: "now", queue: "q", perform: (payload) => void given.push(payload) });
  await job.performNow();
  assert.deepEqual(given, [undefined]);
});

test("S1.1 a serializer of the user's own writes and reads what JSON cannot", async () => {
  const app = createApp({
    serializer: {
      encode: (payload) => new TextEncoder().encode(`date:${(payload as Date).getTime()}`),
      decode: (value) => new Date(Number(new TextDecoder().decode(value).slice(5))),
    },
  });
  const given: unknown[] = [];
  const job = app.job<Date>({ name: "now", queue: "q", perform: (payload) => void given.push(payload) });
  await job.performNow(new Date(7));
  assert.deepEqual(given, [new Date(7)]);
});

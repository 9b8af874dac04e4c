import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../src/jobs/app.ts";
import { LazyModuleError } from "../../src/jobs/calling-errors.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import type { RunningJob } from "../../src/jobs/job-options.ts";
import { lazy, type PerformModule } from "../../src/jobs/lazy.ts";

test("a lazy perform is loaded at the first run, once, however many runs begin meanwhile", async () => {
  const app = createApp();
  const runs: [number, string][] = [];
  let loads = 0;
  let finish!: (loaded: PerformModule<number>) => void;
  const job = app.job<number>({
    ...{ name: "heavy", queue: "q" },
    perform: lazy<number>(() => {
      loads++;
      return new Promise((resolve) => {
        finish = resolve;
      });
    }),
  });
  assert.equal(loads, 0);
  const first = [job.performNow(1), job.performNow(2)];
  for (let i = 0; i < 10; i++) await undefined;
  assert.equal(loads, 1);
  finish({ default: (payload: number, run: RunningJob<number>) => void runs.push([payload, run.name]) });
  await Promise.all(first);
  await job.performNow(3);
  assert.equal(loads, 1);
  assert.deepEqual(runs, [
    [1, "heavy"],
    [2, "heavy"],
    [3, "heavy"],
  ]);
});

test("a load that fails is that attempt's error, and the next one tries again", async () => {
  const app = createApp();
  const outcomes: (() => Promise<PerformModule<void>>)[] = [
    () => Promise.reject(new Error("no such file")),
    () => {
      throw new Error("not even a promise");
    },
    () => Promise.resolve({ default: "perform" } as never),
    () => Promise.resolve({ perform: () => {} } as never),
    () => Promise.resolve(undefined as never),
    () => Promise.resolve({ default: () => Promise.reject(new RangeError("mine")) }),
  ];
  const job = app.job({ name: "heavy", queue: "q", perform: lazy<void>(() => outcomes.shift()!()) });
  await assert.rejects(job.performNow(), /no such file/);
  await assert.rejects(job.performNow(), /not even a promise/);
  for (const found of [/has "perform" as its default export/, /has nothing as its/, /has nothing as its/])
    await assert.rejects(
      job.performNow(),
      (error: Error) => error instanceof LazyModuleError && error.code === "LAZY_MODULE" && found.test(error.message),
    );
  for (let i = 0; i < 2; i++) await assert.rejects(job.performNow(), RangeError);
  assert.equal(outcomes.length, 0);
});

test("lazy takes a function", () => {
  assert.throws(() => lazy("./heavy.ts" as never), InvalidOptionError);
});

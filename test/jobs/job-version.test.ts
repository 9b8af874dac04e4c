import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp, stateOf } from "../../src/jobs/app.ts";
import { Attempt } from "../../src/jobs/attempt.ts";
import {
  InvalidOptionError,
  NewerVersionError,
  PayloadRefusedError,
  UnreadableRecordError,
} from "../../src/jobs/errors.ts";
import { performReceived } from "../../src/jobs/perform.ts";
import { ReceivedJob } from "../../src/jobs/received-job.ts";
import type { StandardSchemaV1 } from "../../src/jobs/standard-schema.ts";
import { startEnqueueBench } from "../support/enqueue-bench.ts";

const perform = (): void => {};
const utf8 = new TextEncoder();

/** A record of the job `user` as an enqueue of some version wrote it. */
function received(version: string | undefined, payload: string): ReceivedJob {
  const headers: [string, string][] = [["ottla-job", "user"]];
  if (version !== undefined) headers.push(["ottla-version", version]);
  return new ReceivedJob("q", 0, {
    ...{ offset: 0, timestamp: 0, key: null, value: utf8.encode(payload) },
    headers: headers.map(([name, value]) => [name, utf8.encode(value)]),
  });
}

const run = async (app: ReturnType<typeof createApp>, job: ReceivedJob): Promise<unknown> =>
  performReceived(stateOf(app), job, 1, new Attempt(0, 0));

test("S1.2 a record says which version it is of, where that is not the first", async (t) => {
  const bench = await startEnqueueBench(t, {}, { q: 1 });
  const first = bench.app.job({ name: "first", queue: "q", perform });
  const third = bench.app.job({ name: "third", queue: "q", version: 3, perform });
  await bench.run(Promise.all([first.performLater(), third.performLater()]));
  const [one, two] = await bench.jobs("q", 0);
  assert.deepEqual([one!.text("ottla-version"), one!.version], [undefined, 1]);
  assert.deepEqual([two!.text("ottla-version"), two!.version], ["3", 3]);
});

test("an older payload is upgraded before the schema judges it, a present one is not", async () => {
  const app = createApp();
  const schema: StandardSchemaV1<{ name: string }> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        typeof (value as { name?: unknown }).name === "string"
          ? { value: value as { name: string } }
          : { issues: [{ message: "text is expected", path: ["name"] }] },
    },
  };
  const log: unknown[] = [];
  app.job({
    ...{ name: "user", queue: "q", schema, version: 3 },
    async upgrade(payload, from) {
      log.push(["upgrade", payload, from]);
      await Promise.resolve();
      const { first, last } = payload as { first: string; last: string };
      return { name: from === 1 ? `${first} ${last}` : first };
    },
    perform: (payload) => void log.push(payload),
  });
  await run(app, received(undefined, '{"first":"Ada","last":"L"}'));
  await run(app, received("2", '{"first":"Ada"}'));
  await run(app, received("3", '{"name":"Ada"}'));
  assert.deepEqual(log, [
    ["upgrade", { first: "Ada", last: "L" }, 1],
    { name: "Ada L" },
    ["upgrade", { first: "Ada" }, 2],
    { name: "Ada" },
    { name: "Ada" },
  ]);
  await assert.rejects(run(app, received("3", '{"first":"Ada"}')), PayloadRefusedError);
});

test("without upgrade an older payload is taken as it is, and what upgrade throws fails the attempt", async () => {
  const taken: unknown[] = [];
  const plain = createApp();
  plain.job<unknown>({ name: "user", queue: "q", version: 2, perform: (payload) => void taken.push(payload) });
  await run(plain, received(undefined, '{"a":1}'));
  assert.deepEqual(taken, [{ a: 1 }]);
  const app = createApp();
  const upgrade = (): never => {
    throw new RangeError("no such form");
  };
  app.job<unknown>({ name: "user", queue: "q", version: 2, upgrade, perform });
  await assert.rejects(run(app, received(undefined, '{"a":1}')), RangeError);
});

test("S4.7 a record of a newer version is a named error, before its bytes are looked at", async () => {
  const app = createApp();
  app.job<unknown>({ name: "user", queue: "q", version: 2, perform });
  await assert.rejects(run(app, received("3", "\u0000")), (error: Error) => {
    assert.ok(error instanceof NewerVersionError);
    assert.deepEqual([error.code, error.recordVersion, error.jobVersion], ["NEWER_VERSION", 3, 2]);
    return /version 3 of "user", this process has version 2/.test(error.message);
  });
  for (const version of ["", "0", "-1", "1.5", "x", "9999999999"])
    await assert.rejects(run(app, received(version, "{}")), UnreadableRecordError);
});

test("a version that is none, and an upgrade that could never run, are refused", () => {
  const app = createApp();
  const cases: [object, string][] = [
    [{ version: 0 }, 'job "a".version'],
    [{ version: 1.5 }, 'job "a".version'],
    [{ version: "2" }, 'job "a".version'],
    [{ version: 2, upgrade: 7 }, 'job "a".upgrade'],
    [{ upgrade: () => 1 }, 'job "a".upgrade'],
    [{ version: 1, upgrade: () => 1 }, 'job "a".upgrade'],
  ];
  for (const [options, path] of cases)
    assert.throws(
      () => app.job({ name: "a", queue: "q", perform, ...options } as never),
      (error: Error) => error instanceof InvalidOptionError && error.option === path,
      path,
    );
});
